import type { Access, Attachment, Connector } from "#shared/model/attachment.ts";
import type { BackendState, Evacuation } from "#shared/model/backend-state.ts";
import type { BackendReport } from "#shared/model/capacity.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import type { Chap } from "#shared/model/chap.ts";
import type { Ec2Wish } from "#shared/model/ec2.ts";
import type { ForeignObject } from "#shared/model/foreign.ts";
import type { Group, GroupSnapshot, GroupSource } from "#shared/model/group.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import type { PlacementRecord } from "#shared/model/placement.ts";
import type { Side } from "#shared/model/replication.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Transfer } from "#shared/model/transfer.ts";
import type { PlacementHints, ResetNote, Volume, VolumeHold, VolumeSource } from "#shared/model/volume.ts";
import type { Heartbeat } from "#shared/protocol/heartbeat.ts";
import type { JobProgress, JobProgressAnswer } from "#shared/protocol/progress.ts";
import type { JobResult } from "#shared/protocol/result.ts";

/** Whose objects may be touched: one project's, or (null) everybody's. */
export type Scope = string | null;

/** When it happens: the scheduler's clock, and the number that the commit of it will have. */
export interface Moment {
  readonly nowMs: number;
  readonly seq: number;
}

export interface CreateVolume {
  /** Made outside, for the core has no randomness. Not used when the idempotency key is known. */
  readonly id: string;
  readonly projectId: string;
  readonly userId: string;
  readonly name: string;
  readonly description: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** null: the source's size. */
  readonly sizeGib: number | null;
  /** Id or name; null: the source's, or the catalogue's default. */
  readonly flavor: string | null;
  readonly zone: string | null;
  readonly source: VolumeSource;
  /** The group that it is made in; absent: none. */
  readonly groupId?: string | null;
  readonly hints?: PlacementHints;
  readonly idempotency: { readonly key: string; readonly bodyHash: string } | null;
  readonly ec2?: Ec2Wish;
  /** If no backend takes it and none may in time, it is refused, and no record tells of it. Absent: it ends in `error`. */
  readonly refuseUnplaced?: boolean;
  /** For a backend whose volumes have an account from their creation on. */
  readonly chap: Chap;
  readonly requestId: string;
}

/** What is made outside for a volume: the core has no randomness. */
export type NewMember = Pick<CreateVolume, "id" | "chap">;

/** `found`: as an agent saw it just now. */
export interface ManageVolume
  extends Pick<CreateVolume, "id" | "projectId" | "userId" | "name" | "description" | "metadata" | "requestId"> {
  readonly backendId: number;
  readonly found: ForeignObject;
  readonly bootable: boolean;
  /** Id or name; null: the catalogue's default. */
  readonly flavor: string | null;
  /** null: the backend's. */
  readonly zone: string | null;
}

export type DryRunVolume = Pick<
  CreateVolume,
  "projectId" | "sizeGib" | "flavor" | "zone" | "source" | "groupId" | "hints"
>;

interface OnObject {
  readonly scope: Scope;
  readonly id: string;
  readonly userId: string;
  readonly requestId: string;
}

/** Of an object that a host shall be let in to; the ids and the secret are made outside. */
interface OnConnector extends OnObject {
  readonly attachmentId: string;
  readonly connector: Connector;
  readonly chap: Chap;
}

interface Attaching {
  readonly attachmentId: string;
  readonly access: Access;
  readonly instanceId: string | null;
  readonly mountpoint: string | null;
}

export interface ConnectWish extends Partial<Omit<Attaching, "attachmentId">> {
  /** Let in, it is attached only when whoever attaches says so. */
  readonly awaitsCompletion?: boolean;
}

interface Disconnect {
  readonly connector: Connector | null;
  readonly force?: boolean;
}

/** What a move may need and the core cannot make, and how fast it may be. */
export interface MoveMeans {
  readonly targetId: string;
  readonly attachmentId: string;
  readonly chap: Chap;
  readonly bandwidthLimitBytesPerS: number | null;
}

