import { type Static, Type } from "typebox";
import { Chap } from "./chap.ts";
import { Claim } from "./claim.ts";
import { Ec2Facts } from "./ec2.ts";
import { ForeignReference } from "./foreign.ts";
import { VolumeMove } from "./move.ts";
import { BackendId, Description, EpochMs, Metadata, SizeGib, Uuid, ZoneName } from "./names.ts";
import { Nullable } from "./nullable.ts";
import { DriverFields, OwnedFields, WorkedFields } from "./object-fields.ts";
import { ReplicationStatus, Side } from "./replication.ts";

/** The field's states that Berth uses. Those ending in -ing are passing: each has a deadline and a job, or waits to be placed. */
export const VolumeStatus = Type.Union([
  Type.Literal("creating"),
  Type.Literal("available"),
  /** Somebody wants it and has not said for which host. */
  Type.Literal("reserved"),
  Type.Literal("attaching"),
  Type.Literal("in-use"),
  Type.Literal("detaching"),
  Type.Literal("extending"),
  Type.Literal("reverting"),
  /** It moves to another backend. */
  Type.Literal("maintenance"),
  Type.Literal("retyping"),
  Type.Literal("deleting"),
  Type.Literal("error"),
  Type.Literal("error_extending"),
  Type.Literal("error_reverting"),
  Type.Literal("error_deleting"),
  /** Offered to another project (`transfer.ts`); at rest until it is accepted or taken back. */
  Type.Literal("awaiting-transfer"),
  /** What another made is being taken over. */
  Type.Literal("managing"),
  /** It could not be: what was to be taken over is, or becomes, what it was. */
  Type.Literal("error_managing"),
  /** Its data are let go of, and its record goes. */
  Type.Literal("unmanaging"),
  Type.Literal("error_unmanaging"),
]);
export type VolumeStatus = Static<typeof VolumeStatus>;

export const VolumeSource = Type.Union([
  Type.Object({ kind: Type.Literal("blank") }),
  Type.Object({ kind: Type.Literal("snapshot"), snapshotId: Uuid }),
  Type.Object({ kind: Type.Literal("volume"), volumeId: Uuid }),
]);
export type VolumeSource = Static<typeof VolumeSource>;

/** What a copy stands upon on its backend, and cannot be without. */
export const VolumeParent = Type.Object({
  kind: Type.Union([Type.Literal("volume"), Type.Literal("snapshot")]),
  id: Uuid,
});
export type VolumeParent = Static<typeof VolumeParent>;

/** Where it is to be as seen from other volumes. Kept with it, for it may be placed more than once. */
export const PlacementHints = Type.Object(
  {
    /** On the backend of one of these. */
    sameAs: Type.Array(Uuid, { uniqueItems: true, maxItems: 64 }),
    /** On the backend of none of these. */
    differentFrom: Type.Array(Uuid, { uniqueItems: true, maxItems: 64 }),
  },
  { additionalProperties: false },
);
export type PlacementHints = Static<typeof PlacementHints>;

/** A person said what the state is, against what was recorded. */
export const ResetNote = Type.Object({
  from: VolumeStatus,
  to: Type.Union([Type.Literal("available"), Type.Literal("error")]),
  by: Type.String({ maxLength: 255 }),
  reason: Description,
  atMs: EpochMs,
  /** Where it was until then. */
  backendId: Nullable(BackendId),
});
export type ResetNote = Static<typeof ResetNote>;

/** It stands on a side of its backend that is not in force: in `error` until that is, with the state it had. */
export const VolumeAside = Type.Object({ side: Side, status: VolumeStatus });
export type VolumeAside = Static<typeof VolumeAside>;

/** As what it shows while it is held. Its own status goes on beneath, so that nothing is stuck. */
export const VolumeHold = Type.Union([Type.Literal("error"), Type.Literal("maintenance")]);
export type VolumeHold = Static<typeof VolumeHold>;

export const Volume = Type.Object({
  id: Uuid,
  ...OwnedFields,
  flavorId: Uuid,
  /** The zone asked for; null: any. */
  requestedZone: Nullable(ZoneName),
  /** The zone it is in, once placed. */
  zone: Nullable(ZoneName),
  source: VolumeSource,
  /** Set while the driver says that the copy needs what it was made from: that is not deleted before it. */
  parent: Nullable(VolumeParent),
  groupId: Nullable(Uuid),
  /** Absent: none were given. */
  hints: Type.Optional(PlacementHints),
  status: VolumeStatus,
  backendId: Nullable(BackendId),
  /** Backends that refused it so far: placing goes on past them. */
  triedBackendIds: Type.Array(BackendId),
  /** How many times it was placed; each round's verdicts are a record of their own. */
  placementRound: Type.Integer({ minimum: 0 }),
  /** While unplaced: when waiting for a report or an agent to return ends in `error`. */
  placementDeadlineMs: Nullable(EpochMs),
  claim: Nullable(Claim),
  /** The differences of extends that are not measured yet; the one under way has no `settledSeq`. */
  growth: Type.Array(Claim),
  /** The size asked for while `extending`. */
  extendToGib: Nullable(SizeGib),
  /** The snapshot it goes back to, while `reverting`. */
  revertTo: Nullable(Uuid),
  /**
   * Made with the volume where its backend gives accounts from creation on, else at the first connect. Whom a host was
   * told of is forgotten after the last disconnect, and the next connect makes another.
   */
  chap: Nullable(Chap),
  /** The id from which its name on the backend derives since it was moved; null: its own. */
  nameId: Nullable(Uuid),
  /** null: it stays where it is, as what it is. */
  move: Nullable(VolumeMove),
  /** What came of the last migration; absent: there was none. */
  migrated: Type.Optional(Type.Union([Type.Literal("success"), Type.Literal("error")])),
  /** Machines may boot from it: told to users' programs, of no meaning here. */
  bootable: Type.Boolean(),
  /** Hosts that are let in from now on may only read. */
  readOnly: Type.Boolean(),
  /** Several hosts may have it at once, as its flavor promised. */
  multiattach: Type.Boolean(),
  /**
   * All its space was taken when it was made, by its flavor or because what it is a copy of was made so: so is what is
   * made of it, whatever its flavor says. false: what its flavor says now.
   */
  madeThick: Type.Boolean(),
  /** When its last disconnect took its exports down: whoever reaches it since has an attachment. Absent: that is not known. */
  exportsClosedAtMs: Type.Optional(EpochMs),
  /** What it was called on its backend before it was taken over; absent: it was made here. */
  takenFrom: Type.Optional(ForeignReference),
  replicationStatus: Type.Optional(ReplicationStatus),
  /** What was asked for by EC2; absent: nothing. */
  ec2: Type.Optional(Ec2Facts),
  aside: Type.Optional(VolumeAside),
  /** Taken out of use by a person, whatever its status is; absent: it is not. */
  held: Type.Optional(VolumeHold),
  /**
   * It is being deleted with its snapshots, which go before it: when that is to be done; null: it was not. Absent: nothing
   * goes before it.
   */
  cascadeDeadlineMs: Type.Optional(Nullable(EpochMs)),
  /** What machines are told of the image that it came from. Absent: nothing. */
  imageMetadata: Type.Optional(Metadata),
  /** The last one; absent: never. */
  reset: Type.Optional(ResetNote),
  ...DriverFields,
  ...WorkedFields,
});
export type Volume = Static<typeof Volume>;
