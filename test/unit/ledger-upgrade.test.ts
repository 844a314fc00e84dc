import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { openSqliteLedger } from "#scheduler/ledger/sqlite.ts";
import { type Migration, upgrade } from "#shared/migration.ts";
import { type RawRecord, RECORD_FORM, type RecordForm } from "#shared/model/record-migrations.ts";
import { changeOf, detailId, RECORDS_VERSION } from "#shared/model/records.ts";
import { jobRecord, placementRecord, uuid, volumeRecord } from "#test/kit/records.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

/** Two versions that are still to come, as far as this program knows. */
const LATER: RecordForm = {
  version: RECORDS_VERSION + 2,
  migrations: [
    {
      from: RECORDS_VERSION,
      changes: "volumes are called by their new names",
      step: (raw) => (raw.kind === "volume" ? { ...raw, body: { ...Object(raw.body), name: "first" } } : raw),
    },
    {
      from: RECORDS_VERSION + 1,
      changes: "names have an exclamation mark",
      step: (raw) => ({ ...raw, body: withMark(raw) }),
    },
  ],
};

function withMark({ kind, body }: RawRecord): unknown {
  if (kind === "placement") return { ...Object(body), flavorName: `${Object(body).flavorName}!` };
  return kind === "volume" ? { ...Object(body), name: `${Object(body).name}!` } : body;
}

async function olderLedger(volumes = 1): Promise<string> {
  const path = join(temporaryFolder(), "ledger.sqlite");
  const ledger = await openSqliteLedger(path);
  await ledger.commit(1, [
    ...Array.from({ length: volumes }, (_, n) => changeOf("volume", uuid(n), volumeRecord({ id: uuid(n) }))),
    changeOf("placement", detailId(uuid(0), 1), placementRecord({ volumeId: uuid(0) })),
  ]);
  await ledger.close();
  return path;
}

test("an older ledger is brought through all steps at once, says what changed, and is then today's", async () => {
  const path = await olderLedger(2_500);
  const told: string[] = [];
  const upgraded = await openSqliteLedger(path, { form: LATER, onUpgrade: (sentence) => told.push(sentence) });
  expect(told).toEqual([
    `the ledger's records were brought to version ${LATER.version}: volumes are called by their new names; names have an exclamation mark`,
  ]);
  const { seq, changes } = await upgraded.load();
  const names = [...changes].map(({ record }) => (record !== null && "name" in record ? record.name : ""));
  expect([seq, names.length, new Set(names)]).toEqual([1, 2_500, new Set(["first!"])]);
  expect((await upgraded.readDetails("placement", uuid(0)))[0]?.flavorName).toBe("gold!");
  await upgraded.close();

  const again = await openSqliteLedger(path, { form: LATER, onUpgrade: (sentence) => told.push(sentence) });
  await again.close();
  expect(told).toHaveLength(1);
  // This program is the older one now.
  await expect(openSqliteLedger(path)).rejects.toMatchObject({ code: "E_NEWER_DATA" });
});

test("a step that fails leaves the ledger as it was", async () => {
  const path = await olderLedger(3);
  let seen = 0;
  const broken: Migration<RawRecord> = {
    from: RECORDS_VERSION,
    changes: "nothing",
    step: (raw) => {
      seen += 1;
      if (seen === 3) throw new Error("a planted fault");
      return { ...raw, body: { ...Object(raw.body), name: "half" } };
    },
  };
  const form = { version: RECORDS_VERSION + 1, migrations: [broken] };
  await expect(openSqliteLedger(path, { form })).rejects.toMatchObject({ code: "E_LEDGER" });
  const ledger = await openSqliteLedger(path);
  const { changes } = await ledger.load();
  expect([...changes].map(({ record }) => (record !== null && "name" in record ? record.name : ""))).toEqual([
    "data",
    "data",
    "data",
  ]);
  await ledger.close();
});

test("a ledger that no step leads from is refused", async () => {
  const path = await olderLedger();
  const form = { version: RECORDS_VERSION + 2, migrations: LATER.migrations.slice(1) };
  await expect(openSqliteLedger(path, { form })).rejects.toMatchObject({
    code: "E_LEDGER",
    message: expect.stringContaining(`unknown records version ${RECORDS_VERSION}`),
  });
});

test("today's form has a step from every older version", () => {
  expect(RECORD_FORM.version).toBe(RECORDS_VERSION);
  expect(RECORD_FORM.migrations.map(({ from }) => from)).toEqual(
    Array.from({ length: RECORDS_VERSION - 1 }, (_, n) => n + 1),
  );
});

test("steps are taken from the value's version on", () => {
  const steps = [1, 2, 3].map((from) => ({ from, changes: `to ${from + 1}`, step: (old: string) => `${old}${from}` }));
  expect(upgrade("v", 2, steps)).toEqual({ value: "v23", changes: ["to 3", "to 4"] });
  expect(upgrade("v", 4, steps)).toEqual({ value: "v", changes: [] });
});

/** As version 1 wrote it. */
const VERSION_1_TABLES = `
  CREATE TABLE meta (version INTEGER NOT NULL, seq INTEGER NOT NULL) STRICT;
  CREATE TABLE records (
    ordinal INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (kind, id)
  ) STRICT;
  CREATE TABLE placements (
    ordinal INTEGER PRIMARY KEY, volume_id TEXT NOT NULL, round INTEGER NOT NULL, body TEXT NOT NULL,
    UNIQUE (volume_id, round)
  ) STRICT;
  INSERT INTO meta VALUES (1, 7);
`;

test("a ledger of version 1 is read whole: its placements become details, its objects have a history that begins now", async () => {
  const path = join(temporaryFolder(), "ledger.sqlite");
  const database = new DatabaseSync(path);
  database.exec(VERSION_1_TABLES);
  const put = database.prepare("INSERT INTO records (kind, id, body) VALUES (?, ?, ?)");
  const { historyCount: _1, requestedBy: _2, bootable: _4, readOnly: _5, ...volume } = volumeRecord();
  put.run("volume", volume.id, JSON.stringify(volume));
  const { serialKeys, userId: _3, ...job } = jobRecord();
  put.run("job", job.id, JSON.stringify({ ...job, serialKey: serialKeys[0] }));
  const tombstone = { id: uuid(9), kind: "volume", backendId: 1, claims: [], placementRounds: 1, deletedAtMs: 5 };
  put.run("tombstone", tombstone.id, JSON.stringify(tombstone));
  database
    .prepare("INSERT INTO placements (volume_id, round, body) VALUES (?, ?, ?)")
    .run(volume.id, 1, JSON.stringify(placementRecord()));
  database.close();

  const told: string[] = [];
  const ledger = await openSqliteLedger(path, { onUpgrade: (sentence) => told.push(sentence) });
  expect(told).toEqual([expect.stringContaining("objects have a history, which begins now")]);
  const { seq, changes } = await ledger.load();
  expect(seq).toBe(7);
  expect([...changes]).toEqual([
    changeOf("volume", volume.id, volumeRecord({ requestedBy: volume.userId })),
    changeOf("job", job.id, jobRecord({ userId: "unknown" })),
    changeOf("tombstone", tombstone.id, { ...tombstone, kind: "volume", historyCount: 0 }),
  ]);
  expect(await ledger.readDetails("placement", volume.id)).toEqual([placementRecord()]);
  expect(await ledger.readDetails("history", volume.id)).toEqual([]);
  await ledger.close();
});
