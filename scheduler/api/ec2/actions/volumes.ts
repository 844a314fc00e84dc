import { createHash, randomUUID } from "node:crypto";
import type { Static } from "typebox";
import type { Volume } from "#shared/model/volume.ts";
import { newChap } from "../../../new-chap.ts";
import { changing, type Ec2Context, telling } from "../context.ts";
import { filterBy } from "../filters.ts";
import { requireSnapshot, requireVolume, requireVolumes } from "../ids.ts";
import { pageOf, refusePagesOfIds } from "../paging.ts";
import { missing } from "../parameters.ts";
import { Ec2Refusal } from "../refusal.ts";
import { CreateVolume, DescribeVolumes, OnVolume } from "../schemas.ts";
import { specifiedTags, tagsOf, textsOf } from "../tags.ts";
import { DEFAULT_TYPE, flavorOfType, requireFitting } from "../volume-types.ts";
import { volumeFilters, volumeItem, volumeStatus } from "../volume-view.ts";
import type { XmlFields } from "../xml.ts";

type Asked = Static<typeof CreateVolume>;

/** Refused where there is no room: whoever polls a volume in `error` would wait for ten minutes to learn it. */
export const createVolume = changing(CreateVolume, async (context, asked) => {
  const { state, caller } = context;
  refuseNotHad(asked);
  const zone = requireZone(context, asked);
  const snapshot = asked.SnapshotId ? requireSnapshot(state, asked.SnapshotId, caller.projectId) : null;
  if (snapshot === null && asked.Size === undefined) throw missing("Size or SnapshotId");
  const source = state.get("volume", snapshot?.volumeId ?? "") ?? null;
  const volumeType = asked.VolumeType ?? DEFAULT_TYPE;
  const ec2 = requireFitting({ volumeType, iops: asked.Iops ?? null, throughput: asked.Throughput ?? null }, true);
  const flavor = flavorOfType(state, ec2.volumeType, caller.projectId, source);
  if (asked.MultiAttachEnabled === true) requireMultiattach(context, flavor);
  const { projectId, userId, requestId } = caller;
  const { volume } = await context.submit("volume.create", {
    id: randomUUID(),
    projectId,
    userId,
    requestId,
    ...textsOf(specifiedTags(asked.TagSpecification, "volume")),
    description: "",
    sizeGib: asked.Size ?? null,
    flavor,
    zone,
    source: snapshot === null ? { kind: "blank" } : { kind: "snapshot", snapshotId: snapshot.id },
    ec2,
    refuseUnplaced: true,
    chap: newChap(context.dependencies.sealingKey),
    // No key of OpenStack's clients has a space in it.
    idempotency: asked.ClientToken ? { key: `ec2 ${asked.ClientToken}`, bodyHash: hashOf(asked) } : null,
  });
  return volumeItem(state, volume);
});

/** Honest: what would not be done is not accepted. */
function refuseNotHad(asked: Asked): void {
  if (asked.Encrypted === true || asked.KmsKeyId !== undefined)
    throw new Ec2Refusal("UnsupportedOperation", "Berth does not encrypt volumes: leave Encrypted and KmsKeyId out");
  if (asked.OutpostArn !== undefined) throw new Ec2Refusal("UnsupportedOperation", "There are no Outposts here");
  if (asked.VolumeInitializationRate !== undefined)
    throw new Ec2Refusal(
      "UnsupportedOperation",
      "Volumes are whole when they are available: there is no rate for that",
    );
}

function requireZone({ state }: Ec2Context, { AvailabilityZone: name, AvailabilityZoneId: id }: Asked): string {
  if (name !== undefined && id !== undefined && name !== id)
    throw new Ec2Refusal("InvalidParameterCombination", "AvailabilityZone and AvailabilityZoneId name different zones");
  const zone = name ?? id;
  if (zone === undefined) throw missing("AvailabilityZone");
  if (state.catalogue.zone(zone) !== undefined) return zone;
  throw new Ec2Refusal("InvalidZone.NotFound", `The zone '${zone.slice(0, 60)}' does not exist.`);
}

function requireMultiattach({ state, caller }: Ec2Context, flavorId: string | null): void {
  const flavor = state.catalogue.flavor(flavorId ?? state.catalogue.defaultFlavor(caller.projectId) ?? "");
  if (state.catalogue.terms(flavor).multiattach) return;
  throw new Ec2Refusal(
    "InvalidParameterCombination",
    `Volumes of type ${flavor?.name ?? "that"} are one instance's at a time: MultiAttachEnabled is not supported`,
  );
}

/** Of what was understood: the same asked for in another order is the same. */
function hashOf({ ClientToken: _token, DryRun: _dryRun, TagSpecification, ...asked }: Asked): string {
  const tags = Object.entries(specifiedTags(TagSpecification, "volume")).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify({ ...asked, tags }))
    .digest("hex");
}

export const deleteVolume = changing(OnVolume, async (context, asked) => {
  const { state, caller } = context;
  const { projectId: scope, userId, requestId } = caller;
  const { id } = requireUnattached(context, asked.VolumeId);
  if (state.snapshotsOf(id).length > 0 && state.snapshotsOf(id).every(({ status }) => status === "deleting"))
    throw new Ec2Refusal("IncorrectState", "Snapshots of the volume are being deleted: try again in a moment");
  await context.submit("volume.delete", { scope, id, userId, requestId });
  return { return: true };
});

function requireUnattached({ state, caller }: Ec2Context, volumeId: string): Volume {
  const volume = requireVolume(state, volumeId, caller.projectId);
  if (volumeStatus(state, volume) === "in-use")
    throw new Ec2Refusal("VolumeInUse", `Volume ${volumeId} is currently attached`);
  return volume;
}

export const describeVolumes = telling(DescribeVolumes, async ({ state, caller }, asked): Promise<XmlFields> => {
  const page = chooseVolumes({ state, caller }, asked);
  return { volumeSet: page.items.map((volume) => volumeItem(state, volume)), nextToken: page.nextToken };
});

type Chosen = Omit<Static<typeof DescribeVolumes>, "Filter">;

/** The project's volumes: those that are named, or all. */
export function volumesNamed({ state, caller }: Pick<Ec2Context, "state" | "caller">, asked: Chosen): Volume[] {
  refusePagesOfIds(asked.VolumeId, asked, "VolumeId");
  if (asked.VolumeId !== undefined && asked.VolumeId.length > 0)
    return requireVolumes(state, [...new Set(asked.VolumeId)], caller.projectId);
  return [...state.table("volume").values()].filter(({ projectId }) => projectId === caller.projectId);
}

function chooseVolumes(context: Pick<Ec2Context, "state" | "caller">, asked: Static<typeof DescribeVolumes>) {
  const wanted = filterBy(asked.Filter ?? [], volumeFilters(context.state), tagsOf);
  return pageOf(volumesNamed(context, asked).filter(wanted), asked, ({ createdAtMs, id }) => [createdAtMs, id]);
}
