import type { Claim } from "#shared/model/claim.ts";
import type { Group } from "#shared/model/group.ts";
import type { Job } from "#shared/model/job.ts";
import type { RecordTypes, StateKind } from "#shared/model/records.ts";
import type { Volume } from "#shared/model/volume.ts";
import type { UsageEntry } from "./usage.ts";

/** What a record means to the indexes of the state: derived from the record alone, so that it can always be recounted. */
export interface IndexEntry {
  readonly id: string;
  readonly backendId: number | null;
  /** What it is to become on another backend, while it moves there. */
  readonly elsewhere: { readonly backendId: number; readonly claims: readonly ClaimEntry[] } | null;
  /** The backend cannot be removed from the catalogue while this stands. */
  readonly usesBackend: boolean;
  readonly claims: readonly ClaimEntry[];
  /** What cannot be deleted while this stands. */
  readonly parents: readonly string[];
  readonly job: Job | null;
  /** Ids of its objects on backends that are not its own id. */
  readonly objects: readonly string[];
  /** It is being moved. */
  readonly moves: boolean;
  /** It waits, unplaced, for a backend to heal. */
  readonly waits: boolean;
  /** Its state follows from other records' (`group-settle.ts`, `cascade.ts`). */
  readonly settles: boolean;
  /** What it takes of its project's quota: from the request to the end, also in `error`. */
  readonly usage: UsageEntry | null;
}

export interface ClaimEntry {
  readonly key: string;
  readonly claim: Claim;
  /** A whole object, not the growth of one. */
  readonly object: boolean;
}

type Indexers = { readonly [K in StateKind]: (record: RecordTypes[K]) => IndexEntry };

/** Where what was detached by force is found: beside its object, which it does not keep. */
export function evictionKey(objectId: string): string {
  return `evicting ${objectId}`;
}

/** Where a project's messages are found. */
export function messagesKey(projectId: string): string {
  return `messages of ${projectId}`;
}

const NOTHING = {
  backendId: null,
  usesBackend: false,
  claims: [],
  elsewhere: null,
  parents: [],
  job: null,
  objects: [],
  moves: false,
  waits: false,
  settles: false,
  usage: null,
};

const INDEXERS: Indexers = {
  volume: (volume) => ({
    ...NOTHING,
    id: volume.id,
    backendId: volume.backendId,
    usesBackend: true,
    claims: volumeClaims(volume),
    elsewhere: destination(volume),
    parents: parentsOf(volume),
    job: null,
    objects: [volume.nameId, volume.move?.target?.id ?? null].filter((id) => id !== null),
    moves: volume.move !== null,
    waits: volume.status === "creating" && volume.backendId === null,
    settles: volume.cascadeDeadlineMs !== undefined,
    usage: {
      projectId: volume.projectId,
      volumeId: volume.id,
      // The difference of an extend counts at once.
      tally: { volumes: 1, snapshots: 0, gib: volume.extendToGib ?? volume.sizeGib },
      ...alsoUsed(volume),
    },
  }),
  snapshot: (snapshot) => ({
    ...NOTHING,
    id: snapshot.id,
    backendId: snapshot.backendId,
    usesBackend: true,
    claims: [{ key: snapshot.id, claim: snapshot.claim, object: true }],
    parents: present([snapshot.volumeId, snapshot.groupSnapshotId]),
    usage: {
      projectId: snapshot.projectId,
      volumeId: snapshot.volumeId,
      tally: { volumes: 0, snapshots: 1, gib: snapshot.sizeGib },
    },
  }),
  attachment: ({ id, status, volumeId, snapshotId, backendId }) => {
    const of = snapshotId ?? volumeId;
    if (status !== "evicting") return { ...NOTHING, id, parents: [of] };
    // Nothing waits for it any more, but its backend is to answer yet.
    return { ...NOTHING, id, backendId, usesBackend: true, parents: [evictionKey(of)] };
  },
  group: (group) => ({
    ...NOTHING,
    id: group.id,
    parents: group.status === "creating" ? groupSourceIds(group) : [],
    settles: ["creating", "deleting", "error_deleting"].includes(group.status),
  }),
  "group-snapshot": (taken) => ({ ...NOTHING, id: taken.id, parents: [taken.groupId] }),
  job: (job) => ({ ...NOTHING, id: job.id, job }),
  transfer: (transfer) => ({ ...NOTHING, id: transfer.id }),
  "backend-state": ({ id, backendId, side, failover }) => ({
    ...NOTHING,
    id,
    backendId,
    // One that is not on its own side cannot leave the catalogue.
    usesBackend: side !== null || failover !== null,
  }),
  leftover: (leftover) => ({
    ...NOTHING,
    id: leftover.id,
    backendId: leftover.backendId,
    usesBackend: true,
    claims: [{ key: leftover.id, claim: leftover.claim, object: true }],
  }),
  tombstone: (tombstone) => ({
    ...NOTHING,
    id: tombstone.id,
    backendId: tombstone.backendId,
    claims: tombstone.claims.map((claim, n) => ({ key: `tombstone ${tombstone.id} ${n}`, claim, object: n === 0 })),
  }),
  idempotency: (record) => ({ ...NOTHING, id: record.id }),
  message: ({ id, projectId }) => ({ ...NOTHING, id, parents: [messagesKey(projectId)] }),
};

export function indexEntry<K extends StateKind>(kind: K, record: RecordTypes[K]): IndexEntry {
  const indexer: Indexers[K] = INDEXERS[kind];
  return indexer(record);
}

function volumeClaims(volume: Volume): ClaimEntry[] {
  const claims: ClaimEntry[] = [];
  if (volume.claim !== null) claims.push({ key: volume.id, claim: volume.claim, object: true });
  for (const [n, claim] of volume.growth.entries())
    claims.push({ key: `growth ${volume.id} ${n}`, claim, object: false });
  return claims;
}

/** What it is being made from, what it stands upon, what it goes back to, and its group. */
function parentsOf(volume: Volume): string[] {
  const { status, parent, revertTo, groupId } = volume;
  return present([...(status === "creating" ? sourceIds(volume) : []), parent?.id ?? null, revertTo, groupId]);
}

function groupSourceIds({ source }: Group): string[] {
  if (source.kind === "group-snapshot") return [source.groupSnapshotId];
  return source.kind === "group" ? [source.groupId] : [];
}

function present(ids: readonly (string | null)[]): string[] {
  return ids.filter((id) => id !== null);
}

function destination({ id, move }: Volume): IndexEntry["elsewhere"] {
  if (move === null || move.target === null) return null;
  return { backendId: move.toBackendId, claims: [{ key: `move ${id}`, claim: move.target.claim, object: true }] };
}

function alsoUsed({ move }: Volume): Pick<UsageEntry, "also"> {
  if (move === null || move.toFlavorId === null || move.tally === null) return {};
  return { also: { flavorId: move.toFlavorId, tally: move.tally } };
}

function sourceIds({ source }: Volume): string[] {
  if (source.kind === "snapshot") return [source.snapshotId];
  return source.kind === "volume" ? [source.volumeId] : [];
}
