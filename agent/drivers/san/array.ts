import type { Access, ConnectionInfo, Connector } from "#shared/model/attachment.ts";
import type { Measurement, Provisioned } from "#shared/model/capacity.ts";
import type { VolumeSpec } from "#shared/model/extra-specs.ts";
import type { VolumeParent } from "#shared/model/volume.ts";
import { type CallContext, type ChapCredentials, DriverError } from "../driver.ts";

export type SanKind = "volume" | "snapshot";

/** Something that stands on the system, as the system tells it; a driver adds what it needs to know for itself. */
export interface SanObject {
  readonly kind: SanKind;
  readonly name: string;
  readonly sizeBytes: number;
  /** What the system tells it by, where that is not its name; null: it is. */
  readonly providerId: string | null;
  /** What it takes of the system's space; absent: all of its size. */
  readonly allocatedBytes?: number;
  /** What stands in the field where the mark belongs; null: nothing, or there is none. */
  readonly markText: string | null;
  /** false: the system is still making it, or removing it. Absent: it is there. */
  readonly whole?: boolean;
  /** What it cannot be without; absent: it stands by itself, or the system does not tell. */
  readonly parent?: VolumeParent | null;
  /** Of a volume that hosts can reach: the initiators let in; absent: the system does not tell. */
  readonly letIn?: readonly (string | null)[];
}

/** What is to be made. */
export interface WantedObject {
  readonly name: string;
  readonly id: string;
  /** Of a copy: its size in the end; the system may make it as large as its source, it is extended afterwards. */
  readonly sizeBytes: number;
  /** Goes into the field for it in the same call that makes the object, where the system can. */
  readonly markText: string;
  readonly spec: VolumeSpec | null;
}

/** What a measurement says beside the objects. `provisioned` absent: what is ours is summed up. */
export type SanSpace = Omit<Measurement, "objectCount" | "provisioned"> & { readonly provisioned?: Provisioned };

/** The name is taken: made by an earlier try, or somebody else's. */
export class NameTaken extends DriverError {
  constructor(name: string, options: ErrorOptions = {}) {
    super("not-done", `there is a ${name} already`, options);
    this.name = "NameTaken";
  }
}

/**
 * A storage system, one method a thing that it can do, in this system's words. `SanDriver` makes a `Driver` of it and
 * answers for all that drivers must hold to: what is repeated, what is not ours, what was lost on the way.
 *
 * Methods throw `DriverError` with the outcome that the system's words mean; what the transports throw passes through.
 */
export interface SanArray<O extends SanObject = SanObject> {
  /** So many characters fit into the field for the mark. */
  readonly markLength: number;
  /** The system refuses a second object of a name (`NameTaken`): then nothing is looked for before it is made. */
  readonly namesAreUnique: boolean;

  open(context: CallContext): Promise<void>;
  close(): Promise<void>;

  /** What stands in this backend's part of the system, ours or not, whatever comes and goes meanwhile. */
  objects(context: CallContext): Promise<readonly O[]>;
  /** One of that name in this backend's part; null: there is none. By `providerId` where that is known and names are not unique. */
  find(context: CallContext, kind: SanKind, name: string, providerId: string | null): Promise<O | null>;
  space(context: CallContext): Promise<SanSpace>;

  // These four give what they made, if the system tells that in its answer; null: it is looked for.
  /** @throws NameTaken */
  createVolume(context: CallContext, wanted: WantedObject): Promise<O | null>;
  /** @throws NameTaken */
  createSnapshot(context: CallContext, wanted: WantedObject, volume: O): Promise<O | null>;
  /** What it takes for that on the way (a snapshot of its own) goes again, also after a try that was cut short. @throws NameTaken */
  copyVolume(context: CallContext, wanted: WantedObject, volume: O): Promise<O | null>;
  /** @throws NameTaken */
  copySnapshot(context: CallContext, wanted: WantedObject, snapshot: O): Promise<O | null>;
  /** To this size in all, so that it can be said twice. */
  extend(context: CallContext, volume: O, sizeBytes: number): Promise<void>;
  /** With its exports. Gone already is gone. */
  remove(context: CallContext, object: O): Promise<void>;
  writeMark(context: CallContext, object: O, markText: string): Promise<void>;

  /** Absent: hosts cannot reach its volumes. */
  readonly exports?: SanExports<O>;
  /** Do copies need their source? Absent: they stand by themselves. */
  readonly copiesDepend?: boolean;
}

/** The same as `Driver` has, of volumes that stand and are ours. */
export interface SanExports<O extends SanObject = SanObject> {
  ensure(context: CallContext, volume: O, chap: ChapCredentials, access: Access): Promise<void>;
  remove(context: CallContext, volume: O): Promise<void>;
  letIn(
    context: CallContext,
    volume: O,
    connector: Connector,
    chap: ChapCredentials,
    access: Access,
  ): Promise<ConnectionInfo>;
  shutOut(context: CallContext, volume: O, connector: Connector): Promise<void>;
}
