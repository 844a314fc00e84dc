import { BerthError } from "#shared/errors.ts";
import type { Backend, Flavor } from "#shared/model/catalogue.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import type { Volume } from "#shared/model/volume.ts";
import { bytesToGib, gibToBytes, MAX_VOLUME_GIB } from "#shared/units.ts";
import { requireVolumeAllows } from "./allowed.ts";
import { buriedObject } from "./audit.ts";
import type { Commands, ManageVolume, Moment } from "./commands.ts";
import { refuseDependents } from "./dependents.ts";
import { encryptionOf } from "./encryption.ts";
import { currentJob, findVolume } from "./find.ts";
import { requireRoom } from "./fixed-placement.ts";
import { jobId, kickJob, requireBackend, startJob } from "./jobs.ts";
import { newVolume } from "./new-volume.ts";
import { requireQuota, requireVolumeSize } from "./quotas.ts";
import { ownerMark, volumeRef } from "./refs.ts";
import { costsFor } from "./reported.ts";
import { requireAllowedOn } from "./sides.ts";
import type { State } from "./state.ts";
import { resolveFlavor } from "./volume-request.ts";

/**
 * Takes over what another made on a backend, as an agent saw it a moment ago. It has no choice of backend, but must be
 * where its flavor could have placed it, within the quota and with room for what it does not take yet. The record is the
 * reservation; the job finds out whether it is still what was seen.
 */
export function manageVolume(state: State, request: ManageVolume, moment: Moment): Volume {
  const { found, backendId } = request;
  const backend = state.backend(backendId);
  if (backend === undefined) throw new BerthError("E_NOT_FOUND", `there is no backend ${backendId} in the catalogue`);
  if (state.get("volume", request.id) !== undefined)
    throw new BerthError("E_CONFLICT", `volume ${request.id} exists already`);
  const flavor = resolveFlavor(state, request.flavor, request.projectId);
  if (flavor.encryption !== undefined)
    throw new BerthError(
      "E_BAD_REQUEST",
      "Invalid volume type: Managing to an encrypted volume type is not supported.",
    );
  requirePlace(state, flavor, backend, request.zone);
  const holder = holderOf(state, backend.id, found.reference);
  if (holder !== null)
    throw new BerthError(
      "E_BAD_REQUEST",
      `Unable to manage existing volume. Volume ${found.reference} already managed: it is ${holder}.`,
    );
  const foundBytes = requireManageable(request);
  // As the field has it: sizes are whole GiB, and nothing of it may be beyond its end.
  const sizeGib = Math.ceil(bytesToGib(foundBytes));
  if (sizeGib > MAX_VOLUME_GIB)
    throw new BerthError(
      "E_BAD_REQUEST",
      `${found.reference} has ${sizeGib} GiB; at most ${MAX_VOLUME_GIB} are allowed`,
    );
  requireVolumeSize(state, request.projectId, sizeGib);
  requireQuota(state, request.projectId, flavor, { volumes: 1, snapshots: 0, gib: sizeGib });
  const claim = claimFor(state, flavor, backend, gibToBytes(sizeGib), found.countedBytes, moment);
  const { id, projectId, userId, name, description, metadata, requestId } = request;
  const volume = newVolume({
    ...{ id, projectId, userId, name, description, metadata, requestId },
    sizeGib,
    flavorId: flavor.id,
    requestedZone: request.zone,
    zone: backend.zone,
    status: "managing",
    backendId: backend.id,
    claim,
    bootable: request.bootable,
    multiattach: state.catalogue.terms(flavor).multiattach,
    takenFrom: found.reference,
    jobCount: 1,
    requestedBy: userId,
    createdAtMs: moment.nowMs,
    updatedAtMs: moment.nowMs,
  });
  state.put("volume", volume);
  const { reference, identity } = found;
  startJob(
    state,
    {
      id: jobId(volume.id, 1),
      owner: { kind: "volume", id: volume.id },
      operation: {
        kind: "volume.manage",
        volume: volumeRef(volume, state.catalogue.terms(flavor).specOf(sizeGib)),
        mark: ownerMark(volume, flavor.name),
        reference,
        identity,
        foundBytes,
      },
      backend,
      requestId: request.requestId,
      userId: request.userId,
      deadlineMs: moment.nowMs + state.settings.operationDeadlineMs,
    },
    moment,
  );
  return volume;
}

/** The rules of placing, for the one backend that there is to choose. */
function requirePlace(state: State, flavor: Flavor, backend: Backend, zone: string | null): void {
  if (!state.catalogue.candidates(flavor).some(({ id }) => id === backend.id))
    throw new BerthError("E_BAD_REQUEST", `flavor ${flavor.name} does not stand on backend ${backend.name}`);
  if (zone !== null && zone !== backend.zone)
    throw new BerthError("E_BAD_REQUEST", `backend ${backend.name} is in zone ${backend.zone}, not in ${zone}`);
}

/** Who has it, or is about to: a name like ours may be a record's. null: nobody. */
export function holderOf(state: State, backendId: number, reference: string): string | null {
  const [, kind, id = ""] = /^(volume|snapshot)-([0-9a-f-]{36})$/.exec(reference) ?? [];
  const record = kind === undefined ? undefined : (state.get("volume", id) ?? state.get("snapshot", id));
  if (record?.backendId === backendId) return `${kind} ${id}`;
  for (const job of state.table("job").values()) {
    const { operation } = job;
    if (operation.kind !== "volume.manage" && operation.kind !== "volume.unmanage") continue;
    if (job.backendId === backendId && operation.reference === reference)
      return `${operation.kind === "volume.manage" ? "being managed as" : "being let go of by"} volume ${operation.volume.id}`;
  }
  return null;
}

