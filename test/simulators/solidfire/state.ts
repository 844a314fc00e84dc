import { type Static, Type } from "typebox";
import { parser } from "#shared/schema.ts";

const Attributes = Type.Record(Type.String(), Type.Unknown());
const Ms = Type.Number();

export const Qos = Type.Object({
  minIOPS: Type.Integer(),
  maxIOPS: Type.Integer(),
  burstIOPS: Type.Integer(),
  burstTime: Type.Integer(),
});
export type Qos = Static<typeof Qos>;

export const Account = Type.Object({
  id: Type.Integer(),
  username: Type.String(),
  status: Type.Union([Type.Literal("active"), Type.Literal("locked"), Type.Literal("removed")]),
  initiatorSecret: Type.String(),
  targetSecret: Type.String(),
  attributes: Attributes,
  enableChap: Type.Boolean(),
});
export type Account = Static<typeof Account>;

export const ACCESSES = ["readWrite", "readOnly", "locked", "replicationTarget"] as const;

export const Volume = Type.Object({
  id: Type.Integer(),
  name: Type.String(),
  accountId: Type.Integer(),
  uuid: Type.String(),
  createdMs: Ms,
  status: Type.Union([Type.Literal("init"), Type.Literal("active"), Type.Literal("deleted")]),
  access: Type.Enum(ACCESSES),
  enable512e: Type.Boolean(),
  sizeBytes: Type.Integer(),
  qos: Qos,
  qosPolicyId: Type.Union([Type.Integer(), Type.Null()]),
  attributes: Attributes,
  deletedMs: Type.Union([Ms, Type.Null()]),
  purgeMs: Type.Union([Ms, Type.Null()]),
});
export type Volume = Static<typeof Volume>;

export const Snapshot = Type.Object({
  id: Type.Integer(),
  volumeId: Type.Integer(),
  uuid: Type.String(),
  name: Type.String(),
  sizeBytes: Type.Integer(),
  createdMs: Ms,
  expiresMs: Type.Union([Ms, Type.Null()]),
  /** 0: of none. */
  groupId: Type.Integer(),
  replicated: Type.Boolean(),
  attributes: Attributes,
});
export type Snapshot = Static<typeof Snapshot>;

export const GroupSnapshot = Type.Object({
  id: Type.Integer(),
  uuid: Type.String(),
  name: Type.String(),
  createdMs: Ms,
  replicated: Type.Boolean(),
  attributes: Attributes,
});
export type GroupSnapshot = Static<typeof GroupSnapshot>;

export const AccessGroup = Type.Object({
  id: Type.Integer(),
  name: Type.String(),
  initiators: Type.Array(Type.Object({ id: Type.Integer(), name: Type.String() })),
  volumeIds: Type.Array(Type.Integer()),
  attributes: Attributes,
});
export type AccessGroup = Static<typeof AccessGroup>;

export const AsyncJob = Type.Object({
  handle: Type.Integer(),
  type: Type.Literal("Clone"),
  cloneId: Type.Integer(),
  volumeId: Type.Integer(),
  sourceId: Type.Integer(),
  createdMs: Ms,
  dueMs: Ms,
  status: Type.Union([Type.Literal("running"), Type.Literal("complete")]),
  /** Why it failed, when it is complete. */
  error: Type.Union([Type.String(), Type.Null()]),
  fails: Type.Boolean(),
});
export type AsyncJob = Static<typeof AsyncJob>;

export const QosPolicy = Type.Object({ id: Type.Integer(), name: Type.String(), qos: Qos });
export type QosPolicy = Static<typeof QosPolicy>;

/** All that stands in a cluster. Ids are counted from 1, each kind for itself, and never used again. */
export const ClusterState = Type.Object({
  name: Type.String(),
  uniqueId: Type.String(),
  uuid: Type.String(),
  password: Type.String(),
  nextIds: Type.Record(Type.String(), Type.Integer()),
  defaultQos: Qos,
  accounts: Type.Array(Account),
  volumes: Type.Array(Volume),
  snapshots: Type.Array(Snapshot),
  groupSnapshots: Type.Array(GroupSnapshot),
  accessGroups: Type.Array(AccessGroup),
  qosPolicies: Type.Array(QosPolicy),
  jobs: Type.Array(AsyncJob),
});
export type ClusterState = Static<typeof ClusterState>;

export const clusterState = parser(ClusterState, "the state of a simulated cluster");