interface Removal {
  /** With its snapshots, which go first. */
  readonly cascade?: boolean;
  /** Also while it is reserved, held, offered, or grows: by an administrator. What a host has attached stays. */
  readonly force?: boolean;
}

interface OnBackend {
  readonly backendId: number;
  readonly userId: string;
  readonly requestId: string;
}

export interface CreateSnapshot {
  readonly id: string;
  readonly scope: Scope;
  readonly userId: string;
  readonly volumeId: string;
  readonly name: string;
  readonly description: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Also of a volume that is connected. */
  readonly force: boolean;
  readonly requestId: string;
}

export interface CreateGroup {
  readonly id: string;
  readonly projectId: string;
  readonly userId: string;
  readonly name: string;
  readonly description: string;
  readonly groupType: string | null;
  /** Ids or names; of a copy: those of its source are taken. */
  readonly flavors: readonly string[];
  readonly zone: string | null;
  readonly source: GroupSource;
  /** For the volumes of a copy: as many as a group can have. */
  readonly newMembers: readonly NewMember[];
  readonly requestId: string;
}

export interface CreateGroupSnapshot {
  readonly id: string;
  readonly scope: Scope;
  readonly userId: string;
  readonly groupId: string;
  readonly name: string;
  readonly description: string;
  /** For the snapshots, as many as a group can have members. */
  readonly memberIds: readonly string[];
  readonly requestId: string;
}

