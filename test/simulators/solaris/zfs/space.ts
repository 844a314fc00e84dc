import { childrenOf, type Dataset, parentName, snapshotsInOrder, type ZfsState } from "./state.ts";

export interface DatasetUsage {
  readonly usedByDataset: number;
  readonly usedBySnapshots: number;
  readonly usedByRefreservation: number;
}

/** As things stand at one moment. What a content's bytes cost is counted once, wherever it is shared. */
export class Space {
  readonly #state: ZfsState;
  readonly #capacityBytes: number;
  readonly #isFull: boolean;
  readonly #used = new Map<string, number>();
  #contents: ReadonlyMap<number, number> | null = null;

  constructor(state: ZfsState, capacityBytes: number, isFull: boolean) {
    this.#isFull = isFull;
    this.#state = state;
    this.#capacityBytes = capacityBytes;
  }

  contentBytes(content: number): number {
    return this.#state.contentBytes[content] ?? 0;
  }

  usageOf(name: string): DatasetUsage {
    const dataset = this.#state.datasets[name];
    if (dataset === undefined) return { usedByDataset: 0, usedBySnapshots: 0, usedByRefreservation: 0 };
    const inherited = this.#contentsOfOrigin(dataset);
    const own = new Set(Object.values(dataset.snapshots).map(({ content }) => content));
    const snapshots = [...own].filter((content) => content !== dataset.content && !inherited.has(content));
    return {
      usedByDataset: inherited.has(dataset.content) ? 0 : this.contentBytes(dataset.content),
      usedBySnapshots: sum(snapshots.map((content) => this.contentBytes(content))),
      usedByRefreservation: Math.max(0, refreservationOf(dataset) - this.uniqueBytes(dataset)),
    };
  }

  /** Of its live bytes, what no snapshot and no origin holds. */
  uniqueBytes(dataset: Dataset): number {
    const shared =
      Object.values(dataset.snapshots).some(({ content }) => content === dataset.content) ||
      this.#contentsOfOrigin(dataset).has(dataset.content);
    return shared ? 0 : this.contentBytes(dataset.content);
  }

  /** What would come free if this snapshot alone went. */
  snapshotUniqueBytes(dataset: Dataset, name: string): number {
    const content = dataset.snapshots[name]?.content;
    if (content === undefined || content === dataset.content) return 0;
    const others = snapshotsInOrder(dataset).some(([other, one]) => other !== name && one.content === content);
    const elsewhere = Object.values(this.#state.datasets).some(
      (other) => other !== dataset && other.content === content,
    );
    return others || elsewhere ? 0 : this.contentBytes(content);
  }

  usedBytes(name: string): number {
    const known = this.#used.get(name);
    if (known !== undefined) return known;
    const used = this.#countUsed(name);
    this.#used.set(name, used);
    return used;
  }

  #countUsed(name: string): number {
    const own = this.usageOf(name);
    const reserved = Number(this.#state.datasets[name]?.properties.reservation ?? 0);
    const below = sum(directChildren(this.#state, name).map((child) => this.usedBytes(child)));
    return Math.max(reserved, own.usedByDataset + own.usedBySnapshots + own.usedByRefreservation + below);
  }

  poolUsedBytes(): number {
    const roots = Object.keys(this.#state.datasets).filter((name) => parentName(name) === null);
    return sum(roots.map((name) => this.usedBytes(name)));
  }

  get capacityBytes(): number {
    return this.#capacityBytes;
  }

  /** What may be written or reserved at a dataset: the pool's rest, or less by a quota on the way. */
  availableBytes(name: string): number {
    if (this.#isFull) return 0;
    let available = Math.max(0, this.#capacityBytes - this.poolUsedBytes());
    for (let at: string | null = name; at !== null; at = parentName(at)) {
      const quota = Number(this.#state.datasets[at]?.properties.quota ?? 0);
      if (quota > 0) available = Math.min(available, Math.max(0, quota - this.usedBytes(at)));
    }
    return available;
  }

  #contentsOfOrigin({ origin }: Dataset): Set<number> {
    if (origin === null) return new Set();
    this.#contents ??= new Map(
      Object.values(this.#state.datasets).flatMap(({ snapshots }) =>
        Object.values(snapshots).map(({ guid, content }) => [guid, content] as const),
      ),
    );
    const content = this.#contents.get(origin);
    return new Set(content === undefined ? [] : [content]);
  }
}

export function refreservationOf(dataset: Dataset): number {
  return Number(dataset.properties.refreservation ?? 0);
}

function directChildren(state: ZfsState, name: string): string[] {
  if (state.datasets[name]?.kind !== "filesystem") return [];
  return childrenOf(state, name).filter((child) => parentName(child) === name);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
