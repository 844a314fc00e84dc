import { basename, dirname, join } from "node:path";
import { crashPoint } from "#shared/crash-point.ts";
import type { GroupMember } from "#shared/model/operation.ts";
import { discardFile, readTextOrNull, removeFile, replaceText, settleFile, statOrNull } from "../../transport/files.ts";
import { type CallContext, DriverError, type MemberUpdate } from "../driver.ts";
import { snapshotName } from "../names.ts";
import { whileUnwritten } from "./copy.ts";
import { explained } from "./failure.ts";
import { type ImageMark, type ImagePaths, snapshotPaths, volumePaths } from "./mark.ts";
import { letStand, overtaken } from "./standing.ts";
import { discardTry, objectOfTry, removeTriesOf, tryPath } from "./tries.ts";

/** What the driver does to single images. */
export interface ImageSteps {
  /** Is there an image, and whose? An image without a mark is somebody else's. */
  look(paths: ImagePaths): Promise<{ readonly image: boolean; readonly mark: ImageMark | null }>;
  /** The mark of what must stand. */
  ours(paths: ImagePaths): Promise<ImageMark>;
  /** Reserves its space, by its mark. */
  reserve(context: CallContext, paths: ImagePaths, mark: ImageMark): Promise<void>;
  copy(context: CallContext, mark: ImageMark, from: string, to: string): Promise<void>;
  /** What has no name of its own yet. Never what stands: an agent that is paused in that would take it away from another. */
  removeUnfinished(context: CallContext, paths: ImagePaths): Promise<void>;
  /** The same, and the mark if nothing stands; what fails of it is left to the next try. */
  takeBack(context: CallContext, paths: ImagePaths): Promise<void>;
  /** Also what was never finished of it. */
  remove(context: CallContext, paths: ImagePaths): Promise<void>;
}

interface Plan {
  readonly snapshotId: string;
  readonly source: ImagePaths;
  readonly target: ImagePaths;
  readonly mark: ImageMark;
}

/**
 * Snapshots of several images at one instant. All are copied under temporary names while nobody writes to any of the
 * originals; then a file is written that says which they are; then each gets its own name; then the file goes. An attempt
 * that finds the file finishes that: these copies are of one instant. One that does not begins anew, and takes nothing over.
 */
export async function createGroupSnapshot(
  context: CallContext,
  folder: string,
  groupSnapshotId: string,
  members: readonly GroupMember[],
  steps: ImageSteps,
): Promise<MemberUpdate[]> {
  const plans: Plan[] = [];
  for (const member of members) plans.push(await planOf(folder, member, steps));
  const bond = bondOf(folder, groupSnapshotId);
  const standing = await countStanding(plans, steps);
  if (standing < plans.length) {
    if ((await readTextOrNull(bond.path)) === null) {
      if (standing > 0)
        throw new DriverError(
          "not-done",
          "some of the group's snapshots stand already, and nothing says of which instant",
        );
      await makeCopies(context, plans, steps, bond);
    }
    await explained("give the group's snapshots their names", "unknown", () => finish(context, plans, bond));
  }
  await explained("end the group snapshot", "unknown", async () => {
    for (const { target } of plans) await steps.removeUnfinished(context, target);
    await removeFile(context, bond.path);
  });
  return plans.map(({ snapshotId }) => ({ snapshotId, providerId: snapshotName(snapshotId) }));
}

/** The bond first: without it nothing of the rest is taken for whole. */
export async function deleteGroupSnapshot(
  context: CallContext,
  folder: string,
  groupSnapshotId: string,
  members: readonly GroupMember[],
  steps: ImageSteps,
): Promise<void> {
  const bond = bondOf(folder, groupSnapshotId);
  await explained("delete the group snapshot", "unknown", async () => {
    await removeBond(context, bond);
  });
  for (const { snapshot } of members) await steps.remove(context, snapshotPaths(folder, snapshot.id));
}

