import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Backup, BackupMaker } from "#scheduler/backup/make.ts";
import { BACKUP_VERSION, CHECKSUM_BYTES } from "#scheduler/backup/manifest.ts";
import { readBackup } from "#scheduler/backup/read.ts";
import { restoreBackup } from "#scheduler/backup/restore.ts";
import { type EmbeddedLedger, LEDGER_FILE, openSqliteLedger } from "#scheduler/ledger/sqlite.ts";
import { SEQUENCE_LEAP } from "#scheduler/ledger/sqlite-replace.ts";
import { CATALOGUE_VERSION, type Catalogue } from "#shared/model/catalogue.ts";
import { type Change, changeOf, RECORDS_VERSION } from "#shared/model/records.ts";
import { backendOf, GOLD_ID, sampleCatalogue } from "#test/kit/catalogue.ts";
import { uuid, volumeRecord } from "#test/kit/records.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { until } from "#test/kit/until.ts";

const NOW = new Date("2026-11-21T07:08:09.123Z");
const SUFFIX = ".before-restore-20261121T070809Z";

const volume = (n: number): Change =>
  changeOf("volume", uuid(n), volumeRecord({ id: uuid(n), flavorId: GOLD_ID, name: `v${n}` }));

interface Stand {
  readonly folder: string;
  readonly ledger: EmbeddedLedger;
  catalogue: Catalogue;
  readonly maker: BackupMaker;
}

/** A data folder with `volumes` commits of one volume each. */
async function stand(volumes: number): Promise<Stand> {
  const folder = temporaryFolder();
  const ledger = await openSqliteLedger(join(folder, LEDGER_FILE));
  for (let n = 1; n <= volumes; n++) await ledger.commit(n, [volume(n)]);
  const made: Stand = {
    folder,
    ledger,
    catalogue: sampleCatalogue(),
    maker: new BackupMaker({ dataFolder: folder, ledger, catalogue: { current: () => made.catalogue } }),
  };
  writeFileSync(join(folder, "catalogue.json"), JSON.stringify(made.catalogue));
  onTestFinished(() => ledger.close().catch(() => undefined));
  return made;
}

async function saved({ stream }: Backup): Promise<string> {
  const path = join(temporaryFolder(), "backup.berth");
  writeFileSync(path, Buffer.concat(await stream.toArray()));
  return path;
}

const placesIn = (folder: string) => ({ dataFolder: folder, catalogueFile: join(folder, "catalogue.json") });

async function contents(folder: string): Promise<{ seq: number; ids: string[] }> {
  const ledger = await openSqliteLedger(join(folder, LEDGER_FILE));
  const { seq, changes } = await ledger.load();
  const ids = [...changes].map(({ id }) => id);
  await ledger.close();
  return { seq, ids };
}

