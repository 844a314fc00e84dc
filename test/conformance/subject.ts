import type { Driver } from "#agent/drivers/driver.ts";
import type { DriverTools } from "#agent/drivers/tools.ts";
import type { Backend, Zone } from "#shared/model/catalogue.ts";
import type { Desk } from "#test/simulators/kit/desk.ts";

/** Room for eight volumes of the size that the behaviours use. */
export const SIZE_BYTES = 64 * 1024 ** 2;
export const CAPACITY_GIB = 0.5;

/** What not every system can do; a driver that can reports the capability, and is held to what that means. */
export const OPTIONAL_ABILITIES = ["revert", "group-snapshot", "manage"] as const;
export type OptionalAbility = (typeof OPTIONAL_ABILITIES)[number];

/**
 * A driver as the behaviours meet it. Each driver of the registry has at least one, in a file of `subjects/` that exports
 * `subjects`: it is found by itself, and a driver without one fails the suite.
 */
export interface Subject {
  readonly label: string;
  readonly driver: string;
  /** Can an initiator write to its volumes over the agent's own target, and read again what was written? */
  readonly connects: "really" | "in name" | "not";
  /** Of the volumes that are made; default `SIZE_BYTES`. The backend has room for eight of them. */
  readonly sizeBytes?: number;
  /** false: it promises more than it has (thin), so nothing is refused for what was promised. Default: true. */
  readonly keepsToCapacity?: boolean;
  /** false: the system counts nothing for a snapshot as promised. Default: its size. */
  readonly promisesSnapshots?: boolean;
  /** Snapshots are gone with their volume, which is therefore not deleted before them. Default: false. */
  readonly snapshotsNeedVolume?: boolean;
  /** false: nothing that has grown becomes smaller again, also when it is given back. Default: true. */
  readonly shrinks?: boolean;
  /** Which of the optional abilities it does not have. Default: it has all. */
  readonly lacks?: readonly OptionalAbility[];
  /** Drivers of the same implementation, whose differences their own tests hold. */
  readonly alike?: readonly string[];
  /** A system on a network that is simulated, so that it can be told what to do wrong. Default: false. */
  readonly simulated?: boolean;
  /** Several backends can be parts of one storage system, which moves volumes between them by itself. Default: false. */
  readonly moves?: boolean;
  /** A backend can be mirrored by another system. Default: false. */
  readonly mirrors?: boolean;
  /** Of a driver that is not in the registry, for it is there to test with; absent: the registry's. */
  make?(parameters: Backend["parameters"], tools: DriverTools): Driver;
  /** `folder` is new for each test. */
  stand(folder: string, capacityGib: number): Promise<Stand>;
}

/** What a subject's backend stands on, while one test runs. */
export interface Stand extends AsyncDisposable {
  readonly parameters: Backend["parameters"];
  /** Of backends that are parts of one storage system; of who `moves`. */
  readonly parts?: Backend["parameters"];
  /** Of what mirrors the backend; of who `mirrors`. */
  readonly target?: Backend["parameters"];
  /** Of the backend's zone; absent: none. */
  readonly zoneSettings?: Zone["settings"];
  /** What stands on the backend, by names, as the backend itself tells it. */
  leftovers(): Promise<string[]>;
  /** A volume that nobody is connected to stands as its format says. Throws what is wrong. */
  assertAtRest(volumeId: string, sizeBytes: number): Promise<void>;
  /** Of what is `simulated`; null of all else. */
  readonly system: StandingSystem | null;
}

export interface StandingSystem {
  readonly desk: Desk;
  /** What must be in no log. */
  readonly secrets: readonly string[];
  /** How many calls each operation takes: it must not grow unseen. */
  readonly expectedCalls: CallTable;
  /** Makes a volume that is somebody else's. */
  plant(name: string, sizeBytes: number): Promise<void>;
  /** Ends it, and starts it again on the same data. */
  restart(): Promise<void>;
}

/** By operation, by the vendor's name of the call. */
export type CallTable = Readonly<Record<CountedOperation, Readonly<Record<string, number>>>>;

export const COUNTED_OPERATIONS = [
  "open",
  "measure",
  "list",
  "create volume",
  "create volume again",
  "create snapshot",
  "create volume from snapshot",
  "clone volume",
  "extend volume",
  "connect",
  "disconnect",
  "write mark",
  "delete snapshot",
  "delete volume",
  "delete volume again",
] as const;
export type CountedOperation = (typeof COUNTED_OPERATIONS)[number];
