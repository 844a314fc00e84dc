import { randomBytes, randomUUID } from "node:crypto";
import { deflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { pageAfter } from "#agent/drivers/page.ts";
import { chosenPortals, iscsiConnection } from "#agent/drivers/san/iscsi.ts";
import { listedNames } from "#agent/drivers/san/listing.ts";
import { doneOrFound, foundOrDone, NameTaken } from "#agent/drivers/san/made-once.ts";
import { parseMark, printMark, type SanMark } from "#agent/drivers/san/mark.ts";
import { AnswerLost, Unreachable } from "#agent/transport/failures.ts";
import { LISTED_PER_PAGE } from "#shared/model/listing.ts";
import { MARK } from "#test/conformance/objects.ts";
import { callContext } from "#test/kit/driver-context.ts";

function markOf(name: string): SanMark {
  const id = randomUUID();
  return { kind: "volume", id, volumeId: id, sizeBytes: 2 ** 30, owner: { ...MARK, name }, writtenAtMs: 1_000 };
}

describe("a mark on a SAN", () => {
  test("is told again as it was written, in characters that nothing takes for its own", () => {
    for (const name of ["", "data", `'"$(id)\`;|&<>\\`, "🚢".repeat(127), MARK.name]) {
      const mark = markOf(name);
      const text = printMark(mark, 2000);
      expect(text).toMatch(/^[A-Za-z0-9_:-]+$/);
      expect(parseMark(text ?? "")).toEqual(mark);
    }
  });

  test("loses of its name what does not fit, and nothing else", () => {
    const mark = markOf(randomBytes(120).toString("hex"));
    const text = printMark(mark, 300) ?? "";
    expect(text.length).toBeLessThanOrEqual(300);
    const read = parseMark(text);
    expect(read).toEqual({ ...mark, owner: { ...mark.owner, name: read?.owner.name } });
    expect(mark.owner.name.startsWith(read?.owner.name ?? "-")).toBe(true);
    expect(printMark(mark, 100)).toBeNull();
  });

  test("is not what others wrote there, however odd or large", () => {
    const bomb = deflateRawSync(Buffer.alloc(64 * 1024 ** 2)).toString("base64url");
    const other = deflateRawSync('{"kind":"volume"}').toString("base64url");
    for (const text of ["", "berth1:", "berth1:!!", "a description", `berth1:${bomb}`, `berth1:${other}`])
      expect(parseMark(text)).toBeNull();
  });
});

describe("where hosts are sent", () => {
  test("are the addresses that begin as the operator said, each with its port", () => {
    const addresses = ["10.0.7.1", "10.0.8.1:3261", "10.0.7.2:860", "[fd00::1]:3260", "fd00::2"];
    expect(chosenPortals(addresses, undefined)).toEqual([
      "10.0.7.1:3260",
      "10.0.8.1:3261",
      "10.0.7.2:860",
      "[fd00::1]:3260",
      "[fd00::2]:3260",
    ]);
    expect(chosenPortals(addresses, "10.0.7.")).toEqual(["10.0.7.1:3260", "10.0.7.2:860"]);
    expect(chosenPortals(addresses, "fd00:")).toEqual(["[fd00::1]:3260", "[fd00::2]:3260"]);
    expect(() => chosenPortals(addresses, "192.")).toThrow("begins with 192.");
  });

  test("is one way, or all of them to hosts that use several", () => {
    const ways = ["10.0.7.1:3260", "10.0.7.2:3260"].map((portal) => ({ portal, iqn: "iqn.2026-01.test:v", lun: 0 }));
    const one = iscsiConnection({ ways, chapUser: "berth", access: "ro", multipath: false });
    expect(one).toEqual({
      driverVolumeType: "iscsi",
      data: {
        target_discovered: false,
        target_portal: "10.0.7.1:3260",
        target_iqn: "iqn.2026-01.test:v",
        target_lun: 0,
        auth_method: "CHAP",
        auth_username: "berth",
        access_mode: "ro",
      },
    });
    const all = iscsiConnection({ ways, chapUser: null, access: "rw", multipath: true });
    expect(all.data).toMatchObject({ target_portals: ["10.0.7.1:3260", "10.0.7.2:3260"], target_luns: [0, 0] });
    expect(all.data).not.toHaveProperty("auth_method");
    expect(() => iscsiConnection({ ways: [], chapUser: null, access: "rw", multipath: false })).toThrow("no address");
  });
});

describe("what may have been made", () => {
  const lost = async () => {
    throw new AnswerLost("cut");
  };

  test("is looked for when the answer was lost, and not made again", async () => {
    expect(await doneOrFound(lost, async () => "found")).toBe("found");
    await expect(doneOrFound(lost, async () => null)).rejects.toMatchObject({ outcome: "unknown" });
  });

  test("is unknown as long as nobody can look, and surely not there if it was never asked for", async () => {
    const away = async () => {
      throw new Unreachable("away");
    };
    await expect(doneOrFound(lost, away)).rejects.toMatchObject({ outcome: "unknown" });
    await expect(doneOrFound(away, async () => "another's")).rejects.toMatchObject({ outcome: "not-done" });
  });

  test("is looked for as well when its name is taken, and refused when nothing stands", async () => {
    const taken = async () => {
      throw new NameTaken("volume-1");
    };
    expect(await doneOrFound(taken, async () => "found")).toBe("found");
    await expect(doneOrFound(taken, async () => null)).rejects.toMatchObject({ outcome: "not-done" });
  });

  test("is looked for until lists have it, where they are late; and before, where a second one would be made", async () => {
    const late = { context: callContext(), lookMs: 10_000 };
    const lists = [null, null, null, "found"];
    expect(await foundOrDone(late, async () => lists.shift() ?? null, lost)).toBe("found");
    expect(await foundOrDone(late, async () => "stood", lost)).toBe("stood");
    const never = { context: callContext(), lookMs: 0 };
    await expect(foundOrDone(never, async () => null, lost)).rejects.toMatchObject({ outcome: "unknown" });
  });
});

test("a listing goes on where the last page ended, also among two of one name", () => {
  const object = { kind: "volume" as const, name: "twin", sizeBytes: 1, mark: null };
  const objects = Array.from({ length: LISTED_PER_PAGE + 10 }, (_, n) => ({ ...object, providerId: String(1000 + n) }));
  const first = pageAfter(listedNames(objects, 0), null);
  const second = pageAfter(listedNames(objects, 0), first.next);
  expect([first.foreign.length, second.foreign.length, second.next]).toEqual([LISTED_PER_PAGE, 10, null]);
});
