import { accessGroupMethods } from "./access-groups.ts";
import { accountMethods } from "./accounts.ts";
import { cloneMethods } from "./clones.ts";
import { clusterMethods } from "./cluster-info.ts";
import type { Methods } from "./method.ts";
import { qosMethods } from "./qos.ts";
import { snapshotMethods } from "./snapshots.ts";
import { volumeListMethods } from "./volume-lists.ts";
import { volumeMethods } from "./volumes.ts";

export const METHODS: Methods = {
  ...clusterMethods,
  ...accountMethods,
  ...volumeMethods,
  ...volumeListMethods,
  ...cloneMethods,
  ...snapshotMethods,
  ...accessGroupMethods,
  ...qosMethods,
};
