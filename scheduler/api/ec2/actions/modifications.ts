import type { Static } from "typebox";
import type { HistoryEntry } from "#shared/model/history.ts";
import type { Volume } from "#shared/model/volume.ts";
import { ec2Standing, isModifying } from "../../../core/modify.ts";
import { moveMeans } from "../../../move-means.ts";
import { changing, type Ec2Context, telling } from "../context.ts";
import { type FilterTable, filterBy } from "../filters.ts";
import { requireVolume, volumeIdOf } from "../ids.ts";
import { pageOf } from "../paging.ts";
import { missing } from "../parameters.ts";
import { Ec2Refusal } from "../refusal.ts";
import { DescribeVolumes, ModifyVolume } from "../schemas.ts";
import { flavorOfType, requireFitting } from "../volume-types.ts";
import { instant } from "../volume-view.ts";
import type { XmlFields } from "../xml.ts";
import { volumesNamed } from "./volumes.ts";

export const modifyVolume = changing(
  ModifyVolume,
  async (context, asked) => {
    const { state, caller, dependencies } = context;
    const volume = requireVolume(state, asked.VolumeId, caller.projectId);
    requireSomething(asked);
    if (asked.MultiAttachEnabled !== undefined && asked.MultiAttachEnabled !== volume.multiattach)
      throw new Ec2Refusal(
        "UnsupportedOperation",
        "Whether several instances may have a volume, its type says when it is made",
      );
    if (asked.Size !== undefined && asked.Size < volume.sizeGib)
      throw new Ec2Refusal("InvalidParameterValue", "New size cannot be smaller than existing size");
    const { projectId: scope, userId, requestId } = caller;
    const modified = await context.submit("volume.modify", {
      ...{ scope, id: volume.id, userId, requestId },
      ...moveMeans(dependencies.sealingKey),
      bandwidthLimitBytesPerS: null,
      sizeGib: asked.Size ?? null,
      flavor: asked.VolumeType === undefined ? null : flavorOfType(state, asked.VolumeType, scope, volume),
      ec2: wishOf(context, volume, asked),
    });
    return { volumeModification: await modificationItem(context, modified) };
  },
  { E_WRONG_STATE: "IncorrectModificationState", E_CONFLICT: "IncorrectModificationState" },
);

function requireSomething({
  Size,
  VolumeType,
  Iops,
  Throughput,
  MultiAttachEnabled,
}: Static<typeof ModifyVolume>): void {
  if ([Size, VolumeType, Iops, Throughput, MultiAttachEnabled].every((value) => value === undefined))
    throw missing("Size, VolumeType, Iops or Throughput");
}

/** What is not said stays, as far as the new type takes it. */
function wishOf({ state }: Ec2Context, volume: Volume, asked: Static<typeof ModifyVolume>) {
  const before = volume.ec2 !== undefined && isModifying(volume) ? volume.ec2 : ec2Standing(state, volume);
  const volumeType = asked.VolumeType ?? before.volumeType;
  const kept = volumeType === before.volumeType ? before : { iops: null, throughput: null };
  return requireFitting(
    { volumeType, iops: asked.Iops ?? kept.iops, throughput: asked.Throughput ?? kept.throughput },
    false,
  );
}

/** Asked for volumes that are named, it tells which of them were never modified. */
export const describeVolumesModifications = telling(DescribeVolumes, async (context, asked) => {
  const volumes = volumesNamed(context, asked);
  const modified = volumes.filter(({ ec2 }) => ec2?.modification !== undefined);
  if (asked.VolumeId !== undefined && asked.VolumeId.length > 0 && modified.length < volumes.length) {
    const never = volumes.find(({ ec2 }) => ec2?.modification === undefined);
    const id = never === undefined ? "" : volumeIdOf(never.id);
    throw new Ec2Refusal("InvalidVolumeModification.NotFound", `Modification for volume '${id}' does not exist.`);
  }
  const wanted = filterBy(asked.Filter ?? [], MODIFICATION_FILTERS);
  const page = pageOf(modified.filter(wanted), asked, ({ createdAtMs, id }) => [createdAtMs, id]);
  const items = await Promise.all(page.items.map((volume) => modificationItem(context, volume)));
  return { volumeModificationSet: items, nextToken: page.nextToken };
});

const MODIFICATION_FILTERS: FilterTable<Volume> = {
  "modification-state": modificationState,
  "original-iops": ({ ec2 }) => ec2?.modification?.original.iops ?? null,
  "original-size": ({ ec2 }) => ec2?.modification?.original.sizeGib ?? null,
  "original-throughput": ({ ec2 }) => ec2?.modification?.original.throughput ?? null,
  "original-volume-type": ({ ec2 }) => ec2?.modification?.original.volumeType ?? null,
  originalMultiAttachEnabled: ({ multiattach }) => multiattach,
  "start-time": ({ ec2 }) => (ec2?.modification === undefined ? null : instant(ec2.modification.startedAtMs)),
  "target-iops": ({ ec2 }) => ec2?.iops ?? null,
  "target-size": ({ ec2 }) => ec2?.modification?.targetSizeGib ?? null,
  "target-throughput": ({ ec2 }) => ec2?.throughput ?? null,
  "target-volume-type": ({ ec2 }) => ec2?.volumeType ?? null,
  targetMultiAttachEnabled: ({ multiattach }) => multiattach,
  "volume-id": ({ id }) => volumeIdOf(id),
};

/** It follows from what the volume is: nothing is remembered that could differ from it. */
function modificationState(volume: Volume): "modifying" | "completed" | "failed" {
  if (isModifying(volume)) return "modifying";
  const { ec2, flavorId, sizeGib } = volume;
  const modification = ec2?.modification;
  if (modification === undefined) return "completed";
  const isAsBefore = flavorId === modification.original.flavorId && flavorId !== ec2?.flavorId;
  return isAsBefore || sizeGib < modification.targetSizeGib ? "failed" : "completed";
}

const WORK = new Set(["volume.extend", "volume.retype", "volume.modify"]);

async function modificationItem({ dependencies }: Ec2Context, volume: Volume): Promise<XmlFields> {
  const { ec2 } = volume;
  const modification = ec2?.modification;
  if (ec2 === undefined || modification === undefined) return {};
  const { original, targetSizeGib, startedAtMs } = modification;
  const state = modificationState(volume);
  const ended = state === "modifying" ? null : await endOf(dependencies.engine, volume.id, startedAtMs);
  return {
    volumeId: volumeIdOf(volume.id),
    modificationState: state,
    statusMessage: state === "failed" ? (ended?.error?.message ?? null) : null,
    targetSize: targetSizeGib,
    targetIops: ec2.iops,
    targetVolumeType: ec2.volumeType,
    targetThroughput: ec2.throughput,
    targetMultiAttachEnabled: volume.multiattach,
    originalSize: original.sizeGib,
    originalIops: original.iops,
    originalVolumeType: original.volumeType,
    originalThroughput: original.throughput,
    originalMultiAttachEnabled: volume.multiattach,
    progress: state === "completed" ? 100 : 0,
    startTime: instant(startedAtMs),
    endTime: ended === null ? null : instant(ended.endedAtMs),
  };
}

/** When, and how, the volume's history says. */
async function endOf(
  engine: Ec2Context["dependencies"]["engine"],
  volumeId: string,
  startedAtMs: number,
): Promise<HistoryEntry | null> {
  const entries = await engine.details("history", volumeId);
  const since = entries.filter(({ operation, startedAtMs: atMs }) => WORK.has(operation) && atMs >= startedAtMs);
  return since.sort((a, b) => a.n - b.n)[0] ?? null;
}