describe("a backup", () => {
  test("of a ledger in use is that of one commit: all before it is in it, nothing after, no matter what goes on", async () => {
    const { folder, ledger, maker } = await stand(300);
    let last = 300;
    let stop = false;
    const busy = (async () => {
      while (!stop) {
        last += 1;
        // Two records a commit: half of one would show.
        await ledger.commit(last, [volume(last), volume(100_000 + last)]);
        await turn();
      }
    })();
    const path = await saved(await maker.make());
    stop = true;
    await busy;
    const target = temporaryFolder();
    const { manifest, ledgerSeq, volumes } = await restoreBackup(path, placesIn(target), NOW);
    expect(manifest.ledgerSeq).toBeGreaterThanOrEqual(300);
    expect(manifest.ledgerSeq).toBeLessThanOrEqual(last);
    expect(ledgerSeq).toBe(manifest.ledgerSeq + SEQUENCE_LEAP);
    expect(volumes).toBe(300 + 2 * (manifest.ledgerSeq - 300));
    expect((await contents(target)).ids).toContain(uuid(manifest.ledgerSeq));
    await until("nothing is left of it", () => !existsSync(join(folder, "backup.tmp")));
  });

  test("says what it is in its first line, ends with its checksum, and has no key in it", async () => {
    const { folder, maker } = await stand(2);
    const key = Buffer.from("0123456789abcdef0123456789abcdef");
    writeFileSync(join(folder, "secret.key"), key);
    const bytes = readFileSync(await saved(await maker.make()));
    const manifest = JSON.parse(bytes.toString("utf8", 0, bytes.indexOf("\n")));
    expect(manifest).toMatchObject({
      berthBackup: BACKUP_VERSION,
      ledgerSeq: 2,
      recordsVersion: RECORDS_VERSION,
      catalogueVersion: CATALOGUE_VERSION,
    });
    expect(bytes.subarray(-CHECKSUM_BYTES).toString()).toBe(`${sha256(bytes.subarray(0, -CHECKSUM_BYTES))}\n`);
    expect(bytes.includes(key)).toBe(false);
  });

  test("is one at a time, and one that nobody reads on with makes way", async () => {
    const { folder, maker } = await stand(2);
    const first = await maker.make();
    await expect(maker.make()).rejects.toMatchObject({ code: "E_CONFLICT" });
    first.stream.destroy();
    await saved(await until("room for another", () => maker.make()));
    await until("nothing is left of it", () => !existsSync(join(folder, "backup.tmp")));
  });

  test("is made again when the catalogue changed meanwhile, and given up when it never rests", async () => {
    const { folder, ledger } = await stand(1);
    let asked = 0;
    const restless = (changes: number): BackupMaker =>
      new BackupMaker({
        dataFolder: folder,
        ledger,
        catalogue: { current: () => (asked++ < changes ? sampleCatalogue() : CALM) },
      });
    expect((await saved(await restless(3).make())).length).toBeGreaterThan(0);
    await until("nothing is left of it", () => !existsSync(join(folder, "backup.tmp")));
    asked = 0;
    await expect(restless(1000).make()).rejects.toMatchObject({ code: "E_CONFLICT" });
    await until("nothing is left of it", () => !existsSync(join(folder, "backup.tmp")));
  });
});

const CALM = sampleCatalogue();
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** With a checksum that is right again. */
function sealed(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.from(`${sha256(content)}\n`)]);
}

describe("what is no backup", () => {
  let good = Buffer.alloc(0);
  beforeAll(async () => {
    await using place = await mkdtempDisposable(join(tmpdir(), "berth-backup-"));
    const folder = place.path;
    const ledger = await openSqliteLedger(join(folder, LEDGER_FILE));
    await ledger.commit(1, [volume(1)]);
    const { stream } = await new BackupMaker({ dataFolder: folder, ledger, catalogue: { current: () => CALM } }).make();
    good = Buffer.concat(await stream.toArray());
    await ledger.close();
  });

  const file = (bytes: Buffer): string => {
    const path = join(temporaryFolder(), "b.berth");
    writeFileSync(path, bytes);
    return path;
  };
  const lineEnd = (): number => good.indexOf("\n");
  const withManifest = (change: object): Buffer => {
    const manifest = { ...JSON.parse(good.toString("utf8", 0, lineEnd())), ...change };
    return sealed(Buffer.concat([Buffer.from(JSON.stringify(manifest)), good.subarray(lineEnd(), -CHECKSUM_BYTES)]));
  };

  test("any bit of it that differs is found", async () => {
    const path = file(good);
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 0, max: 7 }), async (place, bit) => {
        const damaged = Buffer.from(good);
        damaged[place] = (damaged[place] ?? 0) ^ (1 << bit);
        writeFileSync(path, damaged);
        await expect(readBackup(path, null)).rejects.toMatchObject({
          code: expect.stringMatching(/^E_(BACKUP|NEWER_DATA)$/),
        });
      }),
      { numRuns: 150 },
    );
  });

  test.each([
    ["cut short", () => good.subarray(0, -1)],
    ["cut in the middle", () => good.subarray(0, good.length >> 1)],
    ["longer", () => Buffer.concat([good, Buffer.from("x")])],
    ["empty", () => Buffer.alloc(0)],
    ["text", () => Buffer.from("not a backup\n".repeat(10_000))],
    ["of another commit than its manifest says", () => withManifest({ ledgerSeq: 7 })],
  ])("%s it is refused, and nothing is touched", async (_what, bytes) => {
    const folder = join(temporaryFolder(), "data");
    await expect(restoreBackup(file(bytes()), placesIn(folder), NOW)).rejects.toMatchObject({ code: "E_BACKUP" });
    expect(existsSync(join(folder, LEDGER_FILE))).toBe(false);
  });

  test.each([
    ["form", { berthBackup: BACKUP_VERSION + 1 }],
    ["records", { recordsVersion: RECORDS_VERSION + 1 }],
    ["catalogue", { catalogueVersion: CATALOGUE_VERSION + 1 }],
  ])("of a newer program (%s) is refused by that", async (what, change) => {
    await expect(restoreBackup(file(withManifest(change)), placesIn(temporaryFolder()), NOW)).rejects.toMatchObject({
      code: "E_NEWER_DATA",
      message: expect.stringContaining(`made by a newer Berth (${what} version`),
    });
  });

  test("that is not there is not found", async () => {
    const missing = join(temporaryFolder(), "none");
    await expect(readBackup(missing, null)).rejects.toMatchObject({ code: "E_NOT_FOUND" });
  });
});

