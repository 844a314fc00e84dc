import type { Tombstone } from "#shared/model/housekeeping.ts";
import type { ListedObject, Listing } from "#shared/model/listing.ts";
import type { Operation } from "#shared/model/operation.ts";
import type { Side } from "#shared/model/replication.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Volume } from "#shared/model/volume.ts";
import { gibToBytes } from "#shared/units.ts";
import { objectIdOf, volumeRef } from "./refs.ts";
import { backendState } from "./sides.ts";
import type { State } from "./state.ts";

/** What the ledger says of one backend at one instant. */
export interface Books {
  /** What should stand there, by `kind id`. */
  readonly standing: ReadonlyMap<string, Recorded>;
  /** Ids of objects that a live job makes, changes or removes there. */
  readonly busy: ReadonlySet<string>;
  /** Volumes and snapshots that a live job connects or disconnects. */
  readonly connecting: ReadonlySet<string>;
  /** Objects that were there and are gone: the last tombstone of each, for one can be removed more than once. */
  readonly buried: ReadonlyMap<string, string>;
}

export type Recorded =
  | { readonly kind: "volume"; readonly record: Volume }
  | { readonly kind: "snapshot"; readonly record: Snapshot };

/** `deleted`: its id has a tombstone; `not-here`: its record says that it is elsewhere or nowhere; `unknown`: the ledger never had it, or lost it. */
export type OrphanOrigin = "deleted" | "not-here" | "unknown";
export interface Orphan {
  readonly object: ListedObject;
  readonly origin: OrphanOrigin;
}

/** A volume or snapshot that hosts reach which are recorded as sent away, or (none let in) that is exported though nobody has it. */
export interface Exposed {
  readonly recorded: Recorded;
  readonly letIn: readonly (string | null)[];
}

export interface BackendAudit {
  readonly backendId: number;
  /** There, recorded, and as recorded. */
  readonly recorded: number;
  /** Being made, changed or removed while the listing was taken: nothing can be said of them. */
  readonly inWork: number;
  readonly orphans: readonly Orphan[];
  readonly missing: readonly Recorded[];
  /** There, and not as recorded: another size, or only a part of it. */
  readonly differing: readonly { readonly recorded: Recorded; readonly object: ListedObject }[];
  readonly foreign: readonly string[];
  readonly exposed: readonly Exposed[];
}

export function booksOf(state: State, backendId: number): Books {
  const standing = new Map<string, Recorded>();
  for (const key of state.users(backendId)) {
    const [kind, id = ""] = key.split(" ");
    const volume = kind === "volume" ? state.get("volume", id) : undefined;
    if (volume?.backendId === backendId && isHere(state, volume))
      standing.set(`volume ${objectIdOf(volume)}`, { kind: "volume", record: volume });
    const snapshot = kind === "snapshot" ? state.get("snapshot", id) : undefined;
    // One in `error` holds nothing: what it may have left has a leftover.
    if (snapshot !== undefined && isHere(state, snapshot) && snapshot.status !== "error")
      standing.set(key, { kind: "snapshot", record: snapshot });
  }
  const busy = new Set<string>();
  for (const id of state.moving) {
    const move = state.get("volume", id)?.move ?? null;
    if (move?.toBackendId === backendId && move.target !== null) busy.add(move.target.id);
  }
  const connecting = new Set<string>();
  for (const job of state.table("job").values()) {
    if (job.backendId !== backendId || job.operation.kind === "backend.failover") continue;
    for (const id of objectsMoved(job.operation)) busy.add(id);
    const connected = connectedObject(job.operation);
    if (connected !== null) connecting.add(connected);
  }
  const buried = new Map<string, string>();
  for (const tombstone of state.table("tombstone").values())
    if (tombstone.backendId === backendId) buried.set(buriedObject(tombstone), tombstone.id);
  return { standing, busy, connecting, buried };
}

/** Is it on the side of its backend that a listing sees? */
function isHere(state: State, { backendId, aside }: Pick<Volume, "backendId"> & { aside?: { side: Side } }): boolean {
  return aside === undefined || backendId === null || aside.side === backendState(state, backendId).side;
}

/**
 * Compares what was listed with the books from before the first page and from after the last. Records are never
 * changed, only replaced, so one that is the same in both did not change meanwhile. Whatever was in work at either end,
 * or was recorded or buried in between, is said to be in work: the listing may have seen it before or after.
 * No clock takes part, neither ours nor the backend's.
 */
