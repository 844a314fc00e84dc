import { exportOfVolume, snapshotName, volumeName } from "#agent/drivers/names.ts";
import type { BackendView } from "#scheduler/api/operator/schemas.ts";
import { BYTES_PER_GIB } from "#shared/units.ts";
import type { BerthClient, SeenSnapshot, SeenVolume } from "#test/kit/berth-client.ts";
import { sizesOn, untilBooksBalance } from "#test/kit/books.ts";
import { expectExports } from "#test/kit/exports.ts";
import { until } from "#test/kit/until.ts";
import type { Book, FaultKind } from "./book.ts";
import type { SoakStand } from "./stand.ts";

/** After the last process is up again, nothing may be under way any more within this. */
const REST_BOUND_MS = 60_000;
/** For what is measured, swept or put back at intervals. */
const AGREE_BOUND_MS = 60_000;
const RESTING: readonly string[] = ["available", "in-use"];

export interface Check {
  readonly name: string;
  readonly seconds: number;
  /** null: it held. */
  readonly failure: string | null;
}

interface Seen {
  readonly volumes: readonly SeenVolume[];
  readonly snapshots: readonly SeenSnapshot[];
}

/**
 * What is held against what, when everything runs again: each by itself, so that one failure hides no other. What fails
 * is a fault in the book.
 */
