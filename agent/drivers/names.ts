/** Names of objects on a backend derive from ids alone, so that every step can be repeated and nothing of a user's gets in. */

export function volumeName(volumeId: string): string {
  return `volume-${volumeId}`;
}

export function snapshotName(snapshotId: string): string {
  return `snapshot-${snapshotId}`;
}

/** The IQN of a volume's target: with a reversed domain of two parts, without which targetcli refuses it. */
export function targetIqn(volumeId: string): string {
  return `iqn.2026-01.org.berth:volume-${volumeId}`;
}