export function compareBooks(
  state: State,
  backendId: number,
  before: Books,
  listing: Listing,
  after: Books,
): BackendAudit {
  let recorded = 0;
  let inWork = 0;
  const orphans: Orphan[] = [];
  const missing: Recorded[] = [];
  const differing: { recorded: Recorded; object: ListedObject }[] = [];
  const exposed: Exposed[] = [];
  const moved = (key: string, id: string): boolean =>
    before.standing.get(key)?.record !== after.standing.get(key)?.record ||
    before.busy.has(id) ||
    after.busy.has(id) ||
    before.buried.get(id) !== after.buried.get(id);

  const listed = new Set<string>();
  for (const object of listing.objects) {
    const key = `${object.kind} ${object.id}`;
    listed.add(key);
    const known = after.standing.get(key);
    if (moved(key, object.id)) inWork += 1;
    else if (known === undefined) orphans.push({ object, origin: originOf(state, object, after) });
    else if (object.whole && object.sizeBytes === gibToBytes(known.record.sizeGib)) recorded += 1;
    else differing.push({ recorded: known, object });
    if (known === undefined || moved(key, object.id)) continue;
    if (before.connecting.has(object.id) || after.connecting.has(object.id)) continue;
    const letIn = letInBesides(state, known.record, object);
    if (letIn !== null) exposed.push({ recorded: known, letIn });
  }
  for (const [key, known] of after.standing) {
    if (listed.has(key)) continue;
    if (moved(key, objectOf(known))) inWork += 1;
    else missing.push(known);
  }
  return { backendId, recorded, inWork, orphans, missing, differing, foreign: listing.foreign, exposed };
}

/**
 * Who is let in beside those that have an attachment; null: all is as it should be. Only if the ledger saw all exports
 * of the volume closed once: of one that it adopted, hosts may have connections that it lost.
 */
function letInBesides(
  state: State,
  record: Recorded["record"],
  { letIn, account }: ListedObject,
): Exposed["letIn"] | null {
  const { id, exportsClosedAtMs, chap } = record;
  const isMoving = "move" in record && record.move !== null;
  // The agent that copies it has no attachment.
  if (exportsClosedAtMs === undefined || isMoving) return null;
  const byOldSecret = account === undefined || account === chap?.username ? [] : [null];
  if (letIn === undefined && byOldSecret.length === 0) return null;
  const attachments = state.attachmentsOf(id);
  const byName = letIn?.filter((who) => !attachments.some(({ connector }) => connector?.initiator === who)) ?? [];
  const others = [...byName, ...byOldSecret];
  const somebody = attachments.some(({ connector }) => connector !== null);
  return others.length > 0 || !somebody ? others : null;
}

/** The id that its name on the backend derives from. */
export function objectOf(recorded: Recorded): string {
  return recorded.kind === "volume" ? objectIdOf(recorded.record) : recorded.record.id;
}

/** Does a live job make, change or remove this object, on whichever backend, or is it about to? */
export function isInWork(state: State, id: string): boolean {
  if (state.volumeOfObject(id)?.move?.target?.id === id) return true;
  for (const { operation } of state.table("job").values()) if (objectsMoved(operation).includes(id)) return true;
  return false;
}

/** What a driver is told of an object that was found on its backend. */
export function listedRefs({ kind, id, volumeId, sizeBytes, providerId, properties }: ListedObject, state: State) {
  const own = { id, sizeBytes: sizeBytes ?? 0, providerId, properties };
  if (kind === "volume") return { volume: own, snapshot: null };
  const ofVolume = volumeId ?? id;
  const known = state.volumeOfObject(ofVolume);
  const volume = known === undefined ? { ...own, id: ofVolume, providerId: null, properties: {} } : volumeRef(known);
  return { volume, snapshot: { ...own, volumeId: ofVolume } };
}

/** The objects whose being or size an operation changes; none: connections only. */
function objectsMoved(operation: Operation): string[] {
  switch (operation.kind) {
    case "attachment.connect":
    case "attachment.disconnect":
    case "attachment.connect-snapshot":
    case "attachment.disconnect-snapshot":
    case "backend.failover":
      return [];
    case "group-snapshot.create":
    case "group-snapshot.delete":
      return operation.members.map(({ snapshot }) => snapshot.id);
    case "snapshot.create":
    case "snapshot.delete":
      return [operation.snapshot.id];
    case "mark.write":
      return [operation.snapshot?.id ?? operation.volume.id];
    default:
      return [operation.volume.id];
  }
}

/** What a host is let in to or shut out of; null: it is about something else. */
function connectedObject(operation: Operation): string | null {
  switch (operation.kind) {
    case "attachment.connect":
    case "attachment.disconnect":
      return operation.volume.id;
    case "attachment.connect-snapshot":
    case "attachment.disconnect-snapshot":
      return operation.snapshot.id;
    default:
      return null;
  }
}

const UUID_LENGTH = 36;

/** A leftover's id begins with that of the object; a volume's may be another since it was moved. */
export function buriedObject({ id, nameId }: Pick<Tombstone, "id" | "nameId">): string {
  return nameId ?? id.slice(0, UUID_LENGTH);
}

function originOf(state: State, { kind, id }: ListedObject, books: Books): OrphanOrigin {
  const record = kind === "volume" ? state.volumeOfObject(id) : state.get("snapshot", id);
  // What a person said to be lost may come back with its disk: a person decides on it, never the sweep.
  if (record !== undefined && "reset" in record && record.reset !== undefined) return "not-here";
  if (books.buried.has(id)) return "deleted";
  return record === undefined ? "unknown" : "not-here";
}