describe("a restore", () => {
  test("over a ledger keeps what it replaces beside, whole", async () => {
    const { folder, ledger, maker } = await stand(3);
    const path = await saved(await maker.make());
    await ledger.commit(4, [volume(4)]);
    await ledger.close();
    writeFileSync(join(folder, "catalogue.json"), "{}");
    const { kept, ledgerFile } = await restoreBackup(path, placesIn(folder), NOW);
    expect(kept).toEqual([join(folder, `catalogue.json${SUFFIX}`), ledgerFile + SUFFIX]);
    expect(readdirSync(folder).sort()).toEqual(
      ["catalogue.json", `catalogue.json${SUFFIX}`, LEDGER_FILE, LEDGER_FILE + SUFFIX].sort(),
    );
    expect(await contents(folder)).toEqual({ seq: 3 + SEQUENCE_LEAP, ids: [uuid(1), uuid(2), uuid(3)] });
    expect(JSON.parse(readFileSync(join(folder, "catalogue.json"), "utf8"))).toEqual(sampleCatalogue());
    expect(statSync(ledgerFile).mode & 0o777).toBe(0o600);
    const old = await openSqliteLedger(ledgerFile + SUFFIX);
    expect((await old.load()).seq).toBe(4);
    await old.close();
  });

  test("is refused while a scheduler has the ledger open, which then works on", async () => {
    const { folder, ledger, maker } = await stand(1);
    const path = await saved(await maker.make());
    const before = readFileSync(join(folder, "catalogue.json"), "utf8");
    await expect(restoreBackup(path, placesIn(folder), NOW)).rejects.toMatchObject({
      code: "E_LEDGER_LOCKED",
      message: expect.stringContaining("stop it first"),
    });
    await ledger.commit(2, [volume(2)]);
    expect(readFileSync(join(folder, "catalogue.json"), "utf8")).toBe(before);
    expect(readdirSync(folder).filter((name) => name.includes("restore"))).toEqual([]);
  });

  test("takes the place of a ledger that is broken, and of what lies beside that", async () => {
    const { folder, ledger, maker } = await stand(2);
    const path = await saved(await maker.make());
    await ledger.close();
    writeFileSync(join(folder, LEDGER_FILE), "broken ".repeat(2000));
    writeFileSync(join(folder, `${LEDGER_FILE}-wal`), "of the broken one");
    const { kept } = await restoreBackup(path, placesIn(folder), NOW);
    expect(kept.map((name) => name.slice(folder.length + 1))).toEqual([
      `catalogue.json${SUFFIX}`,
      `${LEDGER_FILE}${SUFFIX}`,
      `${LEDGER_FILE}-wal${SUFFIX}`,
    ]);
    expect((await contents(folder)).ids).toHaveLength(2);
  });

  test("is refused when its parts do not fit each other: no scheduler would start with them", async () => {
    const made = await stand(1);
    made.catalogue = sampleCatalogue({
      backends: [backendOf(2)],
      flavors: [{ id: GOLD_ID, name: "gold", description: "", backends: [2] }],
    });
    const path = await saved(await made.maker.make());
    await expect(restoreBackup(path, placesIn(temporaryFolder()), NOW)).rejects.toMatchObject({
      code: "E_BACKUP",
      message: expect.stringContaining("backend 1 is still used"),
    });
  });
});
