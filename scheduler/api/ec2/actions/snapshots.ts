import { randomUUID } from "node:crypto";
import { BerthError } from "#shared/errors.ts";
import { Description } from "#shared/model/names.ts";
import { parser } from "#shared/schema.ts";
import { changing, type Ec2Context, telling } from "../context.ts";
import { filterBy } from "../filters.ts";
import { requireSnapshot, requireSnapshots, requireVolume } from "../ids.ts";
import { pageOf, refusePagesOfIds } from "../paging.ts";
import { Ec2Refusal } from "../refusal.ts";
import { CreateSnapshot, DeleteSnapshot, DescribeSnapshots } from "../schemas.ts";
import { snapshotFilters, snapshotItem } from "../snapshot-view.ts";
import { specifiedTags, tagsOf, textsOf } from "../tags.ts";

/** So long the answer to a delete waits until it is done: with EC2 a volume can be deleted right behind its snapshots. */
const DELETE_WAIT_MS = 10_000;
const descriptions = parser(Description);

export const createSnapshot = changing(
  CreateSnapshot,
  async (context, asked) => {
    const { state, caller } = context;
    if (asked.OutpostArn !== undefined || (asked.Location ?? "regional") !== "regional")
      throw new Ec2Refusal(
        "UnsupportedOperation",
        "A snapshot is where its volume is: leave OutpostArn and Location out",
      );
    const volume = requireVolume(state, asked.VolumeId, caller.projectId);
    const { Description: description = "" } = asked;
    if (!descriptions.check(description))
      throw new Ec2Refusal(
        "InvalidParameterValue",
        "The description has more than 255 characters, or a control character",
      );
    const { projectId: scope, userId, requestId } = caller;
    const snapshot = await context.submit("snapshot.create", {
      ...{ id: randomUUID(), scope, userId, volumeId: volume.id, description, requestId },
      ...textsOf(specifiedTags(asked.TagSpecification, "snapshot")),
      force: true,
    });
    return snapshotItem(context.state, snapshot);
  },
  { E_QUOTA: "SnapshotLimitExceeded" },
);

export const deleteSnapshot = changing(
  DeleteSnapshot,
  async (context, asked) => {
    const { state, caller } = context;
    const { id } = requireSnapshot(state, asked.SnapshotId, caller.projectId);
    const { projectId: scope, userId, requestId } = caller;
    await context.submit("snapshot.delete", { scope, id, userId, requestId });
    await untilGone(context, id);
    return { return: true };
  },
  { E_HAS_DEPENDENTS: "InvalidSnapshot.InUse", E_WRONG_STATE: "InvalidSnapshot.InUse" },
);

/** It is accepted; how long it takes is not the client's business. */
async function untilGone({ state, dependencies }: Ec2Context, id: string): Promise<void> {
  const look = (): true | undefined => (state.get("snapshot", id)?.status === "deleting" ? undefined : true);
  await dependencies.engine.until("snapshot", id, look, DELETE_WAIT_MS).catch((error: unknown) => {
    if (!(error instanceof BerthError && error.code === "E_TIMEOUT")) throw error;
  });
}

export const describeSnapshots = telling(DescribeSnapshots, async ({ state, caller }, asked) => {
  const { projectId } = caller;
  refusePagesOfIds(asked.SnapshotId, asked, "SnapshotId");
  const named =
    asked.SnapshotId !== undefined && asked.SnapshotId.length > 0
      ? requireSnapshots(state, [...new Set(asked.SnapshotId)], projectId)
      : [...state.table("snapshot").values()].filter(
          (snapshot) => snapshot.projectId === projectId && snapshot.status !== "deleting",
        );
  // Nobody sees another's, whoever is named.
  const isOurs = [asked.Owner, asked.RestorableBy].every(
    (owners) =>
      owners === undefined || owners.length === 0 || owners.some((owner) => owner === "self" || owner === projectId),
  );
  const wanted = filterBy(asked.Filter ?? [], snapshotFilters(state), tagsOf);
  const items = isOurs ? named.filter(wanted) : [];
  const page = pageOf(items, asked, ({ createdAtMs, id }) => [createdAtMs, id]);
  return { snapshotSet: page.items.map((snapshot) => snapshotItem(state, snapshot)), nextToken: page.nextToken };
});
