import { type Static, Type } from "typebox";
import { Nullable } from "#shared/model/nullable.ts";
import { parser } from "#shared/schema.ts";

const Count = Type.Integer({ minimum: 0 });

/** Who may reach a volume. `iqn` empty: whoever shows the secret. */
const Permission = Type.Object({
  id: Count,
  authGroup: Type.String(),
  access: Type.Union([Type.Literal("rw"), Type.Literal("r"), Type.Literal("w")]),
  iqn: Type.String(),
  chapName: Type.String(),
  chapRequired: Type.Boolean(),
  targetSecret: Type.String(),
  initiatorSecret: Type.String(),
  /** Of which server record; null: assigned without one. */
  serverId: Nullable(Count),
});
export type Permission = Static<typeof Permission>;

const StoredFields = {
  id: Count,
  name: Type.String(),
  sizeBytes: Count,
  replication: Type.Integer({ minimum: 1, maximum: 4 }),
  description: Type.String(),
  createdAtMs: Count,
  md5: Type.String(),
  permissions: Type.Array(Permission),
};

const SimulatedVolume = Type.Object({
  ...StoredFields,
  thin: Type.Boolean(),
  checkSum: Type.Boolean(),
  /** The snapshot that it is a SmartClone of and still shares blocks with. */
  clonedFrom: Nullable(Count),
});
export type SimulatedVolume = Static<typeof SimulatedVolume>;

const SimulatedSnapshot = Type.Object({
  ...StoredFields,
  volumeId: Count,
  volumeName: Type.String(),
  volumeSerial: Type.String(),
});
export type SimulatedSnapshot = Static<typeof SimulatedSnapshot>;

const SimulatedServer = Type.Object({
  id: Count,
  name: Type.String(),
  initiator: Type.String(),
  description: Type.String(),
  chapName: Type.String(),
  chapRequired: Type.Boolean(),
  targetSecret: Type.String(),
  initiatorSecret: Type.String(),
});
export type SimulatedServer = Static<typeof SimulatedServer>;

/** A management group with one cluster. */
const GroupState = Type.Object({
  /** Of volumes, snapshots, servers and permissions alike; never given twice. */
  nextId: Count,
  volumes: Type.Array(SimulatedVolume),
  snapshots: Type.Array(SimulatedSnapshot),
  servers: Type.Array(SimulatedServer),
});
export type GroupState = Static<typeof GroupState>;

export const groupState = parser(GroupState, "the state of the management group");

export const EMPTY_GROUP: GroupState = { nextId: 23, volumes: [], snapshots: [], servers: [] };

export const GROUP_NAME = "Group01";
export const CLUSTER_NAME = "Cluster01";

export type Stored = SimulatedVolume | SimulatedSnapshot;

export function isSnapshot(stored: Stored): stored is SimulatedSnapshot {
  return "volumeName" in stored;
}

/** A name that comes again has a new number in it. */
export function iqnOf({ id, name }: Pick<Stored, "id" | "name">): string {
  return `iqn.2003-10.com.lefthandnetworks:${GROUP_NAME.toLowerCase()}:${id}:${name}`;
}

export function serialOf({ id, md5 }: Pick<Stored, "id" | "md5">): string {
  return `${md5}${id.toString(16).padStart(16, "0")}`;
}

/** The file that holds its bytes. */
export function fileOf({ id }: Pick<Stored, "id">): string {
  return `lun-${id}`;
}
