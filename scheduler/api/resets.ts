import type { Snapshot } from "#shared/model/snapshot.ts";
import type { ResetNote, Volume } from "#shared/model/volume.ts";
import { inParallel } from "#shared/parallel.ts";
import type { ResetEvidence, Scope } from "../core/commands.ts";
import { findSnapshot, findVolume } from "../core/find.ts";
import { objectIdOf } from "../core/refs.ts";
import { buriedUnder, resetGround } from "../core/reset.ts";
import type { State } from "../core/state.ts";
import type { ApiDependencies } from "./dependencies.ts";

const AT_ONCE = 8;

/** Who asks for a reset, of what, and why. */
interface Asked extends Pick<ResetNote, "to" | "by" | "reason"> {
  readonly scope: Scope;
  readonly id: string;
  readonly userId: string;
  readonly requestId: string;
}

/** The backends are looked at first, and have the last word. Throws what the core and they throw. */
export async function resetVolumeTo(dependencies: ApiDependencies, asked: Asked): Promise<Volume> {
  const { engine, log } = dependencies;
  const before = findVolume(engine.state, asked.id, asked.scope);
  const ground = resetGround(engine.state, before);
  const found = await look(dependencies, before);
  const volume = await engine.submit("volume.reset", { ...asked, evidence: { ...ground, found } });
  const { to, by, reason, requestId } = asked;
  log.warn({ volumeId: volume.id, from: before.status, to, by, reason, requestId }, "volume reset");
  return volume;
}

export async function resetSnapshotTo(dependencies: ApiDependencies, asked: Asked): Promise<Snapshot> {
  const { engine, storage, log } = dependencies;
  const before = findSnapshot(engine.state, asked.id, asked.scope);
  const ground = { snapshot: before, buried: buriedUnder(engine.state, before.id) };
  const { objects } = await storage.list(before.backendId);
  const found = objects.find(({ kind, id }) => kind === "snapshot" && id === before.id) ?? null;
  const snapshot = await engine.submit("snapshot.reset", { ...asked, evidence: { ...ground, found } });
  const { to, by, reason, requestId } = asked;
  log.warn({ snapshotId: snapshot.id, from: before.status, to, by, reason, requestId }, "snapshot reset");
  return snapshot;
}

/** A backend that cannot be asked leaves the question open: then nothing is reset. */
async function look({ engine: { state }, storage }: ApiDependencies, volume: Volume): Promise<ResetEvidence["found"]> {
  const found: ResetEvidence["found"][number][] = [];
  await inParallel(backendsToAsk(state, volume), AT_ONCE, async (backendId) => {
    const { objects } = await storage.list(backendId);
    const object = objects.find(({ kind, id }) => kind === "volume" && id === objectIdOf(volume));
    if (object !== undefined) found.push({ backendId, object });
  });
  return found;
}

/** Where it is by its record; if that names none, wherever it may have been placed. */
function backendsToAsk(state: State, volume: Volume): number[] {
  if (volume.backendId !== null) return [volume.backendId];
  const behindFlavor = state.flavor(volume)?.backends ?? [];
  return [...new Set([...behindFlavor, ...volume.triedBackendIds])].filter((id) => {
    const backend = state.backend(id);
    return backend !== undefined && (volume.requestedZone === null || backend.zone === volume.requestedZone);
  });
}
