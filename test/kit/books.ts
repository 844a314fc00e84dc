import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { newestJournal } from "#agent/drivers/fake/journal.ts";
import { snapshotName, volumeName } from "#agent/drivers/names.ts";
import type { BackendView } from "#scheduler/api/operator/schemas.ts";
import type { SeenVolume } from "./berth-client.ts";
import { filesIn } from "./image-folder.ts";
import type { Installation } from "./installation.ts";
import { until } from "./until.ts";

/** All that the books are kept by. */
type Kept = Pick<Installation, "client" | "folder">;
type LookedAt = Pick<BackendView, "id" | "driver" | "parameters" | "zone">;
type Standing = Readonly<Record<string, readonly string[]>>;

/**
 * Waits until what the ledger says stands and what does stand on the backends are the same: nothing lost, nothing
 * doubled, nothing left. Says what differs when the bound has passed.
 */
export async function untilBooksBalance(installation: Kept, boundMs?: number): Promise<void> {
  await until(
    "the ledger and the backends say the same",
    async () => {
      const backends = await installation.client.backends();
      const recorded = await recordedObjects(installation, backends);
      expect(await standingObjects(installation, backends)).toEqual(recorded);
      return true;
    },
    boundMs,
  );
}

/** By backend, the names of what stands there by the ledger. */
async function recordedObjects({ client }: Kept, backends: readonly BackendView[]): Promise<Standing> {
  const [volumes, snapshots] = await Promise.all([client.volumes(), client.snapshots()]);
  return byBackend(backends, (backend) => {
    const here = volumes.filter(
      (volume) => volume["os-vol-host-attr:host"] === `berth@${backend.name}#${backend.name}`,
    );
    const ids = new Set(here.map(({ id }) => id));
    // What is in error holds nothing.
    const taken = snapshots.filter(({ volume_id, status }) => ids.has(volume_id) && status !== "error");
    return [...here.map((volume) => volumeName(nameIdOf(volume))), ...taken.map(({ id }) => snapshotName(id))];
  });
}

/** What its name on the backend derives from: another id than its own since it was moved. */
export function nameIdOf(volume: SeenVolume): string {
  return volume["os-vol-mig-status-attr:name_id"] ?? volume.id;
}

async function standingObjects(installation: Kept, backends: readonly BackendView[]): Promise<Standing> {
  const found = new Map<number, string[]>();
  for (const backend of backends) found.set(backend.id, await objectsOn(installation, backend));
  return byBackend(backends, ({ id }) => found.get(id) ?? []);
}

/** What stands on a backend, by names, as the backend itself tells it. */
export async function objectsOn(kept: Pick<Kept, "folder">, backend: LookedAt): Promise<string[]> {
  return [...(await sizesOn(kept, backend)).keys()];
}

/** The same with its sizes in bytes. */
export async function sizesOn(
  { folder }: Pick<Kept, "folder">,
  { id, driver, parameters, zone }: LookedAt,
): Promise<Map<string, number>> {
  if (driver !== "file") {
    const journals = join(folder, "fake");
    if (!existsSync(journals)) return new Map();
    const place = parameters.pool === undefined ? `backend-${id}` : `pool-${zone}-${parameters.pool}`;
    return await fakeObjects(newestJournal(join(journals, `${place}.journal`)), id);
  }
  const path = String(parameters.path);
  const sizes = imagesIn(await filesIn(path)).map(
    async (name) => [name, (await stat(join(path, name)).catch(() => null))?.size] as const,
  );
  // What went meanwhile is gone.
  return new Map((await Promise.all(sizes)).flatMap(([name, size]) => (size === undefined ? [] : [[name, size]])));
}

/** What was let go of is not ours any more. */
const LET_GO = /^unmanaged-/;

/**
 * All that is not a whole image with its mark is told by its file's name, so that leftovers show. Not what opening a
 * backend writes to try its folder: a crash may leave that for a minute.
 */
function imagesIn(names: readonly string[]): string[] {
  const there = new Set(names);
  const isMark = (name: string): boolean => name.endsWith(".json") && there.has(name.slice(0, -".json".length));
  return names.filter((name) => !isMark(name) && !name.startsWith(".probe-") && !LET_GO.test(name));
}

/** The fake driver's journal, read anew: `+ backend name bytes` stands, `- backend name` is gone, `> backend name other bytes` is called otherwise. */
async function fakeObjects(path: string, backendId: number): Promise<Map<string, number>> {
  const standing = new Map<string, number>();
  for (const line of (await textOf(path)).split("\n")) {
    const [sign, id, name, bytes, renamedBytes] = line.split(" ");
    if (id !== String(backendId) || name === undefined) continue;
    if (sign === "+") standing.set(name, Number(bytes));
    else standing.delete(name);
    if (sign === ">" && bytes !== undefined && !bytes.startsWith("foreign-")) standing.set(bytes, Number(renamedBytes));
  }
  return standing;
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, "utf8").catch(() => "");
}

function byBackend(backends: readonly BackendView[], objects: (backend: BackendView) => readonly string[]): Standing {
  return Object.fromEntries(backends.map((backend) => [backend.name, [...objects(backend)].sort()]));
}
