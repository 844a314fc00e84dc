import { BerthError } from "#shared/errors.ts";
import type { Flavor } from "#shared/model/catalogue.ts";
import { type Group, MAX_GROUP_MEMBERS } from "#shared/model/group.ts";
import type { Volume } from "#shared/model/volume.ts";
import { requireGroupAllows } from "./allowed.ts";
import type { CreateVolume } from "./commands.ts";
import { findGroup } from "./find.ts";
import { requireBackend } from "./jobs.ts";
import type { State } from "./state.ts";

/** Where a group's volumes are, and each further one must be; null: none is anywhere yet. */
export function backendOfGroup(state: State, groupId: string): number | null {
  for (const member of state.membersOf(groupId)) if (member.backendId !== null) return member.backendId;
  return null;
}

/** May a new volume be made in the group? Where it is placed is another matter. */
export function requirePlaceInGroup(
  state: State,
  request: Pick<CreateVolume, "groupId" | "projectId" | "zone">,
  flavor: Flavor,
): void {
  const group = findGroup(state, request.groupId ?? "", request.projectId);
  requireGroupAllows("add or remove volumes", group);
  requireFlavor(group, flavor.id, flavor.name);
  requireRoomInGroup(state, group);
  if (group.requestedZone !== null && request.zone !== null && group.requestedZone !== request.zone)
    throw new BerthError(
      "E_BAD_REQUEST",
      `group ${group.id} is in zone ${group.requestedZone}, not in ${request.zone}`,
    );
}

/** May a volume that stands become a member? */
export function requireJoins(state: State, group: Group, volume: Volume): void {
  const refuse = (why: string): never => {
    throw new BerthError("E_CONFLICT", `volume ${volume.id} cannot join group ${group.id}: ${why}`);
  };
  if (volume.projectId !== group.projectId) refuse(`it is of project ${volume.projectId}`);
  if (volume.groupId !== null) refuse(`it is in group ${volume.groupId}`);
  requireFlavor(group, volume.flavorId, state.flavor(volume)?.name ?? volume.flavorId);
  requireRoomInGroup(state, group);
  if (group.requestedZone !== null && volume.zone !== group.requestedZone)
    refuse(`it is in zone ${volume.zone}, and the group in zone ${group.requestedZone}`);
  const backend = requireBackend(state, volume.backendId ?? 0);
  const groupBackendId = backendOfGroup(state, group.id);
  if (groupBackendId !== null && groupBackendId !== backend.id)
    refuse(`it is on backend ${backend.name}, and the group's volumes are on ${state.backend(groupBackendId)?.name}`);
  const { measurement } = state.space.backend(backend.id);
  if (measurement !== null && !measurement.capabilities.includes("group-snapshot"))
    refuse(`backend ${backend.name} cannot take snapshots of several volumes at one instant (group-snapshot)`);
}

/** The volumes of a group that is being copied stay at rest: the copies are of one instant. */
export function refuseWhileGroupIsCopied(state: State, volumeId: string, action: string): void {
  for (const id of state.dependents(volumeId)) {
    const copy = state.get("volume", id);
    if (copy?.status !== "creating" || copy.groupId === null || copy.source.kind !== "volume") continue;
    throw new BerthError(
      "E_CONFLICT",
      `volume ${volumeId} is being copied with its group to group ${copy.groupId}: ${action} must wait until that is done`,
    );
  }
}

function requireFlavor(group: Group, flavorId: string, name: string): void {
  if (group.flavorIds.includes(flavorId)) return;
  throw new BerthError("E_BAD_REQUEST", `group ${group.id} has no volumes of flavor ${name}`);
}

function requireRoomInGroup(state: State, group: Group): void {
  if (state.membersOf(group.id).length < MAX_GROUP_MEMBERS) return;
  throw new BerthError("E_CONFLICT", `group ${group.id} has ${MAX_GROUP_MEMBERS} volumes, and can have no more`);
}