function requireManageable({ found: { reference, sizeBytes, whyNot } }: ManageVolume): number {
  if (whyNot === null && sizeBytes !== null && sizeBytes > 0) return sizeBytes;
  throw new BerthError(
    "E_BAD_REQUEST",
    `Manage existing volume failed due to invalid backend reference ${JSON.stringify(reference)}: ${whyNot ?? "its size cannot be told"}.`,
  );
}

/** What of it stands in the reports already is not claimed again. */
function claimFor(
  state: State,
  flavor: Flavor,
  backend: Backend,
  sizeBytes: number,
  countedBytes: number,
  { nowMs }: Moment,
): NonNullable<Volume["claim"]> {
  const newBytes = Math.max(0, sizeBytes - countedBytes);
  const terms = state.catalogue.terms(flavor);
  const { physicalBytes } = requireRoom(
    state,
    backend,
    {
      capability: "manage",
      action: "new volumes, manage",
      terms,
      needOf: (measured) => ({
        virtualBytes: sizeBytes,
        physicalBytes: (costsFor(measured, terms.provisioning) ?? measured.costs).volume === "full" ? newBytes : 0,
        object: true,
        countedBytes,
        maxOverSubscriptionRatio: terms.maxOverSubscriptionRatio,
      }),
    },
    nowMs,
  );
  return { virtualBytes: newBytes, physicalBytes, settledSeq: null };
}

/** Lets go of a volume: nothing may depend on it. Repeated, it is one. */
export function unmanageVolume(state: State, input: Commands["volume.unmanage"]["input"], moment: Moment): Volume {
  const volume = findVolume(state, input.id, input.scope);
  if (volume.status === "unmanaging") return volume;
  requireVolumeAllows("unmanage", volume);
  const deadlineMs = moment.nowMs + state.settings.operationDeadlineMs;
  const job = currentJob(state, volume);
  if (job?.operation.kind === "volume.unmanage") {
    const again: Volume = { ...volume, status: "unmanaging", updatedAtMs: moment.nowMs };
    state.put("volume", again);
    kickJob(state, job, deadlineMs, moment);
    return again;
  }
  if (encryptionOf(state, volume) !== undefined)
    throw new BerthError("E_BAD_REQUEST", "Unmanaging encrypted volumes is not supported.");
  if (volume.groupId !== null)
    throw new BerthError(
      "E_WRONG_STATE",
      `volume ${volume.id} belongs to group ${volume.groupId}: remove it from the group first`,
      { details: { group: volume.groupId } },
    );
  if (volume.parent !== null)
    throw new BerthError(
      "E_CONFLICT",
      `volume ${volume.id} is a copy that needs its original: nobody would know of that`,
      {
        details: { parent: volume.parent },
      },
    );
  refuseDependents(state, `volume ${volume.id}`, state.dependents(volume.id));
  const backend = requireBackend(state, volume.backendId ?? 0);
  requireAllowedOn(state, "delete, unmanage, retype", backend);
  requireCapability(state, backend);
  const { requestId, userId } = input;
  const unmanaging: Volume = {
    ...volume,
    status: "unmanaging",
    jobCount: volume.jobCount + 1,
    requestId,
    requestedBy: userId,
    updatedAtMs: moment.nowMs,
  };
  state.put("volume", unmanaging);
  startJob(
    state,
    {
      id: jobId(volume.id, unmanaging.jobCount),
      owner: { kind: "volume", id: volume.id },
      operation: { kind: "volume.unmanage", volume: volumeRef(volume), reference: unmanagedName(volume.id) },
      backend,
      requestId,
      userId,
      deadlineMs,
    },
    moment,
  );
  return unmanaging;
}

/** Letting go takes no room, so that it is done on a full backend and on one that is drained. */
function requireCapability(state: State, backend: Backend): void {
  const { measurement } = state.space.backend(backend.id);
  if (measurement === null)
    throw new BerthError("E_UNAVAILABLE", `backend ${backend.name} cannot be asked now (no-report)`);
  if (!measurement.capabilities.includes("manage"))
    throw new BerthError("E_CONFLICT", `backend ${backend.name} cannot do this (manage)`);
}

/** Derived from the id, so that a job that is done again gives the same name; and not one of ours. */
export function unmanagedName(volumeId: string): string {
  return `unmanaged-${volumeId}`;
}

/**
 * Under which name something is let go that stands on a backend without a record, because it may be another's: a late call
 * took it over after all. null: it is ours, and can be removed.
 */
export function nameToGiveBack(
  state: State,
  backendId: number,
  { kind, id }: Pick<ListedObject, "kind" | "id">,
  moment: Moment,
): string | null {
  if (kind !== "volume") return null;
  const record = state.get("volume", id);
  if (record?.status === "error_managing") return record.takenFrom ?? null;
  for (const tombstone of state.table("tombstone").values())
    if (tombstone.letGo !== undefined && tombstone.backendId === backendId && buriedObject(tombstone) === id)
      return tombstone.letGo ?? `${unmanagedName(id)}-${moment.seq}`;
  return null;
}
