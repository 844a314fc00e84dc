import type { Claim } from "#shared/model/claim.ts";
import type { Job } from "#shared/model/job.ts";
import type { RecordTypes, StateKind } from "#shared/model/records.ts";
import type { Volume } from "#shared/model/volume.ts";
import type { UsageEntry } from "./usage.ts";

/** What a record means to the indexes of the state: derived from the record alone, so that it can always be recounted. */
export interface IndexEntry {
  readonly id: string;
  readonly backendId: number | null;
  /** The backend cannot be removed from the catalogue while this stands. */
  readonly usesBackend: boolean;
  readonly claims: readonly ClaimEntry[];
  /** What cannot be deleted while this stands. */
  readonly parents: readonly string[];
  readonly job: Job | null;
  /** It waits, unplaced, for a backend to heal. */
  readonly waits: boolean;
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

const NOTHING = {
  backendId: null,
  usesBackend: false,
  claims: [],
  parents: [],
  job: null,
  waits: false,
  usage: null,
};

const INDEXERS: Indexers = {
  volume: (volume) => ({
    id: volume.id,
    backendId: volume.backendId,
    usesBackend: true,
    claims: volumeClaims(volume),
    parents: volume.status === "creating" ? sourceIds(volume) : [],
    job: null,
    waits: volume.status === "creating" && volume.backendId === null,
    usage: {
      projectId: volume.projectId,
      volumeId: volume.id,
      // The difference of an extend counts at once.
      tally: { volumes: 1, snapshots: 0, gib: volume.extendToGib ?? volume.sizeGib },
    },
  }),
  snapshot: (snapshot) => ({
    ...NOTHING,
    id: snapshot.id,
    backendId: snapshot.backendId,
    usesBackend: true,
    claims: [{ key: snapshot.id, claim: snapshot.claim, object: true }],
    parents: [snapshot.volumeId],
    usage: {
      projectId: snapshot.projectId,
      volumeId: snapshot.volumeId,
      tally: { volumes: 0, snapshots: 1, gib: snapshot.sizeGib },
    },
  }),
  attachment: (attachment) => ({ ...NOTHING, id: attachment.id, parents: [attachment.volumeId] }),
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

function sourceIds({ source }: Volume): string[] {
  if (source.kind === "snapshot") return [source.snapshotId];
  return source.kind === "volume" ? [source.volumeId] : [];
}
