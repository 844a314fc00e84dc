import type { JobOwner } from "#shared/model/job.ts";
import { attachmentWork } from "./attachment-work.ts";
import { backendWork } from "./backend-work.ts";
import { groupSnapshotWork } from "./group-snapshot-work.ts";
import { leftoverWork } from "./leftover-work.ts";
import { markWork } from "./mark-work.ts";
import type { OwnerWork } from "./owner-work.ts";
import { snapshotWork } from "./snapshot-work.ts";
import { volumeWork } from "./volume-work.ts";

/** Who takes in what comes of a job: a new kind of owner does not compile without it. */
export const OWNER_WORK: { readonly [K in JobOwner["kind"]]: OwnerWork } = {
  volume: volumeWork,
  snapshot: snapshotWork,
  attachment: attachmentWork,
  leftover: leftoverWork,
  mark: markWork,
  "group-snapshot": groupSnapshotWork,
  backend: backendWork,
};