export interface ObjectTexts {
  readonly name?: string;
  readonly description?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What an audit found on a backend, and what is to be done with it. */
interface OnListed {
  readonly backendId: number;
  readonly objects: readonly ListedObject[];
  readonly requestId: string;
}

/** What became of each object: done (or begun), or passed over, and why. */
export interface ListedReply {
  readonly done: readonly string[];
  readonly passed: readonly { readonly id: string; readonly why: string }[];
}

/** What the ledger said of a volume before the backends were looked at. */
export interface ResetGround {
  readonly volume: Volume;
  /** Tombstones of what once stood under its id, and was removed. */
  readonly buried: readonly string[];
}

/** What the backends say of a volume that a person wants reset. */
export interface ResetEvidence extends ResetGround {
  /** Where it stands, whole or in part. */
  readonly found: readonly { readonly backendId: number; readonly object: ListedObject }[];
}

/** The same for a snapshot; it can stand only where its record says. */
export interface SnapshotEvidence {
  readonly snapshot: Snapshot;
  readonly buried: readonly string[];
  /** null: it is not there. */
  readonly found: ListedObject | null;
}

/** Everything that can happen to the core, what comes with it, and what it answers. A refusal is a thrown BerthError. */
export interface Commands {
  "volume.create": { input: CreateVolume; reply: { readonly volume: Volume; readonly repeated: boolean } };
  "volume.update": {
    input: OnObject & { readonly texts: ObjectTexts & Pick<Volume, "imageMetadata"> };
    reply: Volume;
  };
  "volume.extend": { input: OnObject & { readonly newSizeGib: number }; reply: Volume };
  /** Takes over what another made on a backend. */
  "volume.manage": { input: ManageVolume; reply: Volume };
  /** Lets go of it: its record goes, its data stay. */
  "volume.unmanage": { input: OnObject; reply: Volume };
  /** What a person knows better, as far as the backends do not say otherwise. */
  "volume.reset": {
    input: OnObject & Pick<ResetNote, "to" | "by" | "reason"> & { readonly evidence: ResetEvidence };
    reply: Volume;
  };
  /** Takes it out of use, as it is told from then on; null: gives it back. */
  "volume.hold": { input: OnObject & { readonly as: VolumeHold | null }; reply: Volume };
  "snapshot.hold": { input: OnObject & { readonly as: "error" | null }; reply: Snapshot };
  "snapshot.reset": {
    input: OnObject & Pick<ResetNote, "to" | "by" | "reason"> & { readonly evidence: SnapshotEvidence };
    reply: Snapshot;
  };
  /** Removes what stands on a backend without a record, by leftovers. What has one, or is in work, is passed over. */
  "audit.remove": { input: OnListed & { readonly reason: string }; reply: ListedReply };
  /** Shuts out who reaches a volume without an attachment, by a disconnect. One that a job is at work on is passed over. */
  "audit.close": {
    input: {
      readonly backendId: number;
      /** `initiator` null: any. The id is for the attachment that the disconnect is made of. */
      readonly hosts: readonly {
        /** A volume or a snapshot. */
        readonly objectId: string;
        readonly initiator: string | null;
        readonly attachmentId: string;
      }[];
      readonly requestId: string;
    };
    reply: ListedReply;
  };
  /** Makes records of what the ledger lost, from the marks. */
  "audit.adopt": { input: OnListed; reply: ListedReply };
  /** null: it was never made anywhere and is gone already. */
  "volume.delete": { input: OnObject & Removal; reply: Volume | null };
  /** To one backend (id or name) or to a zone. Asked again for the same while it goes on, it is the same move. */
  "volume.migrate": {
    input: OnObject &
      MoveMeans & {
        readonly to: { readonly backend: string | null; readonly zone: string | null };
        readonly forceCopy: boolean;
      };
    reply: Volume;
  };
  "volume.retype": {
    input: OnObject & MoveMeans & { readonly flavor: string; readonly policy: "never" | "on-demand" };
    reply: Volume;
  };
  /** As EC2 has it: a new size (null: the same), a new flavor (null: the same), other words for it, in one. */
  "volume.modify": {
    input: OnObject &
      MoveMeans & { readonly sizeGib: number | null; readonly flavor: string | null; readonly ec2: Ec2Wish };
    reply: Volume;
  };
  "volume.cancel-move": { input: OnObject; reply: Volume };
  "volume.flag": {
    input: OnObject & {
      readonly flags: {
        readonly bootable?: boolean;
        readonly readOnly?: boolean;
        /** What is told of its last migration; null: that there was none. */
        readonly migrated?: Volume["migrated"] | null;
      };
    };
    reply: Volume;
  };
  /** `id` is the transfer's, made outside like its salt and the hash of its key. */
  "transfer.create": {
    input: OnObject & Pick<Transfer, "name" | "salt" | "keyHash" | "noSnapshots"> & { readonly volumeId: string };
    reply: Transfer;
  };
  /** By whoever has the key: `projectId` gets the volume. */
  "transfer.accept": {
    input: Omit<OnObject, "scope"> & { readonly projectId: string; readonly keyHash: string };
    reply: Transfer;
  };
  /** To a target of its own, or (null) back to its own side. Repeated, it is the same. */
  "backend.failover": { input: OnBackend & { readonly to: Side }; reply: BackendState };
  /** Moves every volume of a drained backend away. Asked again, what failed is tried again. */
  "backend.evacuate": {
    input: OnBackend & Pick<Evacuation, "atOnce" | "bandwidthLimitBytesPerS">;
    reply: BackendState;
  };
  /** Begins the next of its moves, as many as there are means for and may be at once; the reply says how many. */
  "backend.evacuate-next": {
    input: { readonly backendId: number; readonly means: readonly Omit<MoveMeans, "bandwidthLimitBytesPerS">[] };
    reply: number;
  };
  "backend.freeze": { input: OnBackend & { readonly reason: string }; reply: BackendState };
  "backend.thaw": { input: OnBackend; reply: BackendState };
  /** What stands on the side that has taken over; `token` says for which change it was asked. */
  "backend.listed": {
    input: { readonly backendId: number; readonly token: number; readonly objects: readonly ListedObject[] };
    reply: undefined;
  };
  "transfer.delete": { input: OnObject; reply: undefined };
  "message.delete": { input: OnObject; reply: undefined };
  /** Back to its newest snapshot; what was written since is gone. */
  "volume.revert": { input: OnObject & { readonly snapshotId: string }; reply: Volume };
  "group.create": { input: CreateGroup; reply: Group };
  "group.update": {
    input: OnObject & {
      readonly texts: Omit<ObjectTexts, "metadata">;
      readonly addVolumes: readonly string[];
      readonly removeVolumes: readonly string[];
    };
    reply: Group;
  };
  /** null: it was empty, and is gone already. */
  "group.delete": { input: OnObject & { readonly deleteVolumes: boolean }; reply: Group | null };
  /** What a person knows better, as far as its volumes do not say otherwise. */
  "group.reset": { input: OnObject & { readonly to: "available" | "error" }; reply: Group };
  "group-snapshot.reset": { input: OnObject & { readonly to: "available" | "error" }; reply: GroupSnapshot };
  "group-snapshot.create": { input: CreateGroupSnapshot; reply: GroupSnapshot };
  "group-snapshot.delete": { input: OnObject; reply: GroupSnapshot | null };
  "snapshot.create": { input: CreateSnapshot; reply: Snapshot };
  "snapshot.update": { input: OnObject & { readonly texts: ObjectTexts }; reply: Snapshot };
  "snapshot.delete": { input: OnObject; reply: Snapshot | null };
  /** Repeated for the same connector it is the same attachment. `chap` is used if the volume has none yet. */
  "attachment.connect": {
    input: OnConnector & { readonly wish?: ConnectWish; readonly reservationId?: string };
    reply: Attachment;
  };
  /** `id` is the volume's. connector null: all its attachments. `force`: it is not waited for the backend. */
  "attachment.disconnect": { input: OnObject & Disconnect; reply: Volume };
  /** The same of a snapshot, which hosts may only read. */
  "snapshot.connect": { input: OnConnector; reply: Attachment };
  "snapshot.disconnect": { input: OnObject & Disconnect; reply: Snapshot };
  /** `id` is the volume's. `announced`: by `os-reserve`, which leaves nothing to go on with by id. */
  "attachment.reserve": {
    input: OnObject & Attaching & { readonly announced: boolean };
    reply: Attachment;
  };
  /** `id` is the attachment's. */
  "attachment.complete": { input: OnObject; reply: Attachment };
  "attachment.detach": { input: OnObject & { readonly force: boolean }; reply: undefined };
  /** `id` is the volume's. */
  "volume.attached": { input: OnObject & Attaching & { readonly hostName: string | null }; reply: Volume };
  "volume.announce": {
    input: OnObject & { readonly what: "unreserve" | "begin detaching" | "roll detaching back" };
    reply: Volume;
  };
  /** The same secrets, sealed with another key; the reply says how many. What is not `from` any more is passed over. */
  "secrets.reseal": {
    input: {
      readonly secrets: readonly {
        readonly kind: "volume" | "snapshot" | "attachment" | "job" | "move";
        readonly id: string;
        readonly from: string;
        readonly to: string;
      }[];
    };
    reply: number;
  };
  "job.progress": { input: JobProgress; reply: JobProgressAnswer };
  "job.result": { input: JobResult; reply: undefined };
  "report.received": {
    input: { readonly agentId: string; readonly zone: string; readonly report: BackendReport };
    reply: undefined;
  };
  "agent.heartbeat": { input: Heartbeat; reply: { readonly refusal: string | null } };
  "catalogue.changed": { input: Catalogue; reply: undefined };
  /** Brings time along: deadlines, retries, silent agents, what is to be forgotten. Sent about once a second. */
  tick: { input: Record<never, never>; reply: undefined };
  /** Once after loading: everything in hand is offered to the queues again. */
  resume: { input: Record<never, never>; reply: undefined };
}
export type CommandKind = keyof Commands;

/** The answer of a dry run: the round that the real request would get, now. */
export type DryRun = Omit<PlacementRecord, "volumeId">;
