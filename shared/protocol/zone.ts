import { type Static, Type } from "typebox";
import { Access, Connector } from "../model/attachment.ts";
import { BackendReport } from "../model/capacity.ts";
import { Backend, ParameterValue } from "../model/catalogue.ts";
import { Chap } from "../model/chap.ts";
import { ForeignPage, ForeignReference } from "../model/foreign.ts";
import { ListPage } from "../model/listing.ts";
import { BackendId, LedgerSeq, Uuid, ZoneName } from "../model/names.ts";
import { Nullable } from "../model/nullable.ts";
import { SnapshotRef, VolumeRef } from "../model/operation.ts";
import { Side } from "../model/replication.ts";
import { callType, messageType, PROTOCOL_VERSION } from "./message.ts";

/** What agents are to have open of a backend; `open` false: nothing, it is being failed over. */
export const BackendSide = Type.Object({ backendId: BackendId, side: Side, open: Type.Boolean() });
export type BackendSide = Static<typeof BackendSide>;

/** An agent asks what its zone's backends are; parameters hold references to secrets, never secrets. */
export const backendsCall = callType(
  "zone backends",
  Type.Object({ zone: ZoneName }),
  Type.Object({
    catalogueRevision: Type.String(),
    backends: Type.Array(Backend),
    /** What the zone says for all of them; absent: nothing. */
    settings: Type.Optional(Type.Record(Type.String(), ParameterValue)),
    /** Of those that are not simply open on their own side. */
    sides: Type.Optional(Type.Array(BackendSide)),
  }),
);

/** A volume or snapshot that is connected: its export must stand, also after the target's restart. */
export const ExpectedExport = Type.Object({
  attachmentId: Uuid,
  volume: VolumeRef,
  /** It is this one that is connected; null: the volume. */
  snapshot: Nullable(SnapshotRef),
  connector: Connector,
  chap: Chap,
  access: Access,
});
export type ExpectedExport = Static<typeof ExpectedExport>;

/** In pages, for a message must not be large: `after` is the last attachment id seen. */
export const exportsCall = callType(
  "expected exports",
  Type.Object({ backendId: BackendId, after: Type.String(), side: Type.Optional(Side) }),
  Type.Object({ exports: Type.Array(ExpectedExport, { maxItems: 500 }), more: Type.Boolean() }),
);

export const reportMessage = messageType(
  "report",
  Type.Object({ version: Type.Literal(PROTOCOL_VERSION), agentId: Type.String(), report: BackendReport }),
);

/** Measure now: for `backend show --refresh` and after a `no-space`. */
export const measureCall = callType(
  "measure",
  /** `ledgerSeq`: all at or before it is durable, and is seen by a measurement that is begun when this is heard. */
  Type.Object({ backendId: BackendId, ledgerSeq: LedgerSeq }),
  Type.Object({ agentId: Type.String(), report: BackendReport }),
);

/** What stands on a backend, in pages, for audits: `after` is the `next` of the page before; null: the first. */
export const listCall = callType(
  "list",
  Type.Object({ backendId: BackendId, after: Nullable(Type.String({ maxLength: 1024 })), side: Type.Optional(Side) }),
  ListPage,
);

/** What stands there and is not ours, in pages; with `reference` only that, if it is there. */
export const foreignCall = callType(
  "foreign",
  Type.Object({
    backendId: BackendId,
    after: Nullable(Type.String({ maxLength: 1024 })),
    reference: Nullable(ForeignReference),
  }),
  ForeignPage,
);

export const nudgeMessage = messageType("nudge", Type.Object({ schedulerId: Type.String() }));
