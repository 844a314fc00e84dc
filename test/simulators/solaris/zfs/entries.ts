import type { Entry } from "./properties.ts";
import { Refusal } from "./refusal.ts";
import { parentName, snapshotsInOrder, type ZfsState } from "./state.ts";

export type EntryType = "filesystem" | "volume" | "snapshot";

/** `-t`: comma separated, with short forms. */
export function parseTypes(text: string): EntryType[] {
  return text.split(",").flatMap((word): EntryType[] => {
    if (word === "all") return ["filesystem", "volume", "snapshot"];
    if (word === "snap" || word === "snapshot") return ["snapshot"];
    if (word === "fs" || word === "filesystem") return ["filesystem"];
    if (word === "vol" || word === "volume") return ["volume"];
    throw new Refusal(`invalid type '${word}'`, 2);
  });
}

/**
 * What `list` and `get` go through, in the order of names with each one's snapshots behind it. `depth`: how far below
 * what was named; nothing named is everything.
 */
export function entriesOf(
  state: ZfsState,
  named: readonly string[],
  types: readonly EntryType[],
  depth: number,
): { entries: Entry[]; missing: string[] } {
  const missing: string[] = [];
  const entries = new Map<string, Entry>();
  const roots = named.length > 0 ? named : Object.keys(state.datasets).filter((name) => parentName(name) === null);
  const deep = named.length > 0 ? depth : Number.POSITIVE_INFINITY;
  const names = Object.keys(state.datasets).sort();
  for (const root of roots) {
    const [datasetName = "", snapshotName = null] = root.split("@");
    const dataset = state.datasets[datasetName];
    if (dataset === undefined || (snapshotName !== null && !Object.hasOwn(dataset.snapshots, snapshotName))) {
      missing.push(`cannot open '${root}': dataset does not exist`);
      continue;
    }
    if (snapshotName !== null) {
      if (types.includes("snapshot")) entries.set(root, { name: root, dataset, datasetName, snapshotName });
      else missing.push(`cannot open '${root}': operation not applicable to datasets of this type`);
      continue;
    }
    const within = names.filter((name) => name === root || name.startsWith(`${root}/`));
    for (const name of within) {
      const level = name.split("/").length - root.split("/").length;
      const one = state.datasets[name];
      if (one === undefined || level > deep) continue;
      if (types.includes(one.kind)) entries.set(name, { name, dataset: one, datasetName: name, snapshotName: null });
      const withSnapshots = types.includes("snapshot") && (level + 1 <= deep || (level === 0 && types.length === 1));
      if (withSnapshots)
        for (const [snapshot] of snapshotsInOrder(one)) {
          const full = `${name}@${snapshot}`;
          entries.set(full, { name: full, dataset: one, datasetName: name, snapshotName: snapshot });
        }
    }
  }
  return { entries: [...entries.values()], missing };
}
