import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAnswer } from "#agent/drivers/lefthand/answer.ts";
import { cliqQuoting } from "#agent/drivers/lefthand/cliq.ts";
import { type Mark, parseMark, printMark } from "#agent/drivers/lefthand/mark.ts";
import { sizeWord } from "#agent/drivers/lefthand/objects.ts";
import { isClonePoint, isNoSpace, meaningOf } from "#agent/drivers/lefthand/results.ts";

const uuid = fc.uuid();
const marks: fc.Arbitrary<Mark> = fc.record({
  writtenAtMs: fc.nat({ max: 2 ** 45 }),
  state: fc.constantFrom("whole" as const, "unfinished" as const, "on-own-snapshot" as const),
  aboutId: fc.option(uuid),
  owner: fc.option(
    fc.record(
      {
        projectId: fc.string({ minLength: 1, unit: "grapheme", maxLength: 40 }),
        flavorName: fc.string({ unit: "grapheme", maxLength: 40 }),
        name: fc.string({ unit: "grapheme", maxLength: 255 }),
        volumeId: uuid,
      },
      { requiredKeys: ["projectId", "flavorName", "name"] },
    ),
  ),
});

describe("marks", () => {
  test("say again what they were told, where there is room", () => {
    fc.assert(
      fc.property(marks, (mark) => {
        expect(parseMark(printMark(mark, 100_000))).toEqual(mark);
      }),
    );
  });

  test("fit into a description, are one plain word, and keep whose it is or say nothing of it", () => {
    fc.assert(
      fc.property(marks, fc.integer({ min: 64, max: 200 }), (mark, limit) => {
        const text = printMark(mark, limit);
        expect(text.length).toBeLessThanOrEqual(limit);
        expect(text).toMatch(/^[A-Za-z0-9._:%-]+$/);
        const read = parseMark(text);
        expect(read).toMatchObject({ state: mark.state, aboutId: mark.aboutId, writtenAtMs: mark.writtenAtMs });
        if (read?.owner == null) return;
        expect(read.owner.projectId).toBe(mark.owner?.projectId);
        expect(mark.owner?.name.startsWith(read.owner.name)).toBe(true);
      }),
    );
  });

  test("of the usual lengths are whole in 127 characters", () => {
    const owner = { projectId: "6f70656e737461636b2d70726f6a6563", flavorName: "gold", name: "database of the shop" };
    const mark: Mark = {
      writtenAtMs: Date.now(),
      state: "whole",
      aboutId: "0b8d3c5e-6a0f-4c1b-9d2e-7f8091a2b3c4",
      owner,
    };
    expect(parseMark(printMark(mark, 127))).toEqual(mark);
  });

  test.each([
    "",
    "two words",
    "berth1",
    "berth1:x",
    "berth2:1:w:::p:f:n",
    "berth1:1:z:::p:f:n",
    "berth1:1:w:short::p:f:n",
    "berth1:1:w:::%zz:f:n",
  ])("%j is none", (text) => expect(parseMark(text)).toBeNull());
});

/** An answer as it was recorded of a real system. */
const VOLUME = `<gauche version="1.0">
  <response description="Operation succeeded." name="CliqSuccess" processingTime="87" result="0">
    <volume autogrowPages="4" availability="online" blockSize="1024" bytesWritten="0" checkSum="false"
        clusterName="Cluster01" created="2011-02-08T19:56:53Z" deleting="false" description="" groupName="Group01"
        initialQuota="536870912" isPrimary="true" iscsiIqn="iqn.2003-10.com.lefthandnetworks:group01:25366:fakev"
        maxSize="6865387257856" md5="9fa5c8b2cca54b2948a63d833097e1ca" minReplication="1" name="fakev" parity="0"
        replication="2" reserveQuota="536870912" scratchQuota="4194304"
        serialNumber="9fa5c8b2cca54b2948a63d8" size="1073741824" stridePages="32" thinProvision="true">
      <status description="OK" value="2"/>
      <permission access="rw" authGroup="api-34281B815713B78-(trimmed)51ADD4B7030853AA7" chapName="chapusername"
          chapRequired="true" id="25369" initiatorSecret="" iqn="" iscsiEnabled="true" loadBalance="true"
          targetSecret="supersecret"/>
    </volume>
  </response>
</gauche>`;

