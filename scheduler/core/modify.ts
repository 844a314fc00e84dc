import { BerthError } from "#shared/errors.ts";
import type { Ec2Facts, Ec2Wish } from "#shared/model/ec2.ts";
import type { Volume } from "#shared/model/volume.ts";
import { requireVolumeAllows } from "./allowed.ts";
import type { Commands, Moment } from "./commands.ts";
import { findVolume } from "./find.ts";
import { toldAtOnce } from "./history.ts";
import { retypeVolume } from "./moves/request.ts";
import type { State } from "./state.ts";
import { resolveFlavor } from "./volume-request.ts";
import { extendVolume } from "./volumes.ts";

/**
 * EC2's `ModifyVolume`: grows it, makes it of another flavor, and keeps what else was said. Asked again for the same while
 * that goes on, it is the same. Both at once only where the flavor changes without work: an object has one job at a time.
 */
export function modifyVolume(state: State, input: Commands["volume.modify"]["input"], moment: Moment): Volume {
  const volume = findVolume(state, input.id, input.scope);
  const flavor = input.flavor === null ? null : resolveFlavor(state, input.flavor, volume.projectId);
  const target = {
    sizeGib: input.sizeGib ?? volume.extendToGib ?? volume.sizeGib,
    flavorId: flavor?.id ?? volume.move?.toFlavorId ?? volume.flavorId,
  };
  if (isUnderWay(volume, { ...target, ...input.ec2 })) return volume;
  if (volume.status !== "error_extending" || target.sizeGib !== volume.extendToGib)
    requireVolumeAllows("extend", volume);
  if (target.sizeGib < volume.sizeGib)
    throw new BerthError(
      "E_BAD_REQUEST",
      `the new size, ${target.sizeGib} GiB, is less than the size now, ${volume.sizeGib} GiB`,
    );
  const grows = target.sizeGib > volume.sizeGib;
  const changes = target.flavorId !== volume.flavorId;
  if (changes) {
    const retyped = retypeVolume(state, { ...input, flavor: target.flavorId, policy: "on-demand" }, moment);
    if (grows && retyped.flavorId !== target.flavorId)
      throw new BerthError(
        "E_CONFLICT",
        `volume ${volume.id} must be worked on to be of another flavor: change its size first, and its flavor when that is done`,
      );
  }
  if (grows) extendVolume(state, { ...input, newSizeGib: target.sizeGib }, moment);
  const { userId, requestId } = input;
  const now = findVolume(state, volume.id, null);
  const told =
    grows || changes ? now : toldAtOnce(state, now, { operation: "volume.modify", userId, requestId }, moment);
  const modified: Volume = {
    ...told,
    ec2: {
      ...input.ec2,
      flavorId: target.flavorId,
      modification: { original: standing(state, volume), targetSizeGib: target.sizeGib, startedAtMs: moment.nowMs },
    },
    updatedAtMs: moment.nowMs,
  };
  state.put("volume", modified);
  return modified;
}

/** What it is in EC2's words now. */
export function ec2Standing(state: State, volume: Volume): Ec2Wish & Pick<Ec2Facts, "flavorId"> {
  const { ec2, flavorId } = volume;
  const { original } = ec2?.modification ?? {};
  // One that moves into another flavor is of the old one until it is there.
  const said = [ec2, original].find((one) => one?.flavorId === flavorId);
  const volumeType = said?.volumeType ?? state.flavor(volume)?.name ?? "standard";
  return { volumeType, iops: said?.iops ?? null, throughput: said?.throughput ?? null, flavorId };
}

function standing(state: State, volume: Volume): NonNullable<Ec2Facts["modification"]>["original"] {
  return { ...ec2Standing(state, volume), sizeGib: volume.sizeGib };
}

/** Has the last modification not come to its end? */
export function isModifying({ status, ec2, extendToGib, move }: Volume): boolean {
  if (ec2?.modification === undefined) return false;
  const grows = ["extending", "error_extending"].includes(status) && extendToGib === ec2.modification.targetSizeGib;
  return grows || (move !== null && move.toFlavorId === ec2.flavorId);
}

function isUnderWay(
  volume: Volume,
  wanted: Ec2Wish & { readonly sizeGib: number; readonly flavorId: string },
): boolean {
  const { ec2, status } = volume;
  // At its deadline it is begun anew by who asks again.
  if (ec2 === undefined || status === "error_extending" || !isModifying(volume)) return false;
  return (
    ec2.modification?.targetSizeGib === wanted.sizeGib &&
    ec2.flavorId === wanted.flavorId &&
    ec2.volumeType === wanted.volumeType &&
    ec2.iops === wanted.iops &&
    ec2.throughput === wanted.throughput
  );
}
