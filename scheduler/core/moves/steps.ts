import { BerthError } from "#shared/errors.ts";
import type { VolumeSpec } from "#shared/model/extra-specs.ts";
import type { Copier, MovePhase, MoveTarget, VolumeMove } from "#shared/model/move.ts";
import type { Operation, VolumeRef } from "#shared/model/operation.ts";
import type { Volume } from "#shared/model/volume.ts";
import type { Moment } from "../commands.ts";
import { jobId, requireBackend, startJob } from "../jobs.ts";
import { ownerMark, volumeRef } from "../refs.ts";
import type { State } from "../state.ts";

/** The first step. The record with its move is the reservation at both ends. */
export function beginMove(state: State, volume: Volume, move: VolumeMove, moment: Moment): Volume {
  const { requestId, requestedBy } = move;
  const status = move.kind === "migrate" ? "maintenance" : "retyping";
  const { migrated: _before, ...rest } = volume;
  return startStep(state, { ...rest, status, lastError: null, requestId, requestedBy }, move, moment);
}

/** The step that its phase names, as a job of the volume. */
export function startStep(state: State, volume: Volume, move: VolumeMove, moment: Moment): Volume {
  const { operation, backendId, host = null } = stepOf(state, volume, move);
  const moving: Volume = { ...volume, move, jobCount: volume.jobCount + 1, updatedAtMs: moment.nowMs };
  state.put("volume", moving);
  startJob(
    state,
    {
      id: stepJobId(moving, move),
      owner: { kind: "volume", id: volume.id },
      operation,
      backend: requireBackend(state, backendId),
      host,
      requestId: move.requestId,
      userId: move.requestedBy,
      deadlineMs: moment.nowMs + state.settings.operationDeadlineMs,
    },
    moment,
  );
  return moving;
}

/** The connection's job is the attachment's from the beginning, so that it can be handed over to one. */
export function stepJobId(volume: Volume, { phase, copier }: VolumeMove): string {
  return phase === "connecting" && copier !== null ? jobId(copier.attachmentId, 1) : jobId(volume.id, volume.jobCount);
}

/** What comes after the object was made at the destination, and after the source is reachable. */
export function phaseAfter({ phase, copier }: VolumeMove): MovePhase {
  return phase === "making" && copier?.fromAfar === true ? "connecting" : "copying";
}

export function targetRef(volume: Volume, { id, providerId, properties }: MoveTarget, spec?: VolumeSpec): VolumeRef {
  return volumeRef({ ...volume, nameId: id, providerId, properties }, spec);
}

interface Step {
  readonly operation: Operation;
  readonly backendId: number;
  readonly host?: string | null;
}

function stepOf(state: State, volume: Volume, move: VolumeMove): Step {
  const { phase, target, toBackendId, copier } = move;
  const fromBackendId = volume.backendId ?? 0;
  const flavor = move.toFlavorId === null ? state.flavor(volume) : state.catalogue.flavorById(move.toFlavorId);
  const spec = state.catalogue.terms(flavor).specOf(volume.sizeGib);
  const markOf = (nameId: string | null) => ownerMark({ ...volume, nameId }, flavor?.name ?? "");
  if (target === null) {
    const operation = { kind: "volume.retype", volume: volumeRef(volume, spec), mark: markOf(volume.nameId) } as const;
    return { operation, backendId: fromBackendId };
  }
  const into = targetRef(volume, target);
  if (phase === "migrating") {
    const mark = markOf(target.id);
    const operation = { kind: "volume.migrate", volume: volumeRef(volume), target: into, toBackendId, mark } as const;
    return { operation, backendId: fromBackendId };
  }
  if (phase === "making")
    return {
      operation: { kind: "volume.create", volume: targetRef(volume, target, spec), mark: markOf(target.id) },
      backendId: toBackendId,
    };
  if (copier === null) throw new BerthError("E_INTERNAL", `nobody copies volume ${volume.id}`);
  if (phase === "connecting") {
    const { attachmentId, connector, chap } = copier;
    const operation = {
      kind: "attachment.connect",
      attachmentId,
      volume: volumeRef(volume),
      connector,
      chap,
      access: "rw",
    } as const;
    return { operation, backendId: fromBackendId };
  }
  return copyStep(state, volume, move, copier, into);
}

function copyStep(state: State, volume: Volume, move: VolumeMove, copier: Copier, into: VolumeRef): Step {
  const { toBackendId, bandwidthLimitBytesPerS } = move;
  const { connector, chap, info } = copier;
  const from = requireBackend(state, volume.backendId ?? 0);
  const copy = { kind: "volume.copy", volume: into, connector, chap, bandwidthLimitBytesPerS } as const;
  if (info !== null) return { operation: { ...copy, source: { kind: "connection", info } }, backendId: toBackendId };
  const source = { kind: "local", backendId: from.id, volume: volumeRef(volume) } as const;
  return { operation: { ...copy, source }, backendId: toBackendId, host: from.host };
}