async function planOf(folder: string, { volume, snapshot, mark }: GroupMember, steps: ImageSteps): Promise<Plan> {
  const source = volumePaths(folder, volume.id);
  const { format, sizeBytes, thick } = await steps.ours(source);
  const made = { version: 1 as const, kind: "snapshot" as const, id: snapshot.id, volumeId: volume.id };
  return {
    snapshotId: snapshot.id,
    source,
    target: snapshotPaths(folder, snapshot.id),
    mark: { ...made, sizeBytes, format, owner: mark, ...(thick === undefined ? {} : { thick }) },
  };
}

async function countStanding(plans: readonly Plan[], steps: ImageSteps): Promise<number> {
  let standing = 0;
  for (const { target } of plans) {
    const { image, mark } = await steps.look(target);
    if (image && mark === null)
      throw new DriverError("not-done", `${target.image} is there and does not carry our mark: it is left alone`);
    if (image) standing += 1;
  }
  return standing;
}

async function makeCopies(context: CallContext, plans: readonly Plan[], steps: ImageSteps, bond: Bond): Promise<void> {
  await explained("copy the group's volumes", "not-done", async () => {
    let bound = false;
    try {
      await removeBond(context, bond);
      for (const { target, mark } of plans) {
        await steps.removeUnfinished(context, target);
        await steps.reserve(context, target, mark);
      }
      crashPoint("group-marked");
      const sources = plans.map(({ source }) => source.image);
      await whileUnwritten(sources, async () => {
        for (const { source, target, mark } of plans) {
          await removeFile(context, target.newImage);
          await steps.copy(context, mark, source.image, target.newImage);
        }
      });
      for (const { target } of plans) await settleFile(context, target.newImage);
      crashPoint("group-filled");
      const copies = plans.map(({ target }) => `${basename(target.newImage)}\n`);
      bound = true;
      await replaceText(context, bond.path, bond.newPath, copies.join(""));
      crashPoint("group-bound");
    } catch (error) {
      await discardFile(bond.newPath).catch(() => {});
      // Once the file is there, whoever has the job next goes on with these copies.
      if (!bound) for (const { target } of plans) await discardTry(context, target);
      await takeBack(context, plans, steps, bond);
      throw error;
    }
  });
}

async function takeBack(context: CallContext, plans: readonly Plan[], steps: ImageSteps, bond: Bond): Promise<void> {
  try {
    await removeBond(context, bond);
    for (const { target } of plans) await steps.takeBack(context, target);
  } catch (error) {
    context.log.warn({ err: error }, "a failed group snapshot could not be taken back yet");
  }
}

async function finish(context: CallContext, plans: readonly Plan[], bond: Bond): Promise<void> {
  const copies = ((await readTextOrNull(bond.path)) ?? "").split("\n");
  for (const { target, snapshotId } of plans) {
    if ((await statOrNull(target.image)) !== null) continue;
    const copy = copies.find((name) => objectOfTry(name) === snapshotName(snapshotId)) ?? "";
    try {
      await letStand(context, join(dirname(target.newImage), copy), target);
    } catch (error) {
      // Another agent that was paused in this very call has woken: it is the same copy.
      if ((await statOrNull(target.image)) !== null) continue;
      const isGone = copy === "" || (error instanceof DriverError && error.outcome === "unknown");
      if (!isGone) throw error;
      // They are not whole: the next try begins anew.
      await removeFile(context, bond.path);
      throw overtaken(target.image, error);
    }
    crashPoint("group-renamed");
  }
}

async function removeBond(context: CallContext, { path }: Bond): Promise<void> {
  await removeTriesOf(context, dirname(path), basename(path));
  await removeFile(context, path);
}

interface Bond {
  readonly path: string;
  readonly newPath: string;
}

/** The file that says that a group's copies are of one instant. */
function bondOf(folder: string, groupSnapshotId: string): Bond {
  const path = join(folder, `group-snapshot-${groupSnapshotId}.bond`);
  return { path, newPath: tryPath(folder, basename(path)) };
}

/** Is it such a file? */
export function isBond(name: string): boolean {
  return /^group-snapshot-[0-9a-f-]{36}\.bond$/.test(name);
}
