import { type Static, Type } from "typebox";
import { Bytes, EpochMs, Uuid } from "#shared/model/names.ts";
import { Nullable } from "#shared/model/nullable.ts";
import { OwnerMark, type SnapshotRef, type VolumeRef } from "#shared/model/operation.ts";
import { parser } from "#shared/schema.ts";
import { snapshotName, volumeName } from "../names.ts";
import type { VdiRecord } from "./records.ts";

/** Keys of ours in a VDI's other_config. */
const MARK_KEY = "berth";
const COPY_KEY = "berth_copy";

const Kind = Type.Union([Type.Literal("volume"), Type.Literal("snapshot")]);

/** Whose VDI it is. A pool copies other_config along with a VDI; so what is marked as another's copy is none of ours. */
export const XenMark = Type.Object({
  kind: Kind,
  id: Uuid,
  volumeId: Uuid,
  owner: Nullable(OwnerMark),
  writtenAtMs: EpochMs,
  /** As it was asked for: a LUN may be larger. */
  sizeBytes: Bytes,
  /** Of the try that made it: what shares it is a copy that somebody else made, mark and all. */
  nonce: Type.String(),
  /** Its bytes are not all there yet. */
  filling: Type.Optional(Type.Boolean()),
  /** The uuid of the VDI that it takes the place of, which goes. */
  replaces: Type.Optional(Type.String()),
  /** What it was called before it was taken over. */
  taken: Type.Optional(Type.Object({ name: Type.String(), sizeBytes: Bytes })),
});
export type XenMark = Static<typeof XenMark>;

/** Stands at an original while it is copied, and so at its copy: for whom that copy is. */
const CopyNote = Type.Object({ kind: Kind, id: Uuid, from: Type.String() });
export type CopyNote = Static<typeof CopyNote>;

const marks = parser(XenMark, "a mark");
const notes = parser(CopyNote, "a note of a copy");

export interface Identity {
  readonly kind: "volume" | "snapshot";
  readonly id: string;
}

export function volumeOf({ id }: Pick<VolumeRef, "id">): Identity {
  return { kind: "volume", id };
}

export function snapshotOf({ id }: Pick<SnapshotRef, "id">): Identity {
  return { kind: "snapshot", id };
}

export function nameOf({ kind, id }: Identity): string {
  return kind === "volume" ? volumeName(id) : snapshotName(id);
}

/** The copy that this VDI is, and that is not whole yet; null: it is none. */
export function copyOf({ uuid, other_config }: VdiRecord): CopyNote | null {
  const note = parsedText(other_config[COPY_KEY]);
  return notes.check(note) && note.from !== uuid ? note : null;
}

/** null: it is not ours, or no more than a part of something. */
export function markOf(vdi: VdiRecord): XenMark | null {
  if (copyOf(vdi) !== null) return null;
  const mark = parsedText(vdi.other_config[MARK_KEY]);
  // A snapshot that somebody else took of a volume of ours has its mark, too.
  if (!marks.check(mark) || (mark.kind === "volume" && vdi.is_a_snapshot)) return null;
  return mark;
}

export function isMarkedFor(vdi: VdiRecord, { kind, id }: Identity): boolean {
  const mark = markOf(vdi);
  return mark !== null && mark.kind === kind && mark.id === id;
}

/** other_config as it becomes: others' keys stay. */
export function withMark(config: VdiRecord["other_config"], mark: XenMark): VdiRecord["other_config"] {
  return { ...withoutMark(config), [MARK_KEY]: JSON.stringify(mark) };
}

export function withoutMark(config: VdiRecord["other_config"]): VdiRecord["other_config"] {
  return Object.fromEntries(Object.entries(config).filter(([key]) => key !== MARK_KEY && key !== COPY_KEY));
}

export function withNote(config: VdiRecord["other_config"], note: CopyNote): VdiRecord["other_config"] {
  return { ...config, [COPY_KEY]: JSON.stringify(note) };
}

export function withoutNote(config: VdiRecord["other_config"]): VdiRecord["other_config"] {
  return Object.fromEntries(Object.entries(config).filter(([key]) => key !== COPY_KEY));
}

/** Was a copy for this one begun of it? Then there may be one. */
export function isNotedFor(vdi: VdiRecord, { kind, id }: Identity): boolean {
  const note = parsedText(vdi.other_config[COPY_KEY]);
  return notes.check(note) && note.kind === kind && note.id === id;
}

function parsedText(text: string | undefined): unknown {
  try {
    return text === undefined ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
