import { type Static, Type } from "typebox";
import { Nullable } from "#shared/model/nullable.ts";

const Properties = Type.Record(Type.String(), Type.String());

export const Snapshot = Type.Object({
  guid: Type.Integer(),
  /** The order in which things were made. */
  txg: Type.Integer(),
  createdS: Type.Integer(),
  /** Which content it holds (`ZfsState.contentBytes`). */
  content: Type.Integer(),
  volsizeBytes: Type.Integer(),
  properties: Properties,
  /** `zfs destroy -d` was told, and clones or holds keep it. */
  deferred: Type.Boolean(),
  holds: Type.Array(Type.String()),
});
export type Snapshot = Static<typeof Snapshot>;

export const Dataset = Type.Object({
  kind: Type.Union([Type.Literal("filesystem"), Type.Literal("volume")]),
  guid: Type.Integer(),
  txg: Type.Integer(),
  createdS: Type.Integer(),
  /** Set here, by native names or users' own; numbers are exact. */
  properties: Properties,
  /** The guid of the snapshot that it is a clone of. */
  origin: Nullable(Type.Integer()),
  snapshots: Type.Record(Type.String(), Snapshot),
  content: Type.Integer(),
  /** When its bytes were last looked at, they were of this time; null: never. */
  contentMtimeMs: Nullable(Type.Number()),
  /** COMSTAR keeps a unit's identity in the volume itself. */
  unitMetadata: Nullable(Type.String()),
});
export type Dataset = Static<typeof Dataset>;

/** `zfs allow`: what a user may do at a dataset and below. */
export const Delegation = Type.Object({
  user: Type.String(),
  dataset: Type.String(),
  permissions: Type.Array(Type.String()),
});
export type Delegation = Static<typeof Delegation>;

export const ZfsState = Type.Object({
  datasets: Type.Record(Type.String(), Dataset),
  /**
   * How many bytes each content holds. Volumes and snapshots that have not been written to since they were one share a
   * content and its bytes; whoever is written to gets one of its own.
   */
  contentBytes: Type.Record(Type.String(), Type.Integer()),
  delegations: Type.Array(Delegation),
  next: Type.Integer(),
});
export type ZfsState = Static<typeof ZfsState>;

export function emptyZfs(pool: string): ZfsState {
  const state: ZfsState = { datasets: {}, contentBytes: {}, delegations: [], next: 1_000_000 };
  state.datasets[pool] = newDataset(state, "filesystem", {});
  return state;
}

export function newDataset(
  state: ZfsState,
  kind: Dataset["kind"],
  properties: Readonly<Record<string, string>>,
): Dataset {
  return {
    kind,
    guid: nextNumber(state),
    txg: nextNumber(state),
    createdS: nowS(),
    properties: { ...properties },
    origin: null,
    snapshots: {},
    content: nextNumber(state),
    contentMtimeMs: null,
    unitMetadata: null,
  };
}

export function nextNumber(state: ZfsState): number {
  state.next += 1;
  return state.next;
}

export function nowS(): number {
  return Math.floor(Date.now() / 1000);
}

export interface FoundSnapshot {
  readonly datasetName: string;
  readonly dataset: Dataset;
  readonly name: string;
  readonly snapshot: Snapshot;
}

export function findSnapshot(state: ZfsState, wanted: (snapshot: Snapshot) => boolean): FoundSnapshot | null {
  for (const [datasetName, dataset] of Object.entries(state.datasets))
    for (const [name, snapshot] of Object.entries(dataset.snapshots))
      if (wanted(snapshot)) return { datasetName, dataset, name, snapshot };
  return null;
}

/** Names of the datasets that are clones of it, in the order in which they were made. */
export function clonesOf(state: ZfsState, { guid }: Snapshot): string[] {
  return Object.entries(state.datasets)
    .filter(([, dataset]) => dataset.origin === guid)
    .sort(([, one], [, other]) => one.txg - other.txg)
    .map(([name]) => name);
}

export function snapshotsInOrder(dataset: Dataset): [string, Snapshot][] {
  return Object.entries(dataset.snapshots).sort(([, one], [, other]) => one.txg - other.txg);
}

export function childrenOf(state: ZfsState, name: string): string[] {
  return Object.keys(state.datasets).filter((other) => other.startsWith(`${name}/`));
}

export function parentName(name: string): string | null {
  const at = name.lastIndexOf("/");
  return at < 0 ? null : name.slice(0, at);
}

export function volsizeOf(dataset: Dataset): number {
  return Number(dataset.properties.volsize ?? 0);
}
