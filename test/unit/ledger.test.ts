import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { JetStreamLedger } from "#scheduler/ledger/jetstream.ts";
import type { Ledger } from "#scheduler/ledger/ledger.ts";
import { openSqliteLedger } from "#scheduler/ledger/sqlite.ts";
import { fullMessage } from "#shared/errors.ts";
import { type Change, changeOf, detailId, RECORDS_VERSION } from "#shared/model/records.ts";
import { NatsLedgers } from "#test/kit/nats-ledgers.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { jobRecord, placementRecord, uuid, volumeRecord } from "#test/kit/records.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

/** How a driver is opened on what stands in a place: twice on one place is one ledger, opened again. */
type OpenLedger = (place: string) => Promise<Ledger>;

const nats = natsServerMissing() === null ? new NatsLedgers() : null;
beforeAll(async () => await nats?.begin());
afterAll(async () => await nats?.end());

const DRIVERS: Readonly<Record<string, OpenLedger>> = {
  sqlite: (place) => openSqliteLedger(join(place, "ledger.sqlite")),
  ...(nats === null
    ? {}
    : {
        jetstream: (place) => nats.openLeading(place),
        "jetstream, read anew each time": async (place) => {
          rmSync(join(place, "copy.sqlite"), { force: true });
          return await nats.openLeading(place);
        },
        "jetstream, read from snapshots": async (place) => {
          rmSync(join(place, "copy.sqlite"), { force: true });
          return snapshotBeforeClose(await nats.openLeading(place));
        },
      }),
};

/** What is opened again comes from a snapshot alone. */
function snapshotBeforeClose(ledger: JetStreamLedger): Ledger {
  return {
    load: () => ledger.load(),
    commit: (seq, changes) => ledger.commit(seq, changes),
    readDetails: (kind, ownerId) => ledger.readDetails(kind, ownerId),
    close: async () => {
      await ledger.snapshot();
      await ledger.close();
    },
  };
}

const volume = (n: number, name = `v${n}`): Change => changeOf("volume", uuid(n), volumeRecord({ id: uuid(n), name }));
const placement = (n: number, round: number): Change =>
  changeOf("placement", detailId(uuid(n), round), placementRecord({ volumeId: uuid(n), round }));

describe.each(Object.entries(DRIVERS))("ledger contract: %s", (_name, open) => {
  async function reopened(place: string): Promise<{ seq: number; changes: Change[] }> {
    const ledger = await open(place);
    const { seq, changes } = await ledger.load();
    const all = [...changes];
    await ledger.close();
    return { seq, changes: all };
  }

  test("a new one is empty and at commit 0", async () => {
    expect(await reopened(temporaryFolder())).toEqual({ seq: 0, changes: [] });
  });

  test("gives back what was committed, whatever the texts in it", async () => {
    const place = temporaryFolder();
    const ledger = await open(place);
    const odd = volumeRecord({
      id: uuid(3),
      name: `'); DROP TABLE records; -- "\\ 🚀 ü`,
      metadata: { k: "line\nline" },
    });
    const changes: Change[] = [
      volume(1),
      changeOf("volume", odd.id, odd),
      changeOf("job", "job-1", jobRecord({ id: "job-1" })),
      changeOf("tombstone", "t1", {
        id: "t1",
        kind: "volume",
        backendId: 1,
        claims: [],
        historyCount: 0,
        placementRounds: 1,
        deletedAtMs: 5,
      }),
      changeOf("idempotency", "p/key/with/slashes", {
        id: "p/key/with/slashes",
        projectId: "p",
        bodyHash: "h",
        volumeId: uuid(1),
        createdAtMs: 1,
      }),
    ];
    await ledger.commit(1, changes);
    await ledger.close();
    expect(await reopened(place)).toEqual({ seq: 1, changes });
  });

  test("keeps the order of creation over updates and removals", async () => {
    const place = temporaryFolder();
    const ledger = await open(place);
    await ledger.commit(1, [volume(5), volume(2), volume(9)]);
    await ledger.commit(2, [volume(2, "renamed"), changeOf("volume", uuid(9), null)]);
    await ledger.commit(3, [volume(1), volume(5, "again")]);
    await ledger.commit(4, [changeOf("volume", uuid(5), null), volume(5, "made anew")]);
    await ledger.close();
    const { seq, changes } = await reopened(place);
    expect(seq).toBe(4);
    expect(changes).toEqual([volume(2, "renamed"), volume(1), volume(5, "made anew")]);
  });

  test("removing what is not there is no fault; the last change of a record in a commit counts", async () => {
    const place = temporaryFolder();
    const ledger = await open(place);
    await ledger.commit(1, [changeOf("job", "never", null), volume(1, "first"), volume(1, "last")]);
    await ledger.close();
    expect((await reopened(place)).changes).toEqual([volume(1, "last")]);
  });

  test.each([0, 1, 3, -1])("after commit 1, commit %i is refused and nothing of it is kept", async (seq) => {
    const place = temporaryFolder();
    const ledger = await open(place);
    await ledger.commit(1, [volume(1)]);
    await expect(ledger.commit(seq, [volume(2)])).rejects.toMatchObject({ code: "E_LEDGER" });
    await ledger.commit(2, [volume(3)]);
    await ledger.close();
    expect(await reopened(place)).toEqual({ seq: 2, changes: [volume(1), volume(3)] });
  });

  test("a commit that fails in the middle leaves nothing, and the next is taken", async () => {
    const place = temporaryFolder();
    const ledger = await open(place);
    await ledger.commit(1, [volume(1)]);
    const poisoned = volumeRecord({ id: uuid(3) });
    Object.defineProperty(poisoned, "name", {
      enumerable: true,
      get: () => {
        throw new Error("cannot be written");
      },
    });
    const failing = ledger.commit(2, [volume(2), volume(1, "changed"), changeOf("volume", uuid(3), poisoned)]);
    await expect(failing).rejects.toMatchObject({ code: "E_LEDGER", cause: { message: "cannot be written" } });
    await ledger.commit(2, [volume(4)]);
    await ledger.close();
    expect(await reopened(place)).toEqual({ seq: 2, changes: [volume(1), volume(4)] });
  });

  test("placement records are read by volume, in order of their rounds, and are not part of what is loaded", async () => {
    const place = temporaryFolder();
    const ledger = await open(place);
    const rounds = Array.from({ length: 12 }, (_, n) => placement(1, n + 1));
    await ledger.commit(1, [volume(1), ...rounds.toReversed(), placement(2, 1)]);
    await ledger.commit(2, [changeOf("placement", detailId(uuid(1), 2), null)]);
    expect((await ledger.readDetails("placement", uuid(1))).map(({ round }) => round)).toEqual([
      1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
    ]);
    expect(await ledger.readDetails("placement", uuid(7))).toEqual([]);
    await ledger.close();
    expect((await reopened(place)).changes).toEqual([volume(1)]);
  });
});

