import { objectOfName } from "../names.ts";
import type { SanKind, SanObject, SanRef } from "../san/array.ts";
import type { CliqSnapshot, CliqVolume, Permission } from "./answer.ts";
import { type Mark, type MarkState, parseMark } from "./mark.ts";

/** A volume or a snapshot of the cluster. */
export interface LeftHandObject extends SanObject {
  /** How far its making is, as its mark says; null: it bears none of ours. */
  readonly state: MarkState | null;
  readonly permissions: readonly Permission[];
  /** Empty: it is not told. */
  readonly iqn: string;
}

export function objectOf(kind: SanKind, told: CliqVolume | CliqSnapshot): LeftHandObject {
  const { name, size, description = "", permission = [], iscsiIqn = "" } = told;
  const named = objectOfName(name);
  const printed = named?.kind === kind ? parseMark(description) : null;
  const common = { kind, name, sizeBytes: Number(size), providerId: null, permissions: permission, iqn: iscsiIqn };
  const volumeId = kind === "volume" ? named?.id : printed?.aboutId;
  if (named === null || printed === null || volumeId == null) return { ...common, mark: null, state: null };
  const { state, owner, writtenAtMs } = printed;
  return {
    ...common,
    ...letIn(permission),
    mark: { id: named.id, volumeId, owner, writtenAtMs },
    state,
    unfinished: state === "unfinished",
    ...(kind === "volume" ? standsUpon(state, printed.aboutId) : {}),
  };
}

/** What was made just now, as it would be told. */
export function madeObject({ kind, name, mark, sizeBytes }: SanRef & Pick<SanObject, "mark">): LeftHandObject {
  return { kind, name, sizeBytes, providerId: null, mark, state: "whole", permissions: [], iqn: "" };
}

export function standsUpon(state: MarkState, snapshotId: string | null): Pick<SanObject, "parent" | "dependsOnSource"> {
  return {
    ...(snapshotId === null ? {} : { parent: { kind: "snapshot", id: snapshotId } }),
    dependsOnSource: snapshotId !== null || state === "on-own-snapshot",
  };
}

/** What stands in its description. */
export function printedMark({ kind, state, mark, parent }: LeftHandObject): Mark {
  return {
    state: state ?? "whole",
    aboutId: kind === "snapshot" ? (mark?.volumeId ?? null) : (parent?.id ?? null),
    owner: mark?.owner ?? null,
    writtenAtMs: mark?.writtenAtMs ?? 0,
  };
}

/** Initiators by name, or whoever shows an account's secret. */
function letIn(permissions: readonly Permission[]): Pick<SanObject, "letIn" | "account"> {
  const account = permissions.find(({ iqn = "", chapRequired }) => iqn === "" && chapRequired === "true")?.chapName;
  const byName = permissions.filter(({ iqn = "", chapRequired }) => iqn !== "" || chapRequired !== "true");
  return {
    ...(byName.length === 0 ? {} : { letIn: byName.map(({ iqn = "" }) => (iqn === "" ? null : iqn)) }),
    ...(account === undefined ? {} : { account }),
  };
}

/** It still answers for a while after it was deleted. */
export function isLeaving({ deleting }: Pick<CliqVolume, "deleting">): boolean {
  return deleting === "true";
}

/** The number that volumes and snapshots of a group share, and that is never given twice. null: it is not told. */
export function serialOf({ serialNumber = "" }: Pick<CliqVolume, "serialNumber">): bigint | null {
  const digits = /^[0-9a-fA-F]{32}([0-9a-fA-F]{16})$/.exec(serialNumber)?.[1];
  return digits === undefined ? null : BigInt(`0x${digits}`);
}

/** Whole megabytes where it is such, for people read it as well. */
export function sizeWord(sizeBytes: number): string {
  const kilobytes = Math.ceil(sizeBytes / 1024);
  if (kilobytes % 1024 ** 2 === 0) return `${kilobytes / 1024 ** 2}GB`;
  return kilobytes % 1024 === 0 ? `${kilobytes / 1024}MB` : `${kilobytes}KB`;
}
