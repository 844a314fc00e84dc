import type { Operation, OwnerMark } from "#shared/model/operation.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Volume } from "#shared/model/volume.ts";
import { sameJson } from "#shared/same-json.ts";
import type { Moment } from "./commands.ts";
import { BERTH_USER, requireBackend, startJob, turnJob } from "./jobs.ts";
import { objectIdOf, ownerMark, snapshotRef, volumeRef } from "./refs.ts";
import type { State } from "./state.ts";

/**
 * What stands beside an object on its backend must say what its record says: whose it is, its name, its flavor. For when
 * the ledger is lost the marks are all there is. Whatever changes one of these has the mark written anew, by a job of
 * its own beside the object's others, one an object: a later change turns it, so that the last one is what stands.
 */
export function renewVolumeMark(state: State, volume: Volume, moment: Moment): void {
  if (volume.backendId === null || volume.claim?.settledSeq == null || isGoing(volume)) return;
  const mark = ownerMark(volume, state.flavor(volume)?.name ?? "");
  renew(
    state,
    objectIdOf(volume),
    volume.backendId,
    { kind: "mark.write", volume: volumeRef(volume), snapshot: null, mark },
    moment,
  );
}

function isGoing({ status }: Volume): boolean {
  return status === "deleting" || status === "unmanaging";
}

export function renewSnapshotMark(state: State, snapshot: Snapshot, moment: Moment): void {
  const volume = state.get("volume", snapshot.volumeId);
  if (volume === undefined || snapshot.claim.settledSeq === null || snapshot.status === "deleting") return;
  const mark = snapshotMark(state, snapshot, volume);
  const operation: Operation = {
    kind: "mark.write",
    volume: volumeRef(volume),
    snapshot: snapshotRef(snapshot, volume),
    mark,
  };
  renew(state, snapshot.id, snapshot.backendId, operation, moment);
}

/** A snapshot is of its volume's flavor. */
export function snapshotMark(
  state: State,
  { projectId, name }: Pick<Snapshot, "projectId" | "name">,
  volume: Volume,
): OwnerMark {
  return { projectId, flavorName: state.flavor(volume)?.name ?? "", name };
}

/** It was made under a mark that says something else by now. */
export function renewIfChanged(
  state: State,
  object: Volume | Snapshot,
  made: OwnerMark | undefined,
  moment: Moment,
): void {
  if (made === undefined) return;
  if ("flavorId" in object) {
    if (!sameJson(made, ownerMark(object, state.flavor(object)?.name ?? ""))) renewVolumeMark(state, object, moment);
    return;
  }
  const volume = state.get("volume", object.volumeId);
  if (volume !== undefined && !sameJson(made, snapshotMark(state, object, volume)))
    renewSnapshotMark(state, object, moment);
}

function renew(state: State, objectId: string, backendId: number, operation: Operation, moment: Moment): void {
  const measurement = state.space.backend(backendId).measurement;
  if (measurement !== null && !measurement.capabilities.includes("marks")) return;
  const id = `${objectId}-mark`;
  const owner = { kind: "mark", id: objectId } as const;
  const standing = state.get("job", id);
  if (standing !== undefined) {
    turnJob(state, standing, { operation, owner, deadlineMs: null }, moment);
    return;
  }
  const backend = requireBackend(state, backendId);
  startJob(state, { id, owner, operation, backend, userId: BERTH_USER, requestId: id, deadlineMs: null }, moment);
}