export async function examine(stand: SoakStand, client: BerthClient, book: Book): Promise<Check[]> {
  const checks: Check[] = [];
  const check = async (name: string, kind: FaultKind, look: () => Promise<unknown>): Promise<void> => {
    const beganMs = performance.now();
    const failure = await look().then(
      () => null,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    if (failure !== null) book.fault(kind, `${name}: ${failure}`);
    checks.push({ name, seconds: (performance.now() - beganMs) / 1000, failure });
  };
  await check("nothing is in a passing state and no job is left, within 60 s", "stuck", () =>
    until("all at rest", () => expectRest(client), REST_BOUND_MS),
  );
  await check("the ledger has what the users were promised, as they left it, and nothing else", "wrong", async () => {
    const seen = { volumes: await client.volumes(), snapshots: await client.snapshots() };
    const before = book.faults.length;
    compareWithBook(seen, book);
    if (book.faults.length > before) throw new Error(`${book.faults.length - before} differences`);
  });
  await check("`berth audit` finds nothing on any backend", "orphan", () =>
    until("audits find nothing", () => expectCleanAudits(client), AGREE_BOUND_MS),
  );
  await check("folders and journals hold each object once, and nothing else", "orphan", () =>
    untilBooksBalance({ client, folder: stand.folder }, AGREE_BOUND_MS),
  );
  await check("each object has its size there, and reports, claims and quotas add up", "wrong", () =>
    until("sums are right", () => expectSums(stand, client), AGREE_BOUND_MS),
  );
  await check("the iSCSI target exports what is connected, and nothing else", "wrong", () =>
    until("exports agree", () => expectTargets(stand, client, book), AGREE_BOUND_MS),
  );
  return checks;
}

async function expectRest(client: BerthClient): Promise<true> {
  const objects = [...(await client.volumes()), ...(await client.snapshots())];
  const moving = objects.filter(({ status }) => status.endsWith("ing"));
  if (moving.length > 0) throw new Error(moving.map(({ id, status }) => `${id} ${status}`).join(", "));
  const busy = (await client.backends()).filter(({ jobsInHand, jobsWaiting }) => jobsInHand + jobsWaiting > 0);
  if (busy.length > 0) throw new Error(`jobs on ${busy.map(({ name }) => name).join(", ")}`);
  return true;
}

export function compareWithBook({ volumes, snapshots }: Seen, book: Book): void {
  const there = new Set([...volumes, ...snapshots].map(({ id }) => id));
  for (const { id, name } of [...book.volumes.values(), ...book.snapshots.values()])
    if (!there.has(id)) book.fault("lost", `${name} (${id}) was accepted and is not there`);
  for (const { id, name, status, size } of volumes) {
    if (!isExpected({ id, name: name ?? "" }, book, book.volumes)) continue;
    const booked = book.volumes.get(id);
    const expected = booked?.host === null ? "available" : "in-use";
    if (booked?.sizeGib !== size) book.fault("wrong", `${id} has ${size} GiB, not ${booked?.sizeGib}`);
    if (status !== expected) book.fault(RESTING.includes(status) ? "wrong" : "stuck", `${id} is ${status}`);
  }
  for (const { id, name, status, volume_id } of snapshots) {
    if (!isExpected({ id, name: name ?? "" }, book, book.snapshots)) continue;
    if (book.snapshots.get(id)?.volume.id !== volume_id) book.fault("wrong", `snapshot ${id} is of ${volume_id}`);
    if (status !== "available") book.fault("stuck", `snapshot ${id} is ${status}`);
  }
}

/** False: it should not be there, and that is noted. */
function isExpected(
  { id, name }: { readonly id: string; readonly name: string },
  book: Book,
  booked: ReadonlyMap<string, { readonly name: string }>,
): boolean {
  if (booked.get(id)?.name === name) return true;
  if (book.isUnsure(id)) return false;
  if (book.wasAccepted(name, id)) book.fault("wrong", `${name} (${id}) was deleted and is there`);
  else book.fault("doubled", `${name} (${id}) is there, and no user was answered with it`);
  return false;
}

async function expectCleanAudits(client: BerthClient): Promise<true> {
  const { backends } = await client.audit();
  for (const { backend, error, counts } of backends) {
    if (error !== null) throw new Error(`${backend.name}: ${error.message}`);
    const { orphans, missing, differing, foreign, inWork } = counts;
    if (orphans + missing + differing + foreign + inWork > 0)
      throw new Error(`${backend.name}: ${JSON.stringify(counts)}`);
  }
  return true;
}

async function expectSums(stand: SoakStand, client: BerthClient): Promise<true> {
  const [volumes, snapshots] = [await client.volumes(), await client.snapshots()];
  const recorded = new Map([
    ...volumes.map(({ id, size }) => [volumeName(id), size * BYTES_PER_GIB] as const),
    ...snapshots.map(({ id, size }) => [snapshotName(id), size * BYTES_PER_GIB] as const),
  ]);
  for (const { id } of await client.backends()) {
    const backend = await client.backend(id, true);
    const sizes = await sizesOn(stand, backend);
    for (const [name, bytes] of sizes)
      if (recorded.get(name) !== bytes) throw new Error(`${name} has ${bytes} bytes on ${backend.name}`);
    expectCapacity(backend, sizes);
  }
  await expectUsage(client, volumes, snapshots);
  return true;
}

function expectCapacity({ name, capacity, health }: BackendView, sizes: ReadonlyMap<string, number>): void {
  if (capacity === null || health !== "up") throw new Error(`${name} is ${health}`);
  const bytes = [...sizes.values()].reduce((sum, one) => sum + one, 0);
  const { objectCount, provisionedBytes, unmeasuredBytes } = capacity;
  const [told, found] = [
    [objectCount, provisionedBytes, unmeasuredBytes],
    [sizes.size, bytes, 0],
  ];
  if (told.join() !== found.join())
    throw new Error(`${name}: objects, bytes, unmeasured are told as ${told.join(", ")} and are ${found.join(", ")}`);
}

async function expectUsage(client: BerthClient, volumes: Seen["volumes"], snapshots: Seen["snapshots"]): Promise<void> {
  const { limits } = await client.quota(client.project);
  const gib = [...volumes, ...snapshots].reduce((sum, { size }) => sum + size, 0);
  const found = { volumes: volumes.length, snapshots: snapshots.length, gib };
  for (const [kind, there] of Object.entries(found)) {
    const used = limits.find((line) => line.flavor === null && line.kind === kind)?.used;
    if (used !== there) throw new Error(`the quota counts ${used} ${kind}, and there are ${there}`);
  }
}

/** Only image files are exported; fakes merely say so. */
async function expectTargets(stand: SoakStand, client: BerthClient, book: Book): Promise<true> {
  const connected = (await client.volumes()).filter(({ status, volume_type }) => {
    return status === "in-use" && volume_type === "files";
  });
  const unsure = connected.filter(({ id }) => book.isUnsure(id));
  if (unsure.length > 0) throw new Error(`${unsure.length} connections are of unknown state`);
  await expectExports(
    stand.tgtd.socketPath,
    connected.map(({ id }) => exportOfVolume(id, "rw")),
  );
  return true;
}
