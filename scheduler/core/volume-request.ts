import { BerthError } from "#shared/errors.ts";
import type { Flavor } from "#shared/model/catalogue.ts";
import { requireSnapshotAllows, requireVolumeAllows } from "./allowed.ts";
import type { DryRunVolume } from "./commands.ts";
import { requireEncryptable, requireSameEncryption } from "./encryption.ts";
import { findSnapshot, findVolume } from "./find.ts";
import type { State } from "./state.ts";

export interface ResolvedRequest {
  readonly flavor: Flavor;
  readonly sizeGib: number;
}

/** What a request leaves open is taken from its source and the catalogue; what it names must be there. */
export function resolveRequest(state: State, request: DryRunVolume): ResolvedRequest {
  const source = resolveSource(state, request);
  const sizeGib = request.sizeGib ?? source?.sizeGib;
  if (sizeGib === undefined) throw new BerthError("E_BAD_REQUEST", "a size in GiB is needed");
  if (source !== null && sizeGib < source.sizeGib)
    throw new BerthError(
      "E_BAD_REQUEST",
      `the size, ${sizeGib} GiB, is less than that of its source, ${source.sizeGib} GiB`,
    );
  if (request.zone !== null && state.catalogue.zone(request.zone) === undefined) {
    const known = state.catalogue.catalogue.zones.map((zone) => zone.name);
    throw new BerthError(
      "E_BAD_REQUEST",
      `there is no zone ${JSON.stringify(request.zone)}; zones are: ${known.join(", ") || "none yet"}`,
    );
  }
  const flavor = resolveFlavor(state, request.flavor ?? source?.flavorId ?? null, request.projectId);
  requireEncryptable(state, flavor);
  if (source !== null) requireSameEncryption(state.catalogue.flavorById(source.flavorId), flavor);
  const { zones } = state.catalogue.terms(flavor);
  if (request.zone !== null && zones !== null && !zones.has(request.zone))
    throw new BerthError(
      "E_BAD_REQUEST",
      `flavor ${flavor.name} is not to be had in zone ${request.zone}, only in ${[...zones].join(", ")}`,
    );
  return { flavor, sizeGib };
}

/** Is it one of those that this project may use? */
export function isOpenTo(flavor: Flavor, projectId: string): boolean {
  return flavor.projects === undefined || flavor.projects.includes(projectId);
}

/** A flavor of others is as if it were not there. */
export function resolveFlavor(state: State, wanted: string | null, projectId: string): Flavor {
  const { catalogue } = state.catalogue;
  const name = wanted ?? state.catalogue.defaultFlavor(projectId);
  if (name === null) throw new BerthError("E_BAD_REQUEST", "a flavor is needed: the catalogue names no default");
  const flavor = state.catalogue.flavor(name);
  if (flavor !== undefined && isOpenTo(flavor, projectId)) return flavor;
  const open = catalogue.flavors.filter((other) => isOpenTo(other, projectId));
  const known = open.slice(0, 20).map((other) => other.name);
  throw new BerthError(
    "E_NOT_FOUND",
    `Volume type ${JSON.stringify(name)} could not be found; flavors are: ${known.join(", ") || "none yet"}.`,
  );
}

interface Source {
  readonly sizeGib: number;
  readonly flavorId: string;
}

function resolveSource(state: State, { source, projectId }: DryRunVolume): Source | null {
  if (source.kind === "blank") return null;
  if (source.kind === "snapshot") {
    const snapshot = findSnapshot(state, source.snapshotId, projectId);
    requireSnapshotAllows("copy", snapshot);
    const { flavorId } = findVolume(state, snapshot.volumeId, null);
    return { sizeGib: snapshot.sizeGib, flavorId };
  }
  const volume = findVolume(state, source.volumeId, projectId);
  requireVolumeAllows("clone", volume);
  return volume;
}
