import { attachVolume, detachVolume } from "./actions/attachments.ts";
import { describeVolumesModifications, modifyVolume } from "./actions/modifications.ts";
import { createSnapshot, deleteSnapshot, describeSnapshots } from "./actions/snapshots.ts";
import { createTags, deleteTags, describeTags } from "./actions/tags.ts";
import { createVolume, deleteVolume, describeVolumes } from "./actions/volumes.ts";
import { describeAvailabilityZones, describeVolumeStatus } from "./actions/zones.ts";
import type { Action } from "./context.ts";

/** All that can be asked for, by the names of EC2's API reference. */
export const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  ["AttachVolume", attachVolume],
  ["CreateSnapshot", createSnapshot],
  ["CreateTags", createTags],
  ["CreateVolume", createVolume],
  ["DeleteSnapshot", deleteSnapshot],
  ["DeleteTags", deleteTags],
  ["DeleteVolume", deleteVolume],
  ["DescribeAvailabilityZones", describeAvailabilityZones],
  ["DescribeSnapshots", describeSnapshots],
  ["DescribeTags", describeTags],
  ["DescribeVolumeStatus", describeVolumeStatus],
  ["DescribeVolumes", describeVolumes],
  ["DescribeVolumesModifications", describeVolumesModifications],
  ["DetachVolume", detachVolume],
  ["ModifyVolume", modifyVolume],
]);
