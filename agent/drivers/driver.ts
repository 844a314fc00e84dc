import type { Logger } from "pino";
import type { Access, ConnectionInfo, Connector } from "#shared/model/attachment.ts";
import type { BlockAddress } from "#shared/model/block-address.ts";
import type { Measurement } from "#shared/model/capacity.ts";
import type { ForeignObject, ForeignPage } from "#shared/model/foreign.ts";
import type { ListPage } from "#shared/model/listing.ts";
import type { GroupMember, OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import type { Side } from "#shared/model/replication.ts";
import type { Secret } from "#shared/secret.ts";

/** Says whether this agent may still change things for the job it is in. The transports ask before each change. */
export interface Guard {
  /** Throws `LeaseLost` when another agent may have taken the job over. */
  assertHeld(): void;
}

/** For work that is no job (opening, measuring): nobody else can have it. */
export const ALWAYS_HELD: Guard = { assertHeld: () => undefined };

/** How far a long piece of work is. */
export interface ProgressStep {
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Up to here it is done for good, durable and checked: another try may go on from there. 0 if it cannot. */
  readonly checkpointBytes: number;
}

/**
 * Tells people and the scheduler how far long work of a job is: who gets on is given time. A task of an array that tells
 * a percentage tells that share of the volume's bytes. The call's signal is aborted when the job is cancelled.
 */
export interface Progress {
  /** Up to where an earlier try of this job came for good. Asks the scheduler, until it answers. */
  checkpointBytes(): Promise<number>;
  /** Never waits, and may be called as often as one likes: it is told about once a second. */
  tell(step: ProgressStep): void;
}

/** For work that is no job: nobody waits for it. */
export const NO_PROGRESS: Progress = { checkpointBytes: async () => 0, tell: () => undefined };

/** What every driver call is handed: transports take it along, so that no call can outlive its job. */
export interface CallContext {
  readonly guard: Guard;
  readonly progress: Progress;
  /** Aborted at the job's deadline, when the job is cancelled, or when the agent must stop. */
  readonly signal: AbortSignal;
  readonly log: Logger;
}

export interface ChapCredentials {
  readonly username: string;
  readonly secret: Secret;
}

/** What a host needs to attach. */
export interface HostConnection extends Omit<ConnectionInfo, "chap"> {
  /**
   * Of a system that cannot keep a secret for each volume (it knows an initiator, or an account, by one for all of them):
   * the one that this host must show, the same for all volumes and each time. Absent: the volume's.
   */
  readonly ownChap?: ChapCredentials;
}

/** What the ledger shall keep of an object. An absent field leaves what is recorded. */
export interface ObjectUpdate {
  /**
   * Of a copy (and, false, of whatever made it independent): it cannot be without what it was made from, which is then
   * not deleted before it. Absent of a copy: it stands by itself.
   */
  readonly dependsOnSource?: boolean;
  readonly providerId?: string;
  readonly properties?: Readonly<Record<string, string>>;
}

/** Where a storage system moves a volume by itself. */
export interface MigrationTarget {
  /** Of the backend that it is to stand on, which is of the same storage system. */
  readonly driver: Driver;
  readonly volume: VolumeRef;
  readonly mark: OwnerMark;
}

/**
 * One open connection to one storage system. The words are the field's (Cinder's driver contract); what they mean here:
 *
 * - Every method is idempotent. Made already and ours: done. Gone already: deleted. There and not ours: `DriverError("not-done")`.
 * - Object names derive from ids (`names.ts`); a user's words never become part of a name, path or command.
 * - A failure is a `DriverError` that says what it left: `not-done`, `no-space`, or `unknown` (ask again).
 *   Anything else thrown counts as `unknown`.
 * - No method retries, limits or times itself: the worker and the transports do.
 */
export interface Driver extends OptionalWork {
  /** Absent: it has no targets, or its kind cannot mirror. Then it does not report `replication`. */
  readonly replication?: Replication;

  /** Checks parameters and reachability, and creates or introduces what the backend needs (folder, SR, pool). */
  open(context: CallContext): Promise<void>;
  close(): Promise<void>;
  measure(context: CallContext): Promise<Measurement>;
  /**
   * A page of what stands there, in the order of names, made by whichever agent: at most `LISTED_PER_PAGE` names after
   * `after`. What stands from the first page to the last is told, whatever comes and goes meanwhile. Changes nothing.
   */
  list(context: CallContext, after: string | null): Promise<ListPage>;

  createVolume(context: CallContext, volume: VolumeRef, mark: OwnerMark): Promise<ObjectUpdate>;
  createVolumeFromSnapshot(
    context: CallContext,
    volume: VolumeRef,
    mark: OwnerMark,
    snapshot: SnapshotRef,
  ): Promise<ObjectUpdate>;
  cloneVolume(context: CallContext, volume: VolumeRef, mark: OwnerMark, source: VolumeRef): Promise<ObjectUpdate>;
  /** Takes any export down first. What is left of a create that never finished goes as well. */
  deleteVolume(context: CallContext, volume: VolumeRef): Promise<void>;
  /**
   * With the capability `migrate`: moves a volume to another backend of the same storage system, where it is `to.volume`
   * with `to.mark`. It is here until it is there. There already and gone here: done.
   */
  migrateVolume?(context: CallContext, volume: VolumeRef, to: MigrationTarget): Promise<ObjectUpdate>;
  /** With the capability `retype`: makes the volume where it stands, connected or not, one of the flavor that the mark names. */
  retypeVolume?(context: CallContext, volume: VolumeRef, mark: OwnerMark): Promise<ObjectUpdate>;
  /** Grows only; at the size already: done. A connected initiator sees the new size afterwards. */
  extendVolume(context: CallContext, volume: VolumeRef, newSizeBytes: number): Promise<ObjectUpdate>;

  /** `mark` null: nobody said; the volume's will do. */
  createSnapshot(
    context: CallContext,
    snapshot: SnapshotRef,
    volume: VolumeRef,
    mark: OwnerMark | null,
  ): Promise<ObjectUpdate>;
  /** Takes any export down first. */
  deleteSnapshot(context: CallContext, snapshot: SnapshotRef, volume: VolumeRef): Promise<void>;

  /**
   * The mark of the volume, or of its snapshot if one is given, says this from now on; asked for only of who reports `marks`.
   * `not-done` if the object does not stand.
   */
  writeMark(
    context: CallContext,
    object: { readonly volume: VolumeRef; readonly snapshot: SnapshotRef | null },
    mark: OwnerMark,
  ): Promise<void>;

  /**
   * Makes the volume reachable, to write or only to read; with the capability `chap-at-creation` also right after it was
   * made, when no host is known. Repeated, also after the target forgot everything, it stands
   * as it should. Both ways can stand at once, for hosts of either kind; who is let in to one is not let in to the other.
   */
  ensureExport(context: CallContext, volume: VolumeRef, chap: ChapCredentials, access: Access): Promise<void>;
  /** Both ways. */
  removeExport(context: CallContext, volume: VolumeRef): Promise<void>;
  /**
   * After `ensureExport`: lets this host in and says how to connect; repeated for one host it gives the same. The secret in the answer is
   * put there by the API, on its way to the host: a driver leaves `auth_password` out, also if the secret is its system's own.
   */
  initializeConnection(
    context: CallContext,
    volume: VolumeRef,
    connector: Connector,
    chap: ChapCredentials,
    access: Access,
  ): Promise<HostConnection>;
  /** Whichever way it was let in. */
  terminateConnection(context: CallContext, volume: VolumeRef, connector: Connector): Promise<void>;

  /** The same for snapshots, which hosts may only read. Absent: it cannot (capability `attach-snapshot`). */
  readonly snapshotExports?: SnapshotExports;

  /**
   * Where an agent of this host finds the volume's bytes at rest, to copy them: nobody is connected, and its export is
   * down. Absent: it is reached over iSCSI as by any host (`agent/copy/volume-end.ts`).
   */
  blockAddress?(context: CallContext, volume: VolumeRef): Promise<BlockAddress>;

  /** For the capability `manage`; absent where there is nothing of others, or it cannot be renamed. */
  readonly foreign?: ForeignObjects;
}

/** The foreign object that is to be taken over: what it was when it was looked at. */
export type WantedForeign = Pick<ForeignObject, "reference" | "identity"> & { readonly foundBytes: number };

/**
 * What others made on a backend, and what becomes others'. A reference is a name that somebody wrote: it never leads out
 * of the backend. Whatever dies where, the data stand under one of the two names, or under both.
 */
export interface ForeignObjects {
  /** A page of what is not ours, in the order of names, at most `FOREIGN_PER_PAGE` after `after`. Changes nothing. */
  list(context: CallContext, after: string | null): Promise<ForeignPage>;
  /** One of them, looked at closely; null: there is none of that name. */
  describe(context: CallContext, reference: string): Promise<ForeignObject | null>;
  /**
   * It gets our name, our mark and the volume's size, its data as they are. Taken over already: done. Refused
   * (`not-done`): it is as it was, or `letGo` under its own name makes it so.
   */
  takeOver(context: CallContext, volume: VolumeRef, mark: OwnerMark, wanted: WantedForeign): Promise<ObjectUpdate>;
  /**
   * The volume's data get the name `reference`, which must be free, and bear no mark of ours. Under the name that it was
   * taken over from it gets back the size it had. Not there, or not ours (any more): done. No data are ever removed.
   */
  letGo(context: CallContext, volume: VolumeRef, reference: string): Promise<void>;
}

/**
 * Of a driver whose backend is mirrored on others. A driver is opened for one side (`DriverSetting.side`) and writes
 * there only. What its volumes' spec asks to be replicated, its own side brings to the targets as long as they can be
 * reached; a volume that could not be is simply not listed there.
 */
export interface Replication {
  /**
   * This side becomes the one that is written. The own side (null) first takes in what was done on the target that it
   * comes back from, and does not take over while that cannot be told; what was never there stays as it is.
   * Where the system can, the side that was left takes no more writes from hosts.
   */
  takeOver(context: CallContext, from: Side): Promise<void>;
}

/** What only some systems can do. A driver without it leaves the method out, and does not report the capability. */
export interface OptionalWork {
  /**
   * `revert`: the volume, to which nobody is connected, gets the bytes of its newest snapshot. After a crash at any step it
   * has all of the old ones or all of the new ones. Both stay. They are of one size.
   */
  revertVolume?(context: CallContext, volume: VolumeRef, snapshot: SnapshotRef): Promise<ObjectUpdate>;
  /**
   * `group-snapshot`: a snapshot of each volume, at one instant, also while they are written to. All stand and are of one
   * instant: done. What an attempt that was cut short left is no part of the next. On failure none is left.
   */
  createGroupSnapshot?(
    context: CallContext,
    groupSnapshotId: string,
    members: readonly GroupMember[],
  ): Promise<readonly MemberUpdate[]>;
  /** Left out: `deleteSnapshot` of each. */
  deleteGroupSnapshot?(context: CallContext, groupSnapshotId: string, members: readonly GroupMember[]): Promise<void>;
}

/** What is to be kept of one snapshot of a group's. */
export type MemberUpdate = Pick<ObjectUpdate, "providerId" | "properties"> & { readonly snapshotId: string };

export interface SnapshotExports {
  ensureExport(context: CallContext, snapshot: SnapshotRef, chap: ChapCredentials): Promise<void>;
  removeExport(context: CallContext, snapshot: SnapshotRef): Promise<void>;
  initializeConnection(
    context: CallContext,
    snapshot: SnapshotRef,
    connector: Connector,
    chap: ChapCredentials,
  ): Promise<HostConnection>;
  terminateConnection(context: CallContext, snapshot: SnapshotRef, connector: Connector): Promise<void>;
}

export type FailureOutcome = "not-done" | "no-space" | "unknown";

/** What a driver throws. The backend's own words stay in `cause` or `message`; `outcome` decides what happens next. */
export class DriverError extends Error {
  readonly outcome: FailureOutcome;
  readonly code: string;

  constructor(outcome: FailureOutcome, message: string, options: ErrorOptions & { code?: string } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "DriverError";
    this.outcome = outcome;
    this.code = options.code ?? (outcome === "no-space" ? "E_BACKEND_NO_SPACE" : "E_BACKEND_FAILED");
  }
}

/** The agent was paused or cut off long enough that its job may be another's: stop at once, change nothing, say nothing. */
export class LeaseLost extends Error {
  constructor() {
    super("the lease on this job has run out; another agent may have it");
    this.name = "LeaseLost";
  }
}
