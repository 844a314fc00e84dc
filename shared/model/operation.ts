import { type Static, Type } from "typebox";
import { Access, ConnectionInfo, Connector } from "./attachment.ts";
import { Chap } from "./chap.ts";
import { VolumeSpec } from "./extra-specs.ts";
import { ForeignReference } from "./foreign.ts";
import { MAX_GROUP_MEMBERS } from "./group.ts";
import { BackendId, Bytes, BytesPerS, Uuid } from "./names.ts";
import { Nullable } from "./nullable.ts";
import { Side } from "./replication.ts";

/** What a driver must know of an object: the ids from which its name derives, and what the driver itself gave back. */
export const VolumeRef = Type.Object({
  id: Uuid,
  sizeBytes: Bytes,
  providerId: Nullable(Type.String()),
  properties: Type.Record(Type.String(), Type.String()),
  /** What its flavor promised, in operations that make or change it. Absent: nothing beside its size. */
  spec: Type.Optional(VolumeSpec),
});
export type VolumeRef = Static<typeof VolumeRef>;

export const SnapshotRef = Type.Object({
  id: Uuid,
  volumeId: Uuid,
  sizeBytes: Bytes,
  providerId: Nullable(Type.String()),
  properties: Type.Record(Type.String(), Type.String()),
});
export type SnapshotRef = Static<typeof SnapshotRef>;

/** The mark that stands on the backend's object where the system has room for it, for audit and adoption. */
export const OwnerMark = Type.Object({
  projectId: Type.String(),
  flavorName: Type.String(),
  name: Type.String(),
  /** Whose object it is, where its own id is another: the volume was moved. */
  volumeId: Type.Optional(Uuid),
});
export type OwnerMark = Static<typeof OwnerMark>;

/** One volume of a group, and the snapshot of it that belongs to the group's. */
export const GroupMember = Type.Object({ volume: VolumeRef, snapshot: SnapshotRef, mark: OwnerMark });
export type GroupMember = Static<typeof GroupMember>;
const GroupMembers = Type.Array(GroupMember, { minItems: 1, maxItems: MAX_GROUP_MEMBERS });
/** Where the blocks to copy come from. */
export const CopySource = Type.Union([
  /** Of another backend that the same agent serves. */
  Type.Object({ kind: Type.Literal("local"), backendId: BackendId, volume: VolumeRef }),
  /** Elsewhere, where the agent was let in like a host. */
  Type.Object({ kind: Type.Literal("connection"), info: ConnectionInfo }),
]);
export type CopySource = Static<typeof CopySource>;

/** Of what makes a volume: its account from the first moment, where the backend reports `chap-at-creation`. */
const FirstAccount = { chap: Type.Optional(Chap) };

/** Everything an agent can be asked to do. Each is idempotent: done twice it is as done once. */
export const Operation = Type.Union([
  Type.Object({ kind: Type.Literal("volume.create"), volume: VolumeRef, mark: OwnerMark, ...FirstAccount }),
  Type.Object({
    kind: Type.Literal("volume.create-from-snapshot"),
    volume: VolumeRef,
    mark: OwnerMark,
    snapshot: SnapshotRef,
    ...FirstAccount,
  }),
  Type.Object({
    kind: Type.Literal("volume.clone"),
    volume: VolumeRef,
    mark: OwnerMark,
    source: VolumeRef,
    ...FirstAccount,
  }),
  Type.Object({ kind: Type.Literal("volume.delete"), volume: VolumeRef }),
  Type.Object({ kind: Type.Literal("volume.extend"), volume: VolumeRef, newSizeBytes: Bytes }),
  /** Fills a volume that was made for it with the blocks of another. */
  Type.Object({
    kind: Type.Literal("volume.copy"),
    volume: VolumeRef,
    source: CopySource,
    /** As whom the agent is a host of what it cannot open by itself. */
    connector: Connector,
    chap: Chap,
    bandwidthLimitBytesPerS: Nullable(BytesPerS),
  }),
  /** The storage system itself moves it to another backend of its own, where it is `target`. */
  Type.Object({
    kind: Type.Literal("volume.migrate"),
    volume: VolumeRef,
    target: VolumeRef,
    toBackendId: BackendId,
    mark: OwnerMark,
  }),
  /** It is of another flavor from now on. */
  Type.Object({ kind: Type.Literal("volume.retype"), volume: VolumeRef, mark: OwnerMark }),
  /** Takes over what stands under another name, if it is still what was looked at. */
  Type.Object({
    kind: Type.Literal("volume.manage"),
    volume: VolumeRef,
    mark: OwnerMark,
    reference: ForeignReference,
    identity: Type.String({ maxLength: 255 }),
    /** Its size before, which may be less than the volume's, for that is whole GiB. */
    foundBytes: Bytes,
  }),
  /** Lets go of it under a name that is not ours. Under the one that it was taken over from, it becomes what it was. */
  Type.Object({ kind: Type.Literal("volume.unmanage"), volume: VolumeRef, reference: ForeignReference }),
  Type.Object({
    kind: Type.Literal("snapshot.create"),
    snapshot: SnapshotRef,
    volume: VolumeRef,
    /** Absent in jobs of a scheduler that did not mark snapshots by their own names. */
    mark: Type.Optional(OwnerMark),
  }),
  /** Back to a snapshot of its own, the newest: afterwards the volume's bytes are the snapshot's. */
  Type.Object({ kind: Type.Literal("volume.revert"), volume: VolumeRef, snapshot: SnapshotRef }),
  Type.Object({ kind: Type.Literal("snapshot.delete"), snapshot: SnapshotRef, volume: VolumeRef }),
  Type.Object({
    kind: Type.Literal("mark.write"),
    volume: VolumeRef,
    /** Set when it is the snapshot's mark; null: the volume's. */
    snapshot: Nullable(SnapshotRef),
    mark: OwnerMark,
  }),
  Type.Object({
    kind: Type.Literal("attachment.connect"),
    attachmentId: Uuid,
    volume: VolumeRef,
    connector: Connector,
    chap: Chap,
    access: Access,
  }),
  Type.Object({
    kind: Type.Literal("attachment.disconnect"),
    attachmentId: Uuid,
    volume: VolumeRef,
    connector: Connector,
    /** The volume's last attachment: the export goes as well. */
    last: Type.Boolean(),
  }),
  /** All or none, at one instant. */
  Type.Object({ kind: Type.Literal("group-snapshot.create"), groupSnapshotId: Uuid, members: GroupMembers }),
  Type.Object({ kind: Type.Literal("group-snapshot.delete"), groupSnapshotId: Uuid, members: GroupMembers }),
  Type.Object({
    kind: Type.Literal("attachment.connect-snapshot"),
    attachmentId: Uuid,
    volume: VolumeRef,
    snapshot: SnapshotRef,
    connector: Connector,
    chap: Chap,
  }),
  Type.Object({
    kind: Type.Literal("attachment.disconnect-snapshot"),
    attachmentId: Uuid,
    volume: VolumeRef,
    snapshot: SnapshotRef,
    connector: Connector,
    last: Type.Boolean(),
  }),
  /** The side `to` becomes the one that is written; done by an agent that has it open. `from` is of no use any more, or away. */
  Type.Object({ kind: Type.Literal("backend.failover"), from: Side, to: Side }),
]);
export type Operation = Static<typeof Operation>;
export type OperationKind = Operation["kind"];
