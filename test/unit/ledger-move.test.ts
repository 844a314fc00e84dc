import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { runBerth } from "#scheduler/cli/program.ts";
import { Lease } from "#scheduler/leadership/lease.ts";
import { leaseCell } from "#scheduler/leadership/shared-cells.ts";
import { JetStreamLedger } from "#scheduler/ledger/jetstream.ts";
import type { Ledger } from "#scheduler/ledger/ledger.ts";
import { openSqliteLedger } from "#scheduler/ledger/sqlite.ts";
import { moveLedger } from "#scheduler/move/ledger-move.ts";
import { type Change, changeOf, detailId } from "#shared/model/records.ts";
import { CATALOGUE } from "#test/kit/api-stand.ts";
import { connectBus, quietLog } from "#test/kit/nats-ledgers.ts";
import { type NatsServer, natsServerMissing, startNatsServer } from "#test/kit/nats-server.ts";
import { RecordingTerminal } from "#test/kit/recording-terminal.ts";
import { placementRecord, uuid, volumeRecord } from "#test/kit/records.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

const volume = (n: number, name = `v${n}`): Change => changeOf("volume", uuid(n), volumeRecord({ id: uuid(n), name }));
const placed = placementRecord({ volumeId: uuid(1), round: 1 });

describe.skipIf(natsServerMissing() !== null)("berth ledger move", () => {
  let nats: NatsServer;
  let data: string;
  let environment: Record<string, string>;

  beforeEach(async () => {
    nats = await startNatsServer();
    data = temporaryFolder();
    environment = { BERTH_DATA: data, BERTH_NATS_URL: nats.url, BERTH_LEASE_MS: "300" };
    writeFileSync(join(data, "catalogue.json"), JSON.stringify(CATALOGUE));
    const ledger = await openSqliteLedger(join(data, "ledger.sqlite"));
    await ledger.commit(1, [volume(1), volume(2)]);
    await ledger.commit(2, [volume(3), changeOf("volume", uuid(2), null)]);
    await ledger.commit(3, [changeOf("placement", detailId(uuid(1), 1), placed)]);
    await ledger.close();
  });
  afterEach(() => nats[Symbol.asyncDispose]());

  async function opened(who = "somebody"): Promise<JetStreamLedger> {
    const bus = await connectBus(nats.url);
    const copyPath = join(data, `${who}.sqlite`);
    const ledger = await JetStreamLedger.open({ bus, copyPath, schedulerId: who, log: quietLog });
    onTestFinished(async () => {
      await ledger.close();
      await bus.close();
    });
    return ledger;
  }
  const contents = async (ledger: Ledger) => ({
    ...(await ledger.load()),
    changes: [...(await ledger.load()).changes],
  });

  test("takes all to nats-server and back, with what was done there", async () => {
    expect(await moveLedger("nats", environment)).toMatchObject({ seq: 3 });
    const shared = await opened();
    expect(await contents(shared)).toEqual({ seq: 3, changes: [volume(1), volume(3)] });
    expect(await shared.readDetails("placement", uuid(1))).toEqual([placed]);
    await shared.lead();
    await shared.commit(4, [volume(4)]);
    await shared.close();
    // The old one is not gone on with by mistake.
    expect(await contents(await openSqliteLedger(join(data, "ledger.sqlite")).then(closedLater))).toEqual({
      seq: 0,
      changes: [],
    });
  });

  test("goes back, and then nobody goes on with what was left on nats-server; and forth once more", async () => {
    await moveLedger("nats", environment);
    const shared = await opened("a leader");
    await shared.lead();
    await shared.commit(4, [volume(4)]);
    await shared.close();

    writeFileSync(join(data, "catalogue.json"), "what somebody wrote meanwhile");
    const { seq, notes } = await moveLedger("embedded", environment);
    expect(seq).toBe(4);
    expect(notes.join("\n")).toContain("catalogue.json.before-move-");
    expect(JSON.parse(readFileSync(join(data, "catalogue.json"), "utf8"))).toEqual(CATALOGUE);
    const embedded = await openSqliteLedger(join(data, "ledger.sqlite"));
    expect(await contents(embedded)).toEqual({ seq: 4, changes: [volume(1), volume(3), volume(4)] });
    expect(await embedded.readDetails("placement", uuid(1))).toEqual([placed]);
    await embedded.commit(5, [volume(5)]);
    await embedded.close();
    await expect(opened("a newcomer")).rejects.toMatchObject({ code: "E_LEDGER_MOVED" });
    await expect(opened("a leader")).rejects.toMatchObject({ code: "E_LEDGER_MOVED" });

    await moveLedger("nats", environment);
    for (const who of ["a leader", "a newcomer"])
      expect(await contents(await opened(who))).toEqual({
        seq: 5,
        changes: [volume(1), volume(3), volume(4), volume(5)],
      });
  });

  test("is taken up by standbys that found the ledger empty before", async () => {
    const early = await opened("early");
    await early.lead();
    await early.close();
    await moveLedger("nats", environment);
    expect(await contents(await opened("early"))).toEqual({ seq: 3, changes: [volume(1), volume(3)] });
  });

  test("is refused while a scheduler has the file, or leads, or when the goal holds records", async () => {
    const running = await openSqliteLedger(join(data, "ledger.sqlite"));
    await expect(moveLedger("nats", environment)).rejects.toMatchObject({ code: "E_LEDGER_LOCKED" });
    expect((await contents(running)).seq).toBe(3);
    await running.close();

    const bus = await connectBus(nats.url);
    const holder = { schedulerId: "leader", apiUrl: "http://leader:8776" };
    const lease = new Lease({ cell: leaseCell(bus), leaseMs: 300, holder, log: quietLog });
    const over = new AbortController();
    await lease.acquire(over.signal);
    const holding = lease.hold(over.signal);
    await expect(moveLedger("nats", { ...environment, BERTH_LEASE_MS: "1000" })).rejects.toMatchObject({
      code: "E_CONFLICT",
      message: "a scheduler leads at http://leader:8776; stop all schedulers first",
    });
    over.abort();
    await holding;
    await lease.release();
    await bus.close();

    const shared = await opened();
    await shared.lead();
    await shared.commit(1, [volume(9)]);
    await shared.close();
    await expect(moveLedger("nats", environment)).rejects.toMatchObject({ code: "E_CONFLICT" });
    expect(await contents(await opened())).toEqual({ seq: 1, changes: [volume(9)] });
    await expect(moveLedger("embedded", environment)).rejects.toMatchObject({ code: "E_CONFLICT" });
  });

  test("is a command of berth, with its exit codes", async () => {
    const terminal = new RecordingTerminal({ env: environment });
    expect(await runBerth(["ledger", "move", "--to", "nats"], terminal)).toBe(0);
    expect(terminal.outText).toContain("Moved to nats, as of commit 3.");
    const again = new RecordingTerminal({ env: environment });
    expect(await runBerth(["ledger", "move", "--to", "nats"], again)).toBe(3);
    expect(again.errText).toContain("there is no ledger at");
  });

  function closedLater(ledger: Ledger): Ledger {
    onTestFinished(() => ledger.close());
    return ledger;
  }
});
