import { type Static, Type } from "typebox";
import { LastError } from "#shared/model/error-record.ts";
import { MovePhase } from "#shared/model/move.ts";
import { FlavorName, Uuid, ZoneName } from "#shared/model/names.ts";
import { Nullable } from "#shared/model/nullable.ts";

const STRICT = { additionalProperties: false } as const;

export const Bandwidth = Type.Optional(
  Type.Integer({ minimum: 1, maximum: 1_000_000, description: "what a copy may read a second, in MiB" }),
);

/** One of the two says where to. */
export const MigrateBody = Type.Object(
  {
    backend: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: "an id or name" })),
    zone: Type.Optional(ZoneName),
    bandwidthMibPerS: Bandwidth,
    forceCopy: Type.Optional(Type.Boolean({ description: "copy, even where the storage system could move it" })),
  },
  STRICT,
);
export type MigrateBody = Static<typeof MigrateBody>;

export const RetypeBody = Type.Object(
  {
    flavor: Type.Union([FlavorName, Uuid]),
    policy: Type.Optional(Type.Union([Type.Literal("never"), Type.Literal("on-demand")])),
    bandwidthMibPerS: Bandwidth,
  },
  STRICT,
);
export type RetypeBody = Static<typeof RetypeBody>;

/** How far a move is. */
export const MoveView = Type.Object({
  kind: Type.Union([Type.Literal("migrate"), Type.Literal("retype")]),
  phase: MovePhase,
  fromBackend: Nullable(Type.String()),
  toBackend: Type.String(),
  toZone: ZoneName,
  toFlavor: Nullable(Type.String()),
  /** Of what is copied; null: nothing is known of it yet. */
  doneBytes: Nullable(Type.Integer()),
  totalBytes: Nullable(Type.Integer()),
  bandwidthLimitBytesPerS: Nullable(Type.Integer()),
  startedAt: Type.String(),
});
export type MoveView = Static<typeof MoveView>;

export const MoveAnswer = Type.Object({
  id: Type.String(),
  status: Type.String(),
  backend: Nullable(Type.String()),
  flavor: Nullable(Type.String()),
  /** null: it is not being moved. */
  move: Nullable(MoveView),
  /** What came of the last migration; null: there was none. */
  migrated: Nullable(Type.Union([Type.Literal("success"), Type.Literal("error")])),
  lastError: Nullable(LastError),
});
export type MoveAnswer = Static<typeof MoveAnswer>;
