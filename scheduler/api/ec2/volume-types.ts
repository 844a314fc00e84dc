import type { Ec2Wish } from "#shared/model/ec2.ts";
import type { Volume } from "#shared/model/volume.ts";
import type { State } from "../../core/state.ts";
import { isOpenTo } from "../../core/volume-request.ts";
import { Ec2Refusal } from "./refusal.ts";

/** Amazon's types, and which of what else may be said of them each takes. */
const KNOWN_TYPES: Readonly<
  Record<string, { readonly iops: "no" | "may" | "must"; readonly throughput: "no" | "may" }>
> = {
  standard: { iops: "no", throughput: "no" },
  gp2: { iops: "no", throughput: "no" },
  gp3: { iops: "may", throughput: "may" },
  io1: { iops: "must", throughput: "no" },
  io2: { iops: "must", throughput: "no" },
  st1: { iops: "no", throughput: "no" },
  sc1: { iops: "no", throughput: "no" },
};
export const DEFAULT_TYPE = "gp2";

/**
 * The flavor that a type means: the one of its name, else the one that the catalogue says, else (for Amazon's types)
 * that of what it is asked of, else the project's default (null). Throws InvalidParameterValue.
 */
export function flavorOfType(
  state: State,
  volumeType: string,
  projectId: string,
  of: Pick<Volume, "flavorId"> | null = null,
): string | null {
  const { ec2VolumeTypes = {} } = state.catalogue.catalogue;
  const named = Object.hasOwn(ec2VolumeTypes, volumeType) ? ec2VolumeTypes[volumeType] : volumeType;
  const flavor = state.catalogue.flavor(volumeType) ?? state.catalogue.flavor(named ?? "");
  if (flavor !== undefined && isOpenTo(flavor, projectId)) return flavor.id;
  if (Object.hasOwn(KNOWN_TYPES, volumeType)) return of?.flavorId ?? null;
  throw new Ec2Refusal("InvalidParameterValue", `Invalid volume type: ${volumeType.slice(0, 64)}`);
}

/** A flavor of the operator's own takes both, and they mean nothing. Throws InvalidParameterCombination, MissingParameter. */
export function requireFitting({ volumeType, iops, throughput }: Ec2Wish, isNew: boolean): Ec2Wish {
  const takes = Object.hasOwn(KNOWN_TYPES, volumeType) ? KNOWN_TYPES[volumeType] : undefined;
  if (isNew && takes?.iops === "must" && iops === null)
    throw new Ec2Refusal("MissingParameter", `The parameter iops must be specified for ${volumeType} volumes.`);
  if (takes?.iops === "no" && iops !== null) throw unfitting("iops", volumeType);
  if (takes?.throughput === "no" && throughput !== null) throw unfitting("throughput", volumeType);
  return { volumeType, iops, throughput };
}

function unfitting(name: string, volumeType: string): Ec2Refusal {
  return new Ec2Refusal(
    "InvalidParameterCombination",
    `The parameter ${name} is not supported for ${volumeType} volumes.`,
  );
}
