import { randomUUID } from "node:crypto";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LeaseLost } from "#agent/drivers/driver.ts";
import { targetIqn } from "#agent/drivers/names.ts";
import { freeTid, scsiIdOf, serialOf } from "#agent/export/tgt/identity.ts";
import { TgtManagement } from "#agent/export/tgt/management.ts";
import { parseTargets } from "#agent/export/tgt/state.ts";
import { decodeResponse, encodeRequest, MODE, OP } from "#agent/export/tgt/wire.ts";
import { TgtExport } from "#agent/export/tgt.ts";
import { Secret } from "#shared/secret.ts";
import { callContext, leaseFor } from "#test/kit/driver-context.ts";
import { Initiator } from "#test/kit/initiator.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { iscsiMissing, startTgtd, type Tgtd } from "#test/kit/tgtd.ts";

const MIB = 1024 ** 2;

describe("identity", () => {
  const volumeId = fc.uuid({ version: 4 });

  test("two volumes never have one WWN or serial: the digit that tgt overwrites is the one all ids share", () => {
    fc.assert(
      fc.property(volumeId, volumeId, (one, other) => {
        const wwn = (id: string) => `6${scsiIdOf(id).slice(1)}`;
        expect(scsiIdOf(one)).toMatch(/^4[0-9a-f]{31}$/);
        expect(serialOf(one)).toHaveLength(32);
        expect(wwn(one) === wwn(other)).toBe(one === other);
        expect(serialOf(one) === serialOf(other)).toBe(one === other);
      }),
    );
    const id = "b79e42c4-892b-470b-af14-2134898eed9f";
    for (let digit = 0; digit < id.length; digit++) {
      if (id[digit] === "-" || digit === 14) continue;
      const near = `${id.slice(0, digit)}${id[digit] === "0" ? "1" : "0"}${id.slice(digit + 1)}`;
      expect(scsiIdOf(near).slice(1)).not.toBe(scsiIdOf(id).slice(1));
    }
  });

  test("a target's number is free, never 0, the same each time, and fits 28 bits", () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.nat()), (iqn, others) => {
        const first = freeTid(iqn, new Set(others));
        expect(first).toBe(freeTid(iqn, new Set(others)));
        expect(others).not.toContain(first);
        expect(first).toBeGreaterThan(0);
        expect(first).toBeLessThan(2 ** 28);
        expect(freeTid(iqn, new Set([...others, first]))).not.toBe(first);
      }),
    );
  });
});

describe("tgtd's own protocol", () => {
  test("a request has its fields where tgtadm.h puts them, then its text and a zero", () => {
    const bytes = encodeRequest({
      mode: MODE.connection,
      op: OP.delete,
      tid: 7,
      sessionId: 9,
      connectionId: 3,
      lun: 1,
      force: true,
      text: "ab",
    });
    expect(bytes.length).toBe(123);
    expect([0, 4, 72, 76, 96, 116].map((offset) => bytes.readUInt32LE(offset))).toEqual([6, 1, 123, 7, 3, 1]);
    expect([80, 88].map((offset) => bytes.readBigUInt64LE(offset))).toEqual([9n, 1n]);
    expect(bytes.subarray(8, 14).toString("latin1")).toBe("iscsi\0");
    expect(bytes.subarray(120).toString("latin1")).toBe("ab\0");
    expect(encodeRequest({ mode: MODE.target, op: OP.show }).readInt32LE(76)).toBe(-1);
  });

  test("an answer is a number and a length; one cut short is none, one unknown a failure", () => {
    const answer = (error: number, text: string, lengthBytes = 8 + text.length): Buffer => {
      const header = Buffer.alloc(8);
      header.writeUInt32LE(error, 0);
      header.writeUInt32LE(lengthBytes, 4);
      return Buffer.concat([header, Buffer.from(text)]);
    };
    expect(decodeResponse(answer(0, "Target 1: x\n\0"))).toEqual({ answer: "success", text: "Target 1: x\n" });
    expect(decodeResponse(answer(9, ""))).toEqual({ answer: "this target already exists", text: "" });
    expect(decodeResponse(answer(99, ""))).toEqual({ answer: "unknown error", text: "" });
    expect(decodeResponse(answer(0, "Target", 100))).toBeNull();
    expect(decodeResponse(Buffer.alloc(3))).toBeNull();
  });

  test("what tgtd tells of its targets is read, hostile alias and all", () => {
    const text = [
      "Target 5: iqn.2026-01.org.berth:volume-a",
      "    System information:",
      "        Driver: iscsi",
      "    I_T nexus information:",
      "        I_T nexus: 3",
      "            Initiator: iqn.2026-01.test.host:h1 alias: LUN: 1",
      "            Connection: 0",
      "                IP Address: 127.0.0.1",
      "    LUN information:",
      "        LUN: 0",
      "            Type: controller",
      "        LUN: 1",
      "            SCSI ID: 4abc",
      "            SCSI SN: abc",
      "            Online: No",
      "            Readonly: Yes",
      "            Backing store path: /images/LUN: 7/v",
      "            Backing store flags: ",
      "    Account information:",
      "        guard",
      "        user",
      "        other (outgoing)",
      "    ACL information:",
      "        ALL",
      "Target 6: iqn.2026-01.org.berth:volume-b",
      "    System information:",
      "    ACL information:",
      "",
    ].join("\n");
    expect(parseTargets(text)).toEqual([
      {
        tid: 5,
        iqn: "iqn.2026-01.org.berth:volume-a",
        sessions: [{ id: 3, initiator: "iqn.2026-01.test.host:h1", connectionIds: [0] }],
        luns: [
          { lun: 0, scsiId: "", serial: "", online: false, readonly: false, path: "" },
          { lun: 1, scsiId: "4abc", serial: "abc", online: false, readonly: true, path: "/images/LUN: 7/v" },
        ],
        accounts: ["guard", "user"],
        letIn: ["ALL"],
      },
      { tid: 6, iqn: "iqn.2026-01.org.berth:volume-b", sessions: [], luns: [], accounts: [], letIn: [] },
    ]);
    expect(parseTargets("")).toEqual([]);
  });
});

