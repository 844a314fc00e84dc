import { type Static, Type } from "typebox";
import { Description, Uuid } from "#shared/model/names.ts";
import { Nullable } from "#shared/model/nullable.ts";
import { ResetNote } from "#shared/model/volume.ts";

const STRICT = { additionalProperties: false } as const;

/** So many ids a request: it stays below the limit of a body. */
export const IDS_PER_REQUEST = 1000;
/** So many findings of a kind and backend are told; the counts are whole. */
export const FINDINGS_TOLD = 10_000;

const Kind = Type.Union([Type.Literal("volume"), Type.Literal("snapshot")]);

export const OrphanView = Type.Object({
  kind: Kind,
  id: Type.String(),
  /** Of a snapshot. */
  volumeId: Nullable(Type.String()),
  /** What its mark says; null: it bears none. */
  name: Nullable(Type.String()),
  project: Nullable(Type.String()),
  flavor: Nullable(Type.String()),
  sizeBytes: Nullable(Type.Integer()),
  ageMs: Nullable(Type.Integer()),
  whole: Type.Boolean(),
  /** `deleted`: it was; `not-here`: it is recorded as being elsewhere or nowhere; `unknown`: the ledger never had it, or lost it. */
  origin: Type.Union([Type.Literal("deleted"), Type.Literal("not-here"), Type.Literal("unknown")]),
});
export type OrphanView = Static<typeof OrphanView>;

const RecordedView = Type.Object({
  kind: Kind,
  id: Type.String(),
  name: Type.String(),
  project: Type.String(),
  status: Type.String(),
  sizeBytes: Type.Integer(),
});

export const BackendAuditView = Type.Object({
  backend: Type.Object({ id: Type.Integer(), name: Type.String(), zone: Type.String() }),
  /** Why it could not be looked at; null: it was, and what follows holds. */
  error: Nullable(Type.Object({ code: Type.String(), message: Type.String() })),
  /** Do its objects bear marks? Without them nothing can be adopted or removed. null: not measured yet. */
  marks: Nullable(Type.Boolean()),
  counts: Type.Object({
    recorded: Type.Integer(),
    inWork: Type.Integer(),
    orphans: Type.Integer(),
    missing: Type.Integer(),
    differing: Type.Integer(),
    foreign: Type.Integer(),
    exposed: Type.Integer(),
  }),
  orphans: Type.Array(OrphanView),
  missing: Type.Array(RecordedView),
  /** There, and not as recorded: another size, or (`whole` false) only a part of it. */
  differing: Type.Array(
    Type.Object({ ...RecordedView.properties, foundBytes: Nullable(Type.Integer()), whole: Type.Boolean() }),
  ),
  foreign: Type.Array(Type.String()),
  /** Recorded, and reached by hosts that have no attachment; the next sweep shuts them out. null: whoever knows the secret. */
  exposed: Type.Array(Type.Object({ ...RecordedView.properties, letIn: Type.Array(Nullable(Type.String())) })),
});
export type BackendAuditView = Static<typeof BackendAuditView>;
export const AuditAnswer = Type.Object({ backends: Type.Array(BackendAuditView) });
export type AuditAnswer = Static<typeof AuditAnswer>;

const Ids = Type.Array(Uuid, { minItems: 1, maxItems: IDS_PER_REQUEST });
/** Only what is named and is found again as an orphan, marked and old enough, is removed. */
export const RepairBody = Type.Object({ olderThanMs: Type.Integer({ minimum: 0 }), ids: Ids }, STRICT);
export type RepairBody = Static<typeof RepairBody>;
export const AdoptBody = Type.Object({ ids: Ids }, STRICT);
export type AdoptBody = Static<typeof AdoptBody>;
export const AuditedAnswer = Type.Object({
  /** Removal begun, or adopted. */
  done: Type.Array(Type.String()),
  passed: Type.Array(Type.Object({ id: Type.String(), why: Type.String() })),
});
export type AuditedAnswer = Static<typeof AuditedAnswer>;

export const ResetBody = Type.Object(
  {
    to: Type.Union([Type.Literal("available"), Type.Literal("error")]),
    reason: Type.String({ ...Description, minLength: 1 }),
    /** Who says so; absent: the caller, as the token names it. */
    by: Type.Optional(Type.String({ ...Description, minLength: 1 })),
  },
  STRICT,
);
export type ResetBody = Static<typeof ResetBody>;
export const ResetAnswer = Type.Object({
  id: Type.String(),
  status: Type.String(),
  sizeGib: Type.Integer(),
  backend: Nullable(Type.String()),
  reset: ResetNote,
});
export type ResetAnswer = Static<typeof ResetAnswer>;
