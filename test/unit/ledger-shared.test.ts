import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { JetStreamLedger } from "#scheduler/ledger/jetstream.ts";
import { MessagesPurged } from "#shared/bus/append-log.ts";
import { type Change, changeOf, detailId, RECORDS_VERSION } from "#shared/model/records.ts";
import { NatsLedgers } from "#test/kit/nats-ledgers.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { placementRecord, uuid, volumeRecord } from "#test/kit/records.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { until } from "#test/kit/until.ts";

const volume = (n: number, name = `v${n}`): Change => changeOf("volume", uuid(n), volumeRecord({ id: uuid(n), name }));

describe.skipIf(natsServerMissing() !== null)("a ledger that several schedulers share", () => {
  const nats = new NatsLedgers();
  beforeAll(() => nats.begin());
  afterAll(() => nats.end());

  function kept(ledger: JetStreamLedger): JetStreamLedger {
    onTestFinished(() => ledger.close());
    return ledger;
  }
  const contents = async (ledger: JetStreamLedger): Promise<Change[]> => [...(await ledger.load()).changes];

  test("is followed by standbys as it is written", async () => {
    const place = temporaryFolder();
    const leader = kept(await nats.openLeading(place, "one"));
    await leader.commit(1, [volume(1)]);
    const standby = kept(await nats.open(place, "two"));
    expect(await contents(standby)).toEqual([volume(1)]);

    const heard: number[] = [];
    const stop = new AbortController();
    const following = standby.follow((seq) => heard.push(seq), stop.signal);
    await leader.commit(2, [volume(2), volume(1, "renamed")]);
    await leader.commit(3, [changeOf("volume", uuid(2), null)]);
    await until("the standby has heard", () => standby.seq === 3);
    stop.abort();
    await following;
    expect(heard).toEqual([2, 3]);
    expect(await contents(standby)).toEqual([volume(1, "renamed")]);
  });

  test("is followed no longer than wanted, whenever that ends", async () => {
    const standby = kept(await nats.open(temporaryFolder(), "one"));
    for (const turns of [0, 1, 5, 20]) {
      const stop = new AbortController();
      const following = standby.follow(() => undefined, stop.signal);
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      stop.abort();
      await following;
    }
  });

  test("refuses who led before as soon as another leads, and keeps nothing of the refused commit", async () => {
    const place = temporaryFolder();
    const old = kept(await nats.openLeading(place, "one"));
    const next = kept(await nats.open(place, "two"));
    await old.commit(1, [volume(1)]);
    await next.lead();
    await expect(old.commit(2, [volume(2)])).rejects.toMatchObject({ code: "E_NOT_LEADER" });
    // Neither a second try, whatever the new leader has written meanwhile.
    await next.commit(2, [volume(3)]);
    await expect(old.commit(2, [volume(2)])).rejects.toMatchObject({ code: "E_NOT_LEADER" });
    expect(await contents(next)).toEqual([volume(1), volume(3)]);

    await old.lead();
    expect(await contents(old)).toEqual([volume(1), volume(3)]);
    await expect(next.commit(3, [volume(4)])).rejects.toMatchObject({ code: "E_NOT_LEADER" });
  });

  test("takes commits larger than a message, all or nothing", async () => {
    const place = temporaryFolder();
    const long = "x".repeat(250);
    const big = (from: number): Change[] => Array.from({ length: 3_000 }, (_, n) => volume(from + n, `${long}${n}`));
    const leader = kept(await nats.openLeading(place, "one"));
    await leader.commit(1, big(1));
    rmSync(join(place, "two.sqlite"), { force: true });
    const standby = kept(await nats.open(place, "two"));
    expect(await contents(standby)).toEqual(big(1));

    // A leader that dies, or is fenced off, in the midst of the parts.
    await writeFirstPart(place);
    await standby.lead();
    expect(standby.seq).toBe(1);
    await standby.commit(2, [volume(9_001)]);
    const third = kept(await nats.open(place, "three"));
    expect(await contents(third)).toEqual([...big(1), volume(9_001)]);
  });

  async function writeFirstPart(place: string): Promise<void> {
    const log = logOf(place);
    const { last } = await log.ends();
    await log.append({ id: "cut.1", part: 1, parts: 2, body: Buffer.from("half of a commit") }, last, 5_000);
  }

  function logOf(place: string, stream = "LEDGER", word = "ledger") {
    const name = nameOf(place);
    return nats.bus.appendLog({ stream: `${name}_${stream}`, subject: `berth.${word}.${name}` });
  }

  test("is purged behind a snapshot made while commits go on, and read whole by who comes late", async () => {
    const place = temporaryFolder();
    const leader = kept(await nats.openLeading(place, "one", { snapshotEveryBytes: 20_000 }));
    const idle = kept(await nats.open(place, "idle"));
    for (let seq = 1; seq <= 120; seq++)
      await leader.commit(seq, [
        volume(seq),
        volume(1, `at ${seq}`),
        changeOf("placement", detailId(uuid(seq), 1), placementRecord({ volumeId: uuid(seq), round: 1 })),
        ...(seq > 10 ? [changeOf("volume", uuid(seq - 9), null)] : []),
      ]);
    await until("older messages are purged", async () => (await logOf(place).ends()).first > 1);
    const late = kept(await nats.open(place, "late"));
    expect(late.seq).toBe(120);
    expect(await contents(late)).toEqual(await contents(leader));
    expect(await late.readDetails("placement", uuid(7))).toEqual(await leader.readDetails("placement", uuid(7)));

    // Who slept through the purge is told so, and begins anew.
    await expect(idle.catchUp(() => undefined)).rejects.toMatchObject({ code: "E_LEDGER" });
    await idle.close();
    expect(await contents(kept(await nats.open(place, "idle")))).toEqual(await contents(leader));
  });

  test("is read whole by who is overtaken by snapshots while reading", async () => {
    const place = temporaryFolder();
    const long = "x".repeat(250);
    const leader = kept(await nats.openLeading(place, "one"));
    for (let seq = 1; seq <= 20; seq++)
      await leader.commit(
        seq,
        Array.from({ length: 200 }, (_, n) => volume(seq * 1_000 + n, long)),
      );
    await leader.snapshot();
    // Two more while the first is read: the second makes it go.
    const late = nats.open(place, "late");
    for (let seq = 21; seq <= 22; seq++) {
      await leader.commit(seq, [volume(seq)]);
      await leader.snapshot();
    }
    const read = kept(await late);
    await read.catchUp(() => undefined);
    expect(await contents(read)).toHaveLength(4_002);

    const pages = logOf(place, "SNAPSHOT", "snapshot").readOf("berth.snapshot.none", 1);
    await expect(pages[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(MessagesPurged);
  });

  test("that ends with the last part of a large commit is gone on with from the copy", async () => {
    const place = temporaryFolder();
    const long = "x".repeat(250);
    const leader = await nats.openLeading(place, "one");
    await leader.commit(
      1,
      Array.from({ length: 5_000 }, (_, n) => volume(n, long)),
    );
    await leader.close();
    const again = kept(await nats.openLeading(place, "one"));
    await again.commit(2, [volume(9_000)]);
    expect(await contents(again)).toHaveLength(5_001);
  });

  test("whose stream lost its end makes a copy that knew more anew", async () => {
    const place = temporaryFolder();
    const leader = await nats.openLeading(place, "one");
    await leader.commit(1, [volume(1)]);
    await leader.commit(2, [volume(2)]);
    await leader.close();
    const other = temporaryFolder();
    const elsewhere = await nats.openLeading(other, "one");
    await elsewhere.commit(1, [volume(5)]);
    await elsewhere.close();
    // The copy of one ledger under another: as after the loss of the servers' disks.
    const mixed = kept(await nats.open(place, "one", { name: nameOf(other) }));
    expect(await contents(mixed)).toEqual([volume(5)]);
  });

  test("written by a newer program is refused", async () => {
    const place = temporaryFolder();
    await (await nats.openLeading(place, "one")).close();
    const body = Buffer.from(
      JSON.stringify({ version: RECORDS_VERSION + 1, kind: "commit", seq: 1, by: "newer", changes: [] }),
    );
    await logOf(place).append({ id: "newer.1", part: 1, parts: 1, body }, 1, 5_000);
    await expect(nats.open(place, "one")).rejects.toMatchObject({ code: "E_NEWER_DATA" });
  });

  test("takes a message once however often it is sent", async () => {
    const place = temporaryFolder();
    await (await nats.openLeading(place, "one")).close();
    const message = { id: "again.1", part: 1, parts: 1, body: Buffer.from("{}") };
    expect(await logOf(place).append(message, 1, 5_000)).toBe(2);
    // A first try was written and its answer lost.
    expect(await logOf(place).append(message, 1, 5_000)).toBe(2);
    expect((await logOf(place).ends()).last).toBe(2);
  });
});

function nameOf(place: string): string {
  return (place.split("/").at(-1) ?? "").replaceAll(/[^A-Za-z0-9]/g, "");
}
