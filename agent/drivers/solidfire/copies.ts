import type { OwnerMark, VolumeRef } from "#shared/model/operation.ts";
import { pauseFor, pauseMs } from "../../transport/tries.ts";
import { type CallContext, DriverError } from "../driver.ts";
import { volumeName } from "../names.ts";
import { foundOrDone } from "../san/made-once.ts";
import type { Accounts } from "./accounts.ts";
import { answers, type ElementVolume } from "./answers.ts";
import type { ElementClient } from "./client.ts";
import { withMark } from "./mark.ts";
import type { Objects } from "./objects.ts";
import { isRefusal } from "./refusal.ts";
import { explainedSpace } from "./space.ts";
import type { Volumes } from "./volumes.ts";

export interface CopyWork {
  readonly client: ElementClient;
  readonly objects: Objects;
  readonly accounts: Accounts;
  readonly volumes: Volumes;
  /** How long what was just made is looked for in lists. */
  readonly lookMs: number;
}

export interface CopySource {
  readonly volumeId: number;
  /** null: the volume as it is now. */
  readonly snapshotId: number | null;
  readonly sizeBytes: number;
}

/** A volume with the bytes of another, or of its snapshot; the array copies no bytes, but takes its time to be ready. */
export async function copyVolume(
  context: CallContext,
  work: CopyWork,
  volume: VolumeRef,
  owner: OwnerMark,
  source: CopySource,
): Promise<ElementVolume> {
  const { client, objects, accounts, volumes, lookMs } = work;
  if (volume.sizeBytes < source.sizeBytes)
    throw new DriverError("not-done", "a copy cannot be smaller than its original");
  let handle: number | null = null;
  const find = async (): Promise<number | null> => (await objects.made(context, volume.id))?.volume.volumeID ?? null;
  const make = async (): Promise<number> => {
    const volumeId = await accounts.inProject(context, owner.projectId, async (accountId) => {
      const made = await explainedSpace(client, context, volume.sizeBytes, () =>
        client.call(context, {
          method: "CloneVolume",
          params: {
            volumeID: source.volumeId,
            ...(source.snapshotId === null ? {} : { snapshotID: source.snapshotId }),
            name: volumeName(volume.id),
            newAccountID: accountId,
            newSize: volume.sizeBytes,
            access: "readWrite",
            attributes: withMark(null, { id: volume.id, owner }),
          },
          answer: answers.clonedVolume,
          does: "make",
        }),
      );
      handle = made.asyncHandle ?? null;
      return made.volumeID;
    });
    const kept = await volumes.onlyOne(context, volume.id, volumeId);
    if (kept !== volumeId) handle = null;
    return kept;
  };
  const volumeId = await foundOrDone({ context, lookMs }, find, make);
  return await ready(context, work, volumeId, handle);
}

/**
 * Waits until it is active. Its handle is known only to who began it, and says why it failed and how far it is; without
 * it the list tells what became of it.
 */
async function ready(
  context: CallContext,
  { client, objects, lookMs }: CopyWork,
  volumeId: number,
  handle: number | null,
): Promise<ElementVolume> {
  const startedMs = performance.now();
  for (let looked = 1; ; looked++) {
    if (handle !== null) await assertNotFailed(context, client, handle);
    const found = await objects.volumeById(context, volumeId);
    if (found?.status === "active") return found;
    // A list may lack for moments what was just made.
    if (found === null && performance.now() - startedMs > lookMs)
      throw new DriverError("not-done", `the clone ${volumeId} has come to nothing`);
    await pauseFor(context.signal, pauseMs(looked));
  }
}

async function assertNotFailed(context: CallContext, client: ElementClient, handle: number): Promise<void> {
  try {
    const { details, error } = await client.call(context, {
      method: "GetAsyncResult",
      params: { asyncHandle: handle, keepResult: true },
      answer: answers.asyncResult,
      does: "read",
      meant: ["xDBNoSuchPath"],
    });
    if (error !== undefined)
      throw new DriverError("not-done", `the array could not clone: ${error.name} ${error.message ?? ""}`);
    const { bytes, total } = details ?? {};
    if (bytes !== undefined && total !== undefined)
      context.progress.tell({ doneBytes: Math.round(bytes), totalBytes: Math.round(total), checkpointBytes: 0 });
  } catch (error) {
    // Somebody else has read it: the list will tell.
    if (!isRefusal(error, "xDBNoSuchPath")) throw error;
  }
}
