import type { EventObject } from "#shared/events/event.ts";
import type { EventType, VolumeOperation } from "#shared/events/types.ts";
import type { Volume, VolumeStatus } from "#shared/model/volume.ts";
import { sameJson } from "#shared/same-json.ts";
import { type Reading, type Step, step, stepsBetween, type Work } from "./steps.ts";
import type { Told } from "./told.ts";

const WORK: Readonly<Partial<Record<VolumeStatus, Work<VolumeOperation>>>> = {
  creating: { operation: "create", late: false },
  extending: { operation: "resize", late: false },
  error_extending: { operation: "resize", late: true },
  reverting: { operation: "revert", late: false },
  error_reverting: { operation: "revert", late: true },
  deleting: { operation: "delete", late: false },
  error_deleting: { operation: "delete", late: true },
  managing: { operation: "manage", late: false },
  unmanaging: { operation: "unmanage", late: false },
  error_unmanaging: { operation: "unmanage", late: true },
};

const READING: Reading<Volume, VolumeOperation> = {
  // What was put aside has its work waiting for it.
  work: ({ status, aside, move }) =>
    move === null ? (WORK[aside?.status ?? status] ?? null) : { operation: move.kind, late: false },
  failed: ({ status, lastError }, operation) => {
    if (operation === "create") return status === "error";
    if (operation === "manage") return status === "error_managing";
    return lastError !== null;
  },
  removals: ["delete", "unmanage"],
};

/** The states of hosts are told of attachments, not of the volume. */
export function volumeEvents(before: Volume | null, after: Volume | null): Told[] {
  const record = after ?? before;
  if (record === null) return [];
  const steps = [...stepsBetween(before, after, READING), ...atOnce(before, after)];
  const types = [...steps.map(typed), ...facts(before, after)];
  return types.map((told) => ({ ...told, record, object: viewOf(record) }));
}

function typed({ operation, phase, error }: Step<VolumeOperation>): { type: EventType; error: Told["error"] } {
  return { type: `volume.${operation}.${phase}`, error };
}

/** What one decision did from beginning to end. */
function atOnce(before: Volume | null, after: Volume | null): Step<VolumeOperation>[] {
  if (before === null && after?.status === "error")
    return [step("create", "start"), { operation: "create", phase: "error", error: after.lastError }];
  if (before !== null && after === null) {
    const removing = READING.work(before)?.operation;
    if (removing !== "delete" && removing !== "unmanage") return [step("delete", "start"), step("delete", "end")];
  }
  if (before !== null && after !== null && before.move === null && after.move === null)
    if (before.flavorId !== after.flavorId) return [step("retype", "start"), step("retype", "end")];
  return [];
}

function facts(before: Volume | null, after: Volume | null): { type: EventType; error: null }[] {
  const types: EventType[] = [];
  if (after === null) return [];
  if (before === null) {
    if (after.status === "available") types.push("volume.adopt.end");
  } else {
    if (before.aside === undefined && after.aside !== undefined) types.push("volume.put_aside.end");
    if (before.aside !== undefined && after.aside === undefined) types.push("volume.put_back.end");
    if (before.held !== after.held || !sameJson(before.reset ?? null, after.reset ?? null))
      types.push("volume.reset_status.end");
    if (before.projectId !== after.projectId) types.push("volume.transfer_accept.end");
    if (isUpdated(before, after)) types.push("volume.update.end");
  }
  return types.map((type) => ({ type, error: null }));
}

function isUpdated(before: Volume, after: Volume): boolean {
  return (
    before.name !== after.name ||
    before.description !== after.description ||
    before.bootable !== after.bootable ||
    before.readOnly !== after.readOnly ||
    before.imageMetadata !== after.imageMetadata ||
    before.groupId !== after.groupId ||
    (before.metadata !== after.metadata && !sameJson(before.metadata, after.metadata))
  );
}

function viewOf(volume: Volume): EventObject {
  const { id, name, status, sizeGib, extendToGib, flavorId, zone, backendId, groupId, move } = volume;
  return {
    kind: "volume",
    ...{ id, name, status, sizeGib, flavorId, zone, backendId, groupId },
    ...(extendToGib === null ? {} : { newSizeGib: extendToGib }),
    ...(move === null || move.target === null ? {} : { toBackendId: move.toBackendId }),
    ...(move === null || move.toFlavorId === null ? {} : { toFlavorId: move.toFlavorId }),
  };
}
