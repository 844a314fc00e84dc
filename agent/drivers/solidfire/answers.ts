import { type Static, Type } from "typebox";
import { parser } from "#shared/schema.ts";

/** What of the array's answers is looked at; there is more in them, and there will be. */

const Id = Type.Integer({ minimum: 1 });
const Attributes = Type.Record(Type.String(), Type.Unknown());
const Bytes = Type.Integer({ minimum: 0 });

export const ElementQos = Type.Object({
  minIOPS: Type.Integer(),
  maxIOPS: Type.Integer(),
  burstIOPS: Type.Integer(),
});
export type ElementQos = Static<typeof ElementQos>;

export const ElementVolume = Type.Object({
  volumeID: Id,
  name: Type.String(),
  accountID: Type.Integer(),
  volumeUUID: Type.Optional(Type.String()),
  createTime: Type.String(),
  status: Type.String(),
  access: Type.String(),
  iqn: Type.String(),
  totalSize: Bytes,
  qos: ElementQos,
  volumeAccessGroups: Type.Array(Type.Integer()),
  volumePairs: Type.Optional(Type.Array(Type.Unknown())),
  attributes: Type.Union([Attributes, Type.Null()]),
});
export type ElementVolume = Static<typeof ElementVolume>;

export const ElementSnapshot = Type.Object({
  snapshotID: Id,
  volumeID: Id,
  name: Type.String(),
  status: Type.String(),
  totalSize: Bytes,
  groupID: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
  createTime: Type.String(),
  attributes: Type.Union([Attributes, Type.Null()]),
});
export type ElementSnapshot = Static<typeof ElementSnapshot>;

/** Its secrets are in the clear: an account is never logged, and no part of an error. */
export const ElementAccount = Type.Object({
  accountID: Id,
  username: Type.String(),
  status: Type.String(),
  initiatorSecret: Type.Optional(Type.String()),
  volumes: Type.Array(Type.Integer()),
  attributes: Type.Optional(Type.Union([Attributes, Type.Null()])),
});
export type ElementAccount = Static<typeof ElementAccount>;

export const ElementAccessGroup = Type.Object({
  volumeAccessGroupID: Id,
  name: Type.String(),
  initiators: Type.Array(Type.String()),
  volumes: Type.Array(Type.Integer()),
  attributes: Type.Optional(Type.Union([Attributes, Type.Null()])),
});
export type ElementAccessGroup = Static<typeof ElementAccessGroup>;

export const ElementCapacity = Type.Object({
  maxProvisionedSpace: Bytes,
  provisionedSpace: Bytes,
  maxOverProvisionableSpace: Bytes,
  maxUsedSpace: Bytes,
  usedSpace: Bytes,
  uniqueBlocks: Bytes,
  uniqueBlocksUsedSpace: Bytes,
  nonZeroBlocks: Bytes,
  zeroBlocks: Bytes,
  maxIOPS: Type.Integer(),
  timestamp: Type.String(),
});
export type ElementCapacity = Static<typeof ElementCapacity>;

export const answers = {
  nothing: parser(Type.Object({}), "the answer"),
  clusterInfo: parser(
    Type.Object({
      clusterInfo: Type.Object({
        name: Type.String(),
        svip: Type.String(),
        uniqueID: Type.String(),
        uuid: Type.String(),
      }),
    }),
    "the answer to GetClusterInfo",
  ),
  capacity: parser(Type.Object({ clusterCapacity: ElementCapacity }), "the answer to GetClusterCapacity"),
  limits: parser(
    Type.Object({ volumesPerAccountCountMax: Type.Integer(), volumeSizeMax: Type.Optional(Bytes) }),
    "the answer to GetLimits",
  ),
  fullness: parser(Type.Object({ fullness: Type.String() }), "the answer to GetClusterFullThreshold"),
  defaultQos: parser(ElementQos, "the answer to GetDefaultQoS"),
  volumes: parser(Type.Object({ volumes: Type.Array(ElementVolume) }), "a list of volumes"),
  createdVolume: parser(Type.Object({ volumeID: Id }), "the answer to CreateVolume"),
  clonedVolume: parser(
    Type.Object({ volumeID: Id, asyncHandle: Type.Optional(Type.Integer()) }),
    "the answer to CloneVolume",
  ),
  asyncResult: parser(
    Type.Object({
      status: Type.String(),
      details: Type.Optional(Type.Object({ bytes: Type.Optional(Type.Number()), total: Type.Optional(Type.Number()) })),
      error: Type.Optional(Type.Object({ name: Type.String(), message: Type.Optional(Type.String()) })),
    }),
    "the answer to GetAsyncResult",
  ),
  snapshots: parser(Type.Object({ snapshots: Type.Array(ElementSnapshot) }), "a list of snapshots"),
  createdSnapshot: parser(Type.Object({ snapshotID: Id }), "the answer to CreateSnapshot"),
  createdGroup: parser(
    Type.Object({
      groupSnapshotID: Id,
      members: Type.Array(Type.Object({ volumeID: Id, snapshotID: Id })),
    }),
    "the answer to CreateGroupSnapshot",
  ),
  groupSnapshots: parser(
    Type.Object({
      groupSnapshots: Type.Array(
        Type.Object({
          groupSnapshotID: Id,
          name: Type.String(),
          members: Type.Array(Type.Object({ volumeID: Id, snapshotID: Id })),
        }),
      ),
    }),
    "a list of group snapshots",
  ),
  account: parser(Type.Object({ account: ElementAccount }), "an account"),
  accounts: parser(Type.Object({ accounts: Type.Array(ElementAccount) }), "a list of accounts"),
  createdAccount: parser(Type.Object({ accountID: Id }), "the answer to AddAccount"),
  accessGroups: parser(
    Type.Object({ volumeAccessGroups: Type.Array(ElementAccessGroup) }),
    "a list of volume access groups",
  ),
};