describe.skipIf(iscsiMissing() !== null)("with a real tgtd", () => {
  let tgtd: Tgtd;
  let management: TgtManagement;
  let iscsi: TgtExport;
  beforeAll(async () => {
    tgtd = await startTgtd();
    management = new TgtManagement(tgtd.socketPath);
    iscsi = new TgtExport(tgtd);
  });
  afterAll(() => tgtd[Symbol.asyncDispose]());

  const host = new Initiator("iqn.2026-01.test.host:h1");
  const context = callContext;

  async function exported(given: { volumeId?: string; secret?: string } = {}) {
    const { volumeId = randomUUID(), secret = randomUUID() } = given;
    const path = join(temporaryFolder(), "image");
    await writeFile(path, "");
    await truncate(path, 16 * MIB);
    const chap = { username: `user-${volumeId}`, secret: new Secret(secret) };
    const volume = { volumeId, path };
    await iscsi.ensure(context(), volume, chap);
    await iscsi.allow(context(), volumeId, host.iqn);
    return { volume, chap, secret, info: iscsi.connectionInfo(volumeId, chap) };
  }

  async function targetOf(volumeId: string) {
    return (await management.targets(context())).find(({ iqn }) => iqn === targetIqn(volumeId));
  }

  test("initiators see vendor, serial and WWN of the volume's id", async () => {
    const { volume, info, secret } = await exported({ volumeId: "b79e42c4-892b-470b-af14-2134898eed9f" });
    expect((await host.inquiry(info, secret)).text).toMatch(/Vendor:BERTH.*Product:VOLUME/s);
    expect((await host.inquiry(info, secret, 0x80)).text).toContain("b79e42c4892b470baf142134898eed9f");
    expect((await host.inquiry(info, secret, 0x83)).text).toContain("4b79e42c4892b70baf142134898eed9f");
    // Another backend's removal of a volume of the same id leaves it alone.
    await iscsi.remove(context(), volume.volumeId, `${volume.path}-elsewhere`);
    expect(await iscsi.allow(context(), volume.volumeId, null)).toBeUndefined();
    await iscsi.remove(context(), volume.volumeId, volume.path);
  });

  test("a changed secret counts from then on, and the old one is refused", async () => {
    const { volume, chap, secret, info } = await exported();
    await iscsi.ensure(context(), volume, { ...chap, secret: new Secret("another-secret-1") });
    expect(await host.io(info, secret, "read 0 4k")).toMatchObject({ ok: false });
    expect(await host.io(info, "another-secret-1", "read 0 4k")).toMatchObject({ ok: true });
    await iscsi.remove(context(), volume.volumeId);
  });

  test("without the lease nothing in tgtd is changed", async () => {
    const { volume, chap } = await exported();
    const before = await management.targets(context());
    const lost = () => context({ guard: leaseFor(0) });
    const calls = [
      () => iscsi.ensure(lost(), volume, chap),
      () => iscsi.ensure(lost(), { ...volume, volumeId: randomUUID() }, { ...chap, username: "another" }),
      () => iscsi.allow(lost(), volume.volumeId, null),
      () => iscsi.disallow(lost(), volume.volumeId, host.iqn),
      () => iscsi.refreshSize(lost(), volume),
      () => iscsi.remove(lost(), volume.volumeId),
    ];
    for (const call of calls) await expect(call()).rejects.toBeInstanceOf(LeaseLost);
    expect(await management.targets(context())).toEqual(before);
    await iscsi.remove(context(), volume.volumeId);
  });

  test("at no step of making or changing an export is it open without a secret", async () => {
    const { volume, chap } = await exported();
    await iscsi.remove(context(), volume.volumeId);
    for (let step = 1; step < 16; step++) {
      await iscsi.ensure(context({ guard: leaseFor(step) }), volume, chap).catch(expectLeaseLost);
      const target = await targetOf(volume.volumeId);
      if (target !== undefined && target.letIn.length > 0)
        expect(target.accounts.length, `step ${step}`).toBeGreaterThan(0);
      await iscsi.ensure(context(), volume, chap);
      await iscsi.allow(context(), volume.volumeId, null);
      await iscsi.ensure(context({ guard: leaseFor(step) }), volume, chap).catch(expectLeaseLost);
      expect((await targetOf(volume.volumeId))?.accounts.length, `change at step ${step}`).toBeGreaterThan(0);
      await iscsi.remove(context({ guard: leaseFor(step) }), volume.volumeId).catch(expectLeaseLost);
      await iscsi.remove(context(), volume.volumeId);
      expect(await targetOf(volume.volumeId), `step ${step}`).toBeUndefined();
    }
  });

  test("an image elsewhere is exported from there, and who was let in stays so", async () => {
    const { volume, chap, secret, info } = await exported();
    await host.io(info, secret, "write -P 1 0 1M");
    const other = join(temporaryFolder(), "other");
    await writeFile(other, "");
    await truncate(other, 32 * MIB);
    await iscsi.ensure(context(), { ...volume, path: other }, chap);
    expect(await host.sizeBytes(info, secret)).toBe(32 * MIB);
    expect(await host.io(info, secret, "read -P 0 0 1M")).toMatchObject({ ok: true });
    await iscsi.remove(context(), volume.volumeId);
  });

  test("another's target that has our number is left alone", async () => {
    const volumeId = randomUUID();
    const tid = freeTid(targetIqn(volumeId), new Set());
    await management.createTarget(context(), tid, "iqn.2026-01.test.other:theirs");
    const { volume } = await exported({ volumeId });
    expect((await targetOf(volumeId))?.tid).toBe(tid + 1);
    await iscsi.remove(context(), volume.volumeId);
    expect((await management.targets(context())).map(({ iqn }) => iqn)).toContain("iqn.2026-01.test.other:theirs");
    await management.deleteTarget(context(), tid);
  });

  test("another volume's CHAP user is not taken over", async () => {
    const first = await exported();
    const second = { volumeId: randomUUID(), path: first.volume.path };
    await expect(iscsi.ensure(context(), second, first.chap)).rejects.toMatchObject({ outcome: "not-done" });
    expect(await host.io(first.info, first.secret, "read 0 4k")).toMatchObject({ ok: true });
    await iscsi.remove(context(), first.volume.volumeId);
  });

  test("what tgt cannot be told is refused before it is told anything", async () => {
    const { volume, chap } = await exported();
    const wrong = [
      [{ ...volume, path: `${volume.path},bstype=aio` }, chap],
      [{ ...volume, path: "relative" }, chap],
      [volume, { ...chap, username: "user,password=known" }],
      [volume, { ...chap, secret: new Secret("short") }],
      [volume, { ...chap, secret: new Secret("with\0zero-inside") }],
    ] as const;
    for (const [asked, credentials] of wrong)
      await expect(iscsi.ensure(context(), asked, credentials)).rejects.toMatchObject({ outcome: "not-done" });
    await iscsi.remove(context(), volume.volumeId);
  });

  test("an image that is not there is no export, and the target does not stay half made and open", async () => {
    const volume = { volumeId: randomUUID(), path: join(temporaryFolder(), "missing") };
    const chap = { username: "nobody-else", secret: new Secret("long-enough-secret") };
    await expect(iscsi.ensure(context(), volume, chap)).rejects.toMatchObject({ outcome: "not-done" });
    expect((await targetOf(volume.volumeId))?.letIn ?? []).toEqual([]);
    await expect(iscsi.allow(context(), randomUUID(), null)).rejects.toMatchObject({ outcome: "not-done" });
    await iscsi.remove(context(), volume.volumeId);
  });

  test("nothing is left in tgtd when all exports are gone", async () => {
    const some = [await exported(), await exported()];
    for (const { volume } of some) await iscsi.remove(context(), volume.volumeId);
    for (const { volume } of some) await iscsi.remove(context(), volume.volumeId);
    expect(await management.targets(context())).toEqual([]);
  });
});

function expectLeaseLost(error: unknown): void {
  expect(error).toBeInstanceOf(LeaseLost);
}
