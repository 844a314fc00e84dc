/** Names of objects on a backend derive from ids alone, so that every step can be repeated and nothing of a user's gets in. */

export function volumeName(volumeId: string): string {
  return `volume-${volumeId}`;
}

export function snapshotName(snapshotId: string): string {
  return `snapshot-${snapshotId}`;
}

/** Whose name it is; null: not one of ours. */
export function objectOfName(name: string): { readonly kind: "volume" | "snapshot"; readonly id: string } | null {
  const [, kind, id] = /^(volume|snapshot)-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(name) ?? [];
  return id === undefined ? null : { kind: kind === "volume" ? "volume" : "snapshot", id };
}

/** The IQN of a volume's target: with a reversed domain of two parts, without which targetcli refuses it. */
export function targetIqn(volumeId: string): string {
  return `${IQN_PREFIX}${volumeName(volumeId)}`;
}

/** Whose target it is; null: not one of ours. */
export function volumeOfIqn(iqn: string): string | null {
  const object = iqn.startsWith(IQN_PREFIX) ? objectOfName(iqn.slice(IQN_PREFIX.length)) : null;
  return object?.kind === "volume" ? object.id : null;
}

const IQN_PREFIX = "iqn.2026-01.org.berth:";