describe("answers", () => {
  test("a volume is read as it was recorded", () => {
    const { result, volume } = parseAnswer(VOLUME);
    expect(result).toBe("0");
    expect(volume).toMatchObject([
      {
        name: "fakev",
        size: "1073741824",
        iscsiIqn: expect.stringContaining(":25366:fakev"),
        permission: [{ iqn: "" }],
      },
    ]);
  });

  test("a cluster with one and with two virtual IPs is read alike", () => {
    const told = (vips: string) =>
      parseAnswer(
        `<?xml version="1.0" encoding="UTF-8" standalone="no" ?>
        <gauche version="1.0"><response description="Operation succeeded." name="CliqSuccess" processingTime="1164" result="0">
        <cluster blockSize="1024" description="" name="Cluster01" spaceTotal="633697992" unprovisionedSpace="622960574">
        <nsm ipAddress="10.0.1.7" name="a"/>${vips}</cluster></response></gauche>`,
      ).cluster?.[0]?.vip;
    expect(told('<vip ipAddress="10.0.1.6" subnetMask="255.255.255.0"/>')).toMatchObject([{ ipAddress: "10.0.1.6" }]);
    expect(told('<vip ipAddress="10.0.1.6"/><vip ipAddress="10.0.2.6"/>')).toHaveLength(2);
    expect(told("")).toBeUndefined();
  });

  test("what people wrote is text, whatever it looks like", () => {
    const text = VOLUME.replace('description=""', 'description="&lt;b&gt; &amp;amp; 007 größe &#9731;"');
    expect(parseAnswer(text).volume?.[0]?.description).toMatch(/^<b> &amp; 007 größe/);
  });

  test.each([
    ["nothing", ""],
    ["a shell's words", "sh: CLIQ: command not found"],
    ["half of it", VOLUME.slice(0, 700)],
    ["no response", '<gauche version="1.0"></gauche>'],
    ["no result", VOLUME.replace('result="0"', "")],
    ["a size that is no number", VOLUME.replace('size="1073741824"', 'size="1e9"')],
    ["a document type", `<!DOCTYPE g [<!ENTITY e "x">]>${VOLUME}`],
  ])("%s is no answer, and the failure repeats no secret", (_what, text) => {
    expect(() => parseAnswer(text)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("supersecret") }),
    );
  });
});

test.each([
  ["0", "CliqSuccess", "Operation succeeded.", "done"],
  ["1", "CliqNothingDone", "", "done"],
  ["2", "CliqOperationPending", "", "pending"],
  ["3", "CliqOperationAbandoned", "", "refused"],
  ["4", "CliqNothingFound", "", "not-found"],
  ["8000100c", "CliqVolumeNotFound", "Volume 'v' not found.", "not-found"],
  ["8000100C", "CliqVolumeNotFound", "Volume 'v' not found.", "not-found"],
  ["80001001", "CliqUnexpected", "Snapshot 's' not found.", "not-found"],
  ["8000100d", "CliqSnapshotNotFound", "", "not-found"],
  ["80001006", "CliqMissingParameter", "The volume is not found among the parameters.", "refused"],
  ["80001001", "CliqUnexpected", "An unexpected error has occurred.", "failed"],
  ["00000000", "CliqOdd", "", "failed"],
])("the result %s %s %j means %s", (result, name, description, meaning) => {
  expect(meaningOf({ result, name, description })).toBe(meaning);
});

test("a failure without a number of its own is told by what it says", () => {
  const said = (description: string) => ({ result: "80001001", name: "CliqUnexpected", description });
  expect(isNoSpace(said("There is not enough space available in cluster 'c'."))).toBe(true);
  expect(isNoSpace(said("The name space is odd."))).toBe(false);
  expect(isClonePoint(said("Snapshot 's' cannot be deleted because it is a clone point."))).toBe(true);
});

test.each([
  [1024 ** 3, "1GB"],
  [1536 * 1024 ** 2, "1536MB"],
  [100 * 1024, "100KB"],
  [1024 ** 3 + 1, "1048577KB"],
])("%i bytes are said as %s", (bytes, word) => expect(sizeWord(bytes)).toBe(word));

test("only the value of what has blanks is quoted", () => {
  expect(["getVolumeInfo", "volumeName=v", "clusterName=my cluster", "a=b=c d"].map(cliqQuoting)).toEqual([
    "getVolumeInfo",
    "volumeName=v",
    'clusterName="my cluster"',
    'a="b=c d"',
  ]);
});
