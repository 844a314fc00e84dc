import { randomUUID } from "node:crypto";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LeaseLost } from "#agent/drivers/driver.ts";
import { exportOfVolume, targetIqn } from "#agent/drivers/names.ts";
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

  async function exported(given: { volumeId?: string; secret?: string; access?: "rw" | "ro" } = {}) {
    const { volumeId = randomUUID(), secret = randomUUID(), access = "rw" } = given;
    const path = join(temporaryFolder(), "image");
    await writeFile(path, "");
    await truncate(path, 16 * MIB);
    const chap = { username: `user-${volumeId}`, secret: new Secret(secret) };
    const volume = { ...exportOfVolume(volumeId, access), path };
    await iscsi.ensure(context(), volume, chap);
    await iscsi.allow(context(), volume, host.iqn);
    return { volume, chap, secret, info: iscsi.connectionInfo(volume, chap, false) };
  }

  async function targetOf(volumeId: string) {
    return (await management.targets(context())).find(({ iqn }) => iqn === targetIqn(exportOfVolume(volumeId, "rw")));
  }

  test("initiators see vendor, serial and WWN of the volume's id", async () => {
    const { volume, info, secret } = await exported({ volumeId: "b79e42c4-892b-470b-af14-2134898eed9f" });
    expect((await host.inquiry(info, secret)).text).toMatch(/Vendor:BERTH.*Product:VOLUME/s);
    expect((await host.inquiry(info, secret, 0x80)).text).toContain("b79e42c4892b470baf142134898eed9f");
    expect((await host.inquiry(info, secret, 0x83)).text).toContain("4b79e42c4892b70baf142134898eed9f");
    // Another backend's removal of a volume of the same id leaves it alone.
    await iscsi.remove(context(), volume, `${volume.path}-elsewhere`);
    expect(await iscsi.allow(context(), volume, null)).toBeUndefined();
    await iscsi.remove(context(), volume, volume.path);
  });

  test("a changed secret counts from then on, and the old one is refused", async () => {
    const { volume, chap, secret, info } = await exported();
    const changed = { ...chap, secret: new Secret("another-secret-1") };
    await iscsi.ensure(context(), volume, changed);
    const now = iscsi.connectionInfo(volume, changed, false);
    expect(await host.io(info, secret, "read 0 4k")).toMatchObject({ ok: false });
    expect(await host.io(now, secret, "read 0 4k")).toMatchObject({ ok: false });
    expect(await host.io(now, "another-secret-1", "read 0 4k")).toMatchObject({ ok: true });
    await iscsi.remove(context(), volume);
  });

  test("without the lease nothing in tgtd is changed", async () => {
    const { volume, chap } = await exported();
    const before = await management.targets(context());
    const lost = () => context({ guard: leaseFor(0) });
    const calls = [
      () => iscsi.ensure(lost(), volume, { ...chap, secret: new Secret("another-secret-1") }),
      () => iscsi.ensure(lost(), { ...volume, id: randomUUID() }, { ...chap, username: "another" }),
      () => iscsi.allow(lost(), volume, null),
      () => iscsi.disallow(lost(), volume, host.iqn),
      () => iscsi.refreshSize(lost(), volume),
      () => iscsi.remove(lost(), volume),
    ];
    for (const call of calls) await expect(call()).rejects.toBeInstanceOf(LeaseLost);
    expect(await management.targets(context())).toEqual(before);
    await iscsi.remove(context(), volume);
  });

  test("what stands is not touched when it is looked after: hosts can log in at any moment", async () => {
    const { volume, chap } = await exported();
    await iscsi.ensure(context({ guard: leaseFor(0) }), volume, chap);
    await iscsi.remove(context(), volume);
  });

  test("a size is taken over whatever stands of the export, also where making it or taking it down was stopped half way", async () => {
    const { volume, chap } = await exported();
    await iscsi.remove(context(), volume);
    for (let step = 1; step < 16; step++) {
      await iscsi.ensure(context({ guard: leaseFor(step) }), volume, chap).catch(expectLeaseLost);
      await iscsi.refreshSize(context(), volume);
      await iscsi.remove(context({ guard: leaseFor(step % 4) }), volume).catch(expectLeaseLost);
      await iscsi.refreshSize(context(), volume);
      await iscsi.remove(context(), volume);
    }
  });

  test("at no step of making or changing an export is it open without a secret", async () => {
    const { volume, chap } = await exported();
    await iscsi.remove(context(), volume);
    for (let step = 1; step < 16; step++) {
      await iscsi.ensure(context({ guard: leaseFor(step) }), volume, chap).catch(expectLeaseLost);
      const target = await targetOf(volume.id);
      if (target !== undefined && target.letIn.length > 0)
        expect(target.accounts.length, `step ${step}`).toBeGreaterThan(0);
      await iscsi.ensure(context(), volume, chap);
      await iscsi.allow(context(), volume, null);
      await iscsi.ensure(context({ guard: leaseFor(step) }), volume, chap).catch(expectLeaseLost);
      expect((await targetOf(volume.id))?.accounts.length, `change at step ${step}`).toBeGreaterThan(0);
      await iscsi.remove(context({ guard: leaseFor(step) }), volume).catch(expectLeaseLost);
      await iscsi.remove(context(), volume);
      expect(await targetOf(volume.id), `step ${step}`).toBeUndefined();
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
    await iscsi.remove(context(), volume);
  });

  test("another's target that has our number is left alone", async () => {
    const volumeId = randomUUID();
    const tid = freeTid(targetIqn(exportOfVolume(volumeId, "rw")), new Set());
    await management.createTarget(context(), tid, "iqn.2026-01.test.other:theirs");
    const { volume } = await exported({ volumeId });
    expect((await targetOf(volumeId))?.tid).toBe(tid + 1);
    await iscsi.remove(context(), volume);
    expect((await management.targets(context())).map(({ iqn }) => iqn)).toContain("iqn.2026-01.test.other:theirs");
    await management.deleteTarget(context(), tid);
  });

  test("another volume's CHAP user is not taken over", async () => {
    const first = await exported();
    const second = { ...exportOfVolume(randomUUID(), "rw"), path: first.volume.path };
    await expect(iscsi.ensure(context(), second, first.chap)).rejects.toMatchObject({ outcome: "not-done" });
    expect(await host.io(first.info, first.secret, "read 0 4k")).toMatchObject({ ok: true });
    await iscsi.remove(context(), first.volume);
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
    await iscsi.remove(context(), volume);
  });

  test("an image that is not there is no export, and the target does not stay half made and open", async () => {
    const volume = { ...exportOfVolume(randomUUID(), "rw"), path: join(temporaryFolder(), "missing") };
    const chap = { username: "nobody-else", secret: new Secret("long-enough-secret") };
    await expect(iscsi.ensure(context(), volume, chap)).rejects.toMatchObject({ outcome: "not-done" });
    expect((await targetOf(volume.id))?.letIn ?? []).toEqual([]);
    await expect(iscsi.allow(context(), exportOfVolume(randomUUID(), "rw"), null)).rejects.toMatchObject({
      outcome: "not-done",
    });
    await iscsi.remove(context(), volume);
  });

  test("a read-only way stands beside the one to write: each lets in its own, and only one lets write", async () => {
    const { volume, chap, secret, info } = await exported();
    const reader = new Initiator("iqn.2026-01.test.host:reader");
    const way = { ...exportOfVolume(volume.id, "ro"), path: volume.path };
    await iscsi.ensure(context(), way, chap);
    await iscsi.allow(context(), way, reader.iqn);
    const read = iscsi.connectionInfo(way, chap, false);
    expect(read.data).toMatchObject({ access_mode: "ro" });
    expect(await host.io(info, secret, "write -P 0x3c 1M 1M")).toMatchObject({ ok: true });
    expect(await reader.io(read, secret, "read -P 0x3c 1M 1M")).toMatchObject({ ok: true });
    expect(await reader.io(read, secret, "write -P 0x3d 1M 1M")).toMatchObject({ ok: false });
    expect(await reader.writesRefused(read, secret)).toMatchObject({ ok: true });
    expect(await host.io(info, secret, "read -P 0x3c 1M 1M")).toMatchObject({ ok: true });
    expect(await reader.io(info, secret, "read 0 4k")).toMatchObject({ ok: false });
    expect(await host.io(info, secret, "read -P 0x3c 1M 1M")).toMatchObject({ ok: true });
    for (const one of [way, volume]) await iscsi.remove(context(), one);
  });

  test("a host that uses several paths is told all portals, and reaches the same volume by each", async () => {
    const { volume, chap, secret, info } = await exported();
    const { data } = iscsi.connectionInfo(volume, chap, true);
    expect(data).toMatchObject({
      target_portal: tgtd.portals[0],
      target_portals: [...tgtd.portals],
      target_iqns: [targetIqn(volume), targetIqn(volume)],
      target_luns: [1, 1],
    });
    expect(new Set(tgtd.portals).size).toBe(2);
    for (const [n, portal] of tgtd.portals.entries()) {
      const way = { ...info, data: { ...info.data, target_portal: portal } };
      expect(await host.io(way, secret, `write -P ${n + 1} ${n}M 1M`)).toMatchObject({ ok: true });
    }
    expect(await host.io(info, secret, "read -P 1 0M 1M", "read -P 2 1M 1M")).toMatchObject({ ok: true });
    await iscsi.remove(context(), volume);
  });

  test("nothing is left in tgtd when all exports are gone", async () => {
    const some = [await exported(), await exported()];
    for (const { volume } of some) await iscsi.remove(context(), volume);
    for (const { volume } of some) await iscsi.remove(context(), volume);
    expect(await management.targets(context())).toEqual([]);
  });
});

function expectLeaseLost(error: unknown): void {
  expect(error).toBeInstanceOf(LeaseLost);
}
