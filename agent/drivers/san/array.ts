import type { Access, Connector } from "#shared/model/attachment.ts";
import type { Measurement } from "#shared/model/capacity.ts";
import type { VolumeSpec } from "#shared/model/extra-specs.ts";
import type { ListPage } from "#shared/model/listing.ts";
import type { OwnerMark } from "#shared/model/operation.ts";
import type { VolumeParent } from "#shared/model/volume.ts";
import type { CallContext, ChapCredentials, HostConnection } from "../driver.ts";

export type SanKind = "volume" | "snapshot";

/** What is spoken of, whether it stands or not. */
export interface SanRef {
  readonly kind: SanKind;
  readonly id: string;
  /** As derived from the id (`names.ts`). */
  readonly name: string;
  /** Of a snapshot: whose state it is. Of a volume: its own. */
  readonly volumeId: string;
  readonly sizeBytes: number;
  /** As recorded; null: it is not. */
  readonly providerId: string | null;
}

/** What an object's mark says, however the system keeps it. */
export interface ObjectMark {
  readonly id: string;
  readonly volumeId: string;
  /** null: nobody said whose it is, or there was no room for it. */
  readonly owner: OwnerMark | null;
  readonly writtenAtMs: number;
}

/** Something that stands on the system, as the system tells it; a driver adds what it needs to know for itself. */
export interface SanObject {
  readonly kind: SanKind;
  readonly name: string;
  readonly sizeBytes: number;
  /** What the system tells it by, where that is not its name; null: it is. */
  readonly providerId: string | null;
  /** Ours, in this very object's place and not copied with something; null: it is somebody else's. */
  readonly mark: ObjectMark | null;
  /** false: the system is still making it, or removing it. Absent: it is there. */
  readonly whole?: boolean;
  /** true: a try that was cut short left it so, and `finish` brings it to its end. */
  readonly unfinished?: boolean;
  /** What it takes of the system's space; absent: all of its size. */
  readonly allocatedBytes?: number;
  /** What it cannot be without; absent: it stands by itself, or the system does not tell. */
  readonly parent?: VolumeParent | null;
  /** Of a copy: it needs its source. Absent: the system says nothing of that. */
  readonly dependsOnSource?: boolean;
  /** Of a volume that hosts can reach: the initiators let in; absent: the system does not tell. */
  readonly letIn?: readonly (string | null)[];
  /** Of one that lets in whoever shows a secret: whose. */
  readonly account?: string;
}

/** What is to be made. Of a copy: the system may make it as large as its source, it is finished afterwards. */
export interface WantedObject extends SanRef {
  /** Goes into the same call that makes the object, where the system can. */
  readonly mark: ObjectMark;
  readonly spec: VolumeSpec | null;
}

/**
 * A storage system, one method a thing that it can do, in this system's words. `SanDriver` makes a `Driver` of it and
 * answers for all that drivers must hold to: what is repeated, what is not ours, what was lost on the way.
 *
 * Methods throw `DriverError` with the outcome that the system's words mean, and a `DoubtfulRefusal` (`made-once.ts`)
 * where what was wanted may stand already; what the transports throw passes through.
 */
export interface SanArray<O extends SanObject = SanObject> {
  /** The system refuses a second object of a name: then nothing is looked for before it is made. */
  readonly namesAreUnique: boolean;

  open(context: CallContext): Promise<void>;
  close(): Promise<void>;

  /** As `Driver.list`; where the system tells all at once, a `KeptLook` has the pages (`listing.ts`). */
  list(context: CallContext, after: string | null): Promise<ListPage>;
  /** One of that name in this backend's part, ours or not; null: there is none. By `providerId` where names are not unique. */
  find(context: CallContext, ref: SanRef): Promise<O | null>;
  measure(context: CallContext): Promise<Measurement>;

  // These four give what they made, if they know it by then; null: it is looked for.
  createVolume(context: CallContext, wanted: WantedObject): Promise<O | null>;
  createSnapshot(context: CallContext, wanted: WantedObject, volume: SanRef): Promise<O | null>;
  /** What it takes for that on the way (a snapshot of its own) goes again, also after a try that was cut short. */
  copyVolume(context: CallContext, wanted: WantedObject, volume: SanRef): Promise<O | null>;
  copySnapshot(context: CallContext, wanted: WantedObject, snapshot: SanRef): Promise<O | null>;
  /** Brings what is `unfinished` to its end, and gives what it is then. Absent: it is extended to its size. */
  finish?(context: CallContext, object: O, wanted: WantedObject): Promise<O>;
  /** To this size in all, so that it can be said twice. */
  extend(context: CallContext, volume: O, sizeBytes: number): Promise<void>;
  /** With its exports, and with what tries that were cut short left of it. `found` null: it is not there itself. */
  remove(context: CallContext, ref: SanRef, found: O | null): Promise<void>;
  writeMark(context: CallContext, object: O, mark: ObjectMark): Promise<void>;

  /** Absent: hosts cannot reach its volumes. */
  readonly exports?: SanExports;
}

/** The same as `Driver` has. What is not there, or not ours, is nobody's to let in to, and nobody is let in to it. */
export interface SanExports {
  ensure(context: CallContext, volume: SanRef, chap: ChapCredentials, access: Access): Promise<void>;
  remove(context: CallContext, volume: SanRef): Promise<void>;
  letIn(
    context: CallContext,
    volume: SanRef,
    connector: Connector,
    chap: ChapCredentials,
    access: Access,
  ): Promise<HostConnection>;
  shutOut(context: CallContext, volume: SanRef, connector: Connector): Promise<void>;
}
