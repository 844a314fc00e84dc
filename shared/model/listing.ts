import { type Static, Type } from "typebox";
import { InitiatorName } from "./attachment.ts";
import { Bytes, Uuid } from "./names.ts";
import { Nullable } from "./nullable.ts";
import { OwnerMark } from "./operation.ts";
import { VolumeParent } from "./volume.ts";

/** So many entries a page at most: a message stays far below what nats-server takes. */
export const LISTED_PER_PAGE = 200;

/** So many initiators of a volume are told at most, for a page must fit into a message; the others when these are gone. */
export const LET_IN_TOLD = 4;

/** Something that stands on a backend under a name of ours. */
export const ListedObject = Type.Object({
  kind: Type.Union([Type.Literal("volume"), Type.Literal("snapshot")]),
  id: Uuid,
  /** Of a snapshot: whose state it is. null: nothing says so. */
  volumeId: Nullable(Uuid),
  /** What it stands upon and cannot be without, where the system tells; absent: nothing, or it does not tell. */
  parent: Type.Optional(Nullable(VolumeParent)),
  /** null: nothing says so (only a part of it is there). */
  sizeBytes: Nullable(Bytes),
  /** null: it bears none, so only its name speaks for us. Nothing without a mark is removed or adopted by an audit. */
  mark: Nullable(OwnerMark),
  /** false: a creation or removal that has not come to its end. */
  whole: Type.Boolean(),
  /** Since the mark was last written, by one clock alone; null: the system does not tell. */
  ageMs: Nullable(Type.Integer({ minimum: 0 })),
  providerId: Nullable(Type.String({ maxLength: 1024 })),
  properties: Type.Record(Type.String(), Type.String()),
  /** Of a volume that is exported: the initiators let in; null among them: all. Absent: it is not, or nothing tells. */
  letIn: Type.Optional(Type.Array(Nullable(InitiatorName), { maxItems: LET_IN_TOLD })),
  /** Of a volume that lets in whoever shows a secret, by whatever name: whose secret. Absent: there is no such account. */
  account: Type.Optional(Type.String({ maxLength: 255 })),
});
export type ListedObject = Static<typeof ListedObject>;

/** A page of what stands on a backend, in the order of names. */
export const ListPage = Type.Object({
  objects: Type.Array(ListedObject, { maxItems: LISTED_PER_PAGE }),
  /** Names of what is not ours: left alone, and told. */
  foreign: Type.Array(Type.String(), { maxItems: LISTED_PER_PAGE }),
  /** Where the next page begins; null: this was the last. */
  next: Nullable(Type.String({ maxLength: 1024 })),
});
export type ListPage = Static<typeof ListPage>;

/** All pages of one backend. */
export interface Listing {
  readonly objects: readonly ListedObject[];
  readonly foreign: readonly string[];
}
