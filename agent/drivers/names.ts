import type { Access } from "#shared/model/attachment.ts";

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

/** One way into one object: a volume can be served to write and, beside that, only to read; a snapshot only to read. */
export interface ExportName {
  readonly kind: "volume" | "snapshot";
  readonly id: string;
  readonly access: Access;
}

export function exportOfVolume(id: string, access: Access): ExportName {
  return { kind: "volume", id, access };
}

export function exportOfSnapshot(id: string): ExportName {
  return { kind: "snapshot", id, access: "ro" };
}

/** The IQN of its target: with a reversed domain of two parts, without which targetcli refuses it. */
export function targetIqn({ kind, id, access }: ExportName): string {
  if (kind === "snapshot") return `${IQN_PREFIX}${snapshotName(id)}`;
  return `${IQN_PREFIX}${volumeName(id)}${access === "ro" ? READ_ONLY : ""}`;
}

/** Whose target it is; null: not one of ours. */
export function exportOfIqn(iqn: string): ExportName | null {
  if (!iqn.startsWith(IQN_PREFIX)) return null;
  const name = iqn.slice(IQN_PREFIX.length);
  const readOnly = name.startsWith("volume-") && name.endsWith(READ_ONLY);
  const object = objectOfName(readOnly ? name.slice(0, -READ_ONLY.length) : name);
  if (object === null) return null;
  return { ...object, access: readOnly || object.kind === "snapshot" ? "ro" : "rw" };
}

const IQN_PREFIX = "iqn.2026-01.org.berth:";
const READ_ONLY = ":ro";
