import { type Static, Type } from "typebox";
import { VolumeSpec } from "#shared/model/extra-specs.ts";
import { ForeignReference } from "#shared/model/foreign.ts";
import { Bytes, EpochMs, Uuid } from "#shared/model/names.ts";
import { Nullable } from "#shared/model/nullable.ts";
import { OwnerMark } from "#shared/model/operation.ts";
import { parser } from "#shared/schema.ts";

/** What a fake's journal keeps of an object beside its size, so that it can be listed and adopted like real ones. */
export const FakeMark = Type.Object({
  volumeId: Uuid,
  owner: Nullable(OwnerMark),
  madeAtMs: EpochMs,
  /** The name of what it stands upon. */
  parent: Type.Optional(Type.String()),
  /** What its flavor promised; absent: nothing, or a snapshot. */
  spec: Type.Optional(VolumeSpec),
  /** What it was before it was taken over; absent: it was made by us. */
  taken: Type.Optional(Type.Object({ name: ForeignReference, sizeBytes: Bytes, identity: Type.String() })),
  /** It is mirrored: it, or the volume that it is a state of, was promised so. */
  replicated: Type.Optional(Type.Boolean()),
});
export type FakeMark = Static<typeof FakeMark>;

const marks = parser(FakeMark, "fake mark");

/** One word of plain letters: a user's words may hold anything, and the journal is read by lines and blanks. */
export function printFakeMark(mark: FakeMark): string {
  return Buffer.from(JSON.stringify(mark)).toString("base64url");
}

export function parseFakeMark(text: string): FakeMark | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    return marks.check(value) ? value : null;
  } catch {
    return null;
  }
}