describe("the SQLite file", () => {
  const file = (): string => join(temporaryFolder(), "data", "ledger.sqlite");

  async function opened(path: string): Promise<Ledger> {
    const ledger = await openSqliteLedger(path);
    onTestFinished(() => ledger.close().catch(() => undefined));
    return ledger;
  }

  /** What somebody did to the file while no scheduler ran. */
  function tamper(path: string, statement: string): void {
    const database = new DatabaseSync(path);
    database.exec(statement);
    database.close();
  }

  test("is made with its folder, and only its owner may read it", async () => {
    const path = file();
    await (await opened(path)).commit(1, [volume(1)]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600);
  });

  test("is one scheduler's: a second is refused by one sentence, until the first has closed it", async () => {
    const path = file();
    const first = await opened(path);
    await expect(openSqliteLedger(path)).rejects.toMatchObject({
      code: "E_LEDGER_LOCKED",
      message: `another scheduler has the ledger ${path} open, and only one can`,
    });
    await first.commit(1, [volume(1)]);
    await first.close();
    expect((await (await opened(path)).load()).seq).toBe(1);
  });

  test("of a newer program is refused and stays as it is", async () => {
    const path = file();
    await (await openSqliteLedger(path)).close();
    tamper(path, `UPDATE meta SET version = ${RECORDS_VERSION + 1}`);
    const before = readFileSync(path);
    await expect(openSqliteLedger(path)).rejects.toMatchObject({ code: "E_NEWER_DATA" });
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test("with a broken record is refused at loading, and the record is named", async () => {
    const path = file();
    const ledger = await openSqliteLedger(path);
    await ledger.commit(1, [volume(1), volume(2)]);
    await ledger.close();
    const second = uuid(2);
    for (const body of ["json_remove(body, '$.sizeGib')", "'{'", "json_set(body, '$.status', 'dreaming')"]) {
      tamper(path, `CREATE TABLE IF NOT EXISTS kept AS SELECT body FROM records WHERE id = '${second}'`);
      tamper(path, `UPDATE records SET body = ${body} WHERE id = '${second}'`);
      const broken = await openSqliteLedger(path);
      const { changes } = await broken.load();
      expect(() => [...changes]).toThrow(
        expect.objectContaining({
          code: "E_LEDGER",
          message: `the ledger ${path} holds a broken record: volume ${second}`,
        }),
      );
      await broken.close();
      tamper(path, `UPDATE records SET body = (SELECT body FROM kept) WHERE id = '${second}'`);
    }
  });

  test("with a record of an unknown kind is refused at loading", async () => {
    const path = file();
    const ledger = await openSqliteLedger(path);
    await ledger.commit(1, [volume(1)]);
    await ledger.close();
    tamper(path, "UPDATE records SET kind = 'spell'");
    const { changes } = await (await opened(path)).load();
    expect(() => [...changes]).toThrow("of the unknown kind spell");
  });

  test.each([
    ["text", "this is not a database at all, but long enough to be taken for one".repeat(20)],
    ["another database", null],
  ])("that is %s is refused and stays as it is", async (_what, text) => {
    const path = join(temporaryFolder(), "ledger.sqlite");
    if (text === null) tamper(path, "CREATE TABLE songs (title TEXT)");
    else writeFileSync(path, text);
    const before = readFileSync(path);
    const refusal = await openSqliteLedger(path).then(() => null, fullMessage);
    expect(refusal).toContain("not a ledger of Berth");
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test("whose creation a crash cut short is made anew", async () => {
    const path = join(temporaryFolder(), "ledger.sqlite");
    writeFileSync(path, "");
    expect((await (await opened(path)).load()).seq).toBe(0);
  });
});
