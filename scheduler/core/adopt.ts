import { BerthError } from "#shared/errors.ts";
import type { Measurement } from "#shared/model/capacity.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { Claim } from "#shared/model/claim.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import { recordParsers } from "#shared/model/records.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Volume } from "#shared/model/volume.ts";
import { bytesToGib } from "#shared/units.ts";
import { booksOf, isInWork } from "./audit.ts";
import type { Commands, ListedReply, Moment } from "./commands.ts";
import { newVolume } from "./new-volume.ts";
import type { State } from "./state.ts";

/** Who is said to have made what was adopted: the mark does not tell. */
const ADOPTER = "adopted";

/**
 * Brings back what the ledger lost, from the marks on a backend: volumes first, then their snapshots. One whose id has
 * a record or a tombstone is not lost; one whose mark does not say enough is told and left. What a mark does not hold
 * (description, metadata, connections, a name that was changed since) stays lost.
 */
export function adoptListed(state: State, input: Commands["audit.adopt"]["input"], moment: Moment): ListedReply {
  const backend = state.backend(input.backendId);
  if (backend === undefined)
    throw new BerthError("E_NOT_FOUND", `there is no backend ${input.backendId} in the catalogue`);
  const { buried } = booksOf(state, backend.id);
  const done: string[] = [];
  const passed: { id: string; why: string }[] = [];
  const inOrder = [...input.objects].sort((one, other) => rank(one) - rank(other));
  for (const object of inOrder) {
    const why = buried.has(object.id)
      ? "it was deleted: `berth audit --repair` removes it"
      : adoptOne(state, backend, object, input.requestId, moment);
    if (why === null) done.push(object.id);
    else passed.push({ id: object.id, why });
  }
  // Counted twice, by their claims and in the last report, until the backend is measured anew.
  if (done.length > 0) state.emit({ kind: "measure", backendId: backend.id });
  return { done, passed };
}

function rank({ kind }: ListedObject): number {
  return kind === "volume" ? 0 : 1;
}

/** Why it was not done; null: it was. */
function adoptOne(
  state: State,
  backend: Backend,
  object: ListedObject,
  requestId: string,
  moment: Moment,
): string | null {
  const { kind, id, mark, sizeBytes } = object;
  if (state.volumeOfObject(id) !== undefined || state.get("snapshot", id) !== undefined) return "it has a record";
  if (isInWork(state, id)) return "a job is at work on it";
  if (mark === null || sizeBytes === null) return "its mark does not say what it is";
  if (!object.whole) return "only a part of it is there";
  const measurement = state.space.backend(backend.id).measurement;
  const recordId = kind === "volume" ? (mark.volumeId ?? id) : id;
  if (state.get("volume", recordId) !== undefined) return "its volume has a record: it was moved, and this was left";
  const common: Common = {
    id: recordId,
    projectId: mark.projectId,
    userId: ADOPTER,
    name: mark.name,
    description: "",
    metadata: {},
    sizeGib: bytesToGib(sizeBytes),
    // One that was taken with a group is a snapshot like any other from here on.
    groupSnapshotId: null,
    backendId: backend.id,
    zone: backend.zone,
    status: "available",
    claim: claimOf(measurement, kind, sizeBytes, moment),
    providerId: object.providerId,
    properties: object.properties,
    // The ids of jobs begin with it. Agents may still tell of jobs from before the loss, of which nothing is known here.
    jobCount: moment.nowMs,
    historyCount: 0,
    lastError: null,
    requestId,
    requestedBy: ADOPTER,
    createdAtMs: Math.max(0, moment.nowMs - (object.ageMs ?? 0)),
    updatedAtMs: moment.nowMs,
  };
  return kind === "volume"
    ? adoptVolume(state, common, mark.flavorName, {
        parent: object.parent ?? null,
        nameId: recordId === id ? null : id,
      })
    : adoptSnapshot(state, common, object.volumeId ?? "");
}

type Common = Omit<Snapshot, "volumeId" | "status" | "chap" | "aside"> & { readonly status: "available" };

function adoptVolume(
  state: State,
  { groupSnapshotId: _, ...common }: Common,
  flavorName: string,
  { parent, nameId }: Pick<Volume, "parent" | "nameId">,
): string | null {
  const flavor = state.catalogue.flavor(flavorName);
  if (flavor === undefined) return `there is no flavor ${JSON.stringify(flavorName)} in the catalogue`;
  const volume = newVolume({
    ...common,
    flavorId: flavor.id,
    requestedZone: common.zone,
    parent,
    nameId,
    // No mark says whether it was made thick: its flavor is believed.
    multiattach: state.catalogue.terms(flavor).multiattach,
  });
  const faults = recordParsers.volume.faults(volume);
  if (faults.length > 0) return unfit(faults);
  state.put("volume", volume);
  return null;
}

function adoptSnapshot(state: State, common: Common, ofObject: string): string | null {
  const volume = state.volumeOfObject(ofObject);
  if (volume === undefined || volume.backendId !== common.backendId)
    return `its volume ${ofObject} is not recorded on this backend`;
  const snapshot: Snapshot = { ...common, volumeId: volume.id, chap: null };
  const faults = recordParsers.snapshot.faults(snapshot);
  if (faults.length > 0) return unfit(faults);
  state.put("snapshot", snapshot);
  return null;
}

/** A mark is read from a disk that others reach: what it says must be what a record may hold. */
function unfit(faults: readonly { readonly path: string; readonly message: string }[]): string {
  return `its mark cannot be a record: ${faults.map(({ path, message }) => `${path.slice(1)} ${message}`).join("; ")}`;
}

function claimOf(
  measurement: Measurement | null,
  kind: ListedObject["kind"],
  sizeBytes: number,
  moment: Moment,
): Claim {
  const full = measurement === null || measurement.costs[kind] === "full";
  return { virtualBytes: sizeBytes, physicalBytes: full ? sizeBytes : 0, settledSeq: moment.seq };
}
