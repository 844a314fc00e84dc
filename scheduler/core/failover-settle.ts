import type { BackendState } from "#shared/model/backend-state.ts";
import type { Job } from "#shared/model/job.ts";
import { type Side, sideName } from "#shared/model/replication.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Volume } from "#shared/model/volume.ts";
import { gibToBytes } from "#shared/units.ts";
import { connectOperation, isLetIn, startAttachmentJob, statusFrom } from "./attachments.ts";
import type { Commands, Moment } from "./commands.ts";
import { abandonMoves, isMovedByStorage } from "./failover-moves.ts";
import { currentJob, lastError } from "./find.ts";
import { told } from "./history.ts";
import { dispatchReady, endJob } from "./jobs.ts";
import { leaveBehind } from "./leftovers.ts";
import { placeVolume } from "./place-volume.ts";
import { objectIdOf, volumeRef } from "./refs.ts";
import { volumeIdOf } from "./sides.ts";
import type { State } from "./state.ts";
import { retryWaiting } from "./tick.ts";

interface Switch {
  readonly backendId: number;
  readonly from: Side;
  readonly to: Side;
  readonly userId: string;
  readonly requestId: string;
  readonly startedAtMs: number;
  /** What stands whole on the new side, by `kind id`, with its bytes. */
  readonly standing: ReadonlyMap<string, number>;
}

/**
 * A side has taken over, and this is what stands there. In one commit the side is in force and every volume has become
 * something: usable there, or in `error` with the state that it has again when its own side is back.
 */
export function settleFailover(state: State, input: Commands["backend.listed"]["input"], moment: Moment): undefined {
  const record = [...state.table("backend-state").values()].find(({ backendId }) => backendId === input.backendId);
  // A listing that was asked for before the last change says nothing now.
  if (record?.failover?.phase !== "looking" || record.changedSeq !== input.token) return;
  const { to, userId, requestId, startedAtMs } = record.failover;
  const { backendId, side: from } = record;
  const standing = new Map<string, number>();
  for (const { kind, id, whole, sizeBytes } of input.objects) if (whole) standing.set(`${kind} ${id}`, sizeBytes ?? 0);
  const change: Switch = { backendId, from, to, userId, requestId, startedAtMs, standing };
  abandonMoves(state, backendId, to, moment);
  state.put("backend-state", inForce(state, record, change, moment));
  const users = state.users(backendId).map((key) => key.split(" "));
  for (const [kind, id = ""] of users) {
    const volume = kind === "volume" ? state.get("volume", id) : undefined;
    // What was to move here stands elsewhere.
    if (volume?.backendId === backendId) settleVolume(state, volume, change, moment);
  }
  for (const [kind, id = ""] of users) {
    const snapshot = kind === "snapshot" ? state.get("snapshot", id) : undefined;
    if (snapshot !== undefined) settleSnapshot(state, snapshot, change, moment);
  }
  for (const job of [...state.queues.of(backendId).waiting()]) relabel(state, job, change, moment);
  dispatchReady(state, backendId, moment);
  retryWaiting(state, moment);
}

function inForce(state: State, record: BackendState, change: Switch, moment: Moment): BackendState {
  const { to, userId, requestId, startedAtMs, backendId } = change;
  const ended = { operation: "backend.failover", userId, requestId, backendId, startedAtMs };
  return {
    ...told(state, record, { ...ended, detail: `to ${sideName(to)}` }, moment),
    side: to,
    failover: null,
    changedSeq: moment.seq,
    lastError: null,
  };
}

function settleVolume(state: State, volume: Volume, change: Switch, moment: Moment): void {
  const { to } = change;
  const { status, aside } = volume;
  if (HOLDS_NOTHING.has(status) || (status === "error" && aside === undefined)) return;
  const replicated = volume.replicationStatus !== undefined;
  if (status === "creating") {
    // Its job goes on there, where a volume may be made that is to be on that side.
    if (to !== null && !replicated) placeElsewhere(state, volume, change, moment);
    return;
  }
  if (followsItsJob(state, volume) ? to === (aside === undefined ? change.from : aside.side) : isUsable(volume, change))
    liveOn(state, volume, change, moment);
  else putAside(state, volume, change, moment);
}

/** Whatever stands, it is for its job to end it, or nothing of it stands. */
const HOLDS_NOTHING: ReadonlySet<string> = new Set(["deleting", "error_deleting", "error_managing"]);
const OF_ITS_SIDE: ReadonlySet<string> = new Set(["managing", "unmanaging", "error_unmanaging"]);

/**
 * Only the side that its job was begun on can tell what stands of it: what is being taken over or let go of, or moved by the
 * storage system, may stand under either name.
 */
function followsItsJob(state: State, volume: Volume): boolean {
  return OF_ITS_SIDE.has(volume.aside?.status ?? volume.status) || isMovedByStorage(state, volume);
}

/**
 * What a target holds in another size than recorded was grown since it was last mirrored: its bytes are old ones (found by
 * the simulation). While it is being grown it may have either.
 */
function isUsable(volume: Volume, { to, standing }: Switch): boolean {
  const { sizeGib, extendToGib, aside, replicationStatus } = volume;
  // One that was moved here has another name than its own.
  const bytes = standing.get(`volume ${objectIdOf(volume)}`);
  if (bytes === undefined || to === null) return bytes !== undefined;
  if (replicationStatus === undefined) return false;
  const mayHave = [sizeGib, extendToGib ?? sizeGib].map((gib) => gibToBytes(gib));
  return mayHave.includes(bytes) && (aside === undefined || aside.side === to || aside.status !== "extending");
}

function liveOn(state: State, volume: Volume, change: Switch, moment: Moment): void {
  const { aside, ...rest } = toldSwitch(state, volume, change, null, moment);
  const restored = aside?.side === change.to;
  const live: Volume = {
    ...rest,
    ...(volume.replicationStatus === undefined
      ? {}
      : { replicationStatus: change.to === null ? "enabled" : "failed-over" }),
    status: aside?.status ?? volume.status,
    lastError: aside === undefined ? volume.lastError : null,
    updatedAtMs: moment.nowMs,
  };
  state.put("volume", live);
  // What hosts had on the other side is void: they are let in anew, and hear of it when they ask again.
  if (!restored && change.from !== change.to) reconnect(state, live, moment);
  const attachments = state.attachmentsOf(volume.id);
  if (["available", "reserved", "attaching", "in-use", "detaching"].includes(live.status))
    state.put("volume", { ...live, status: statusFrom(attachments) });
}

function reconnect(state: State, volume: Volume, moment: Moment): void {
  if (volume.chap === null) return;
  for (const attachment of state.attachmentsOf(volume.id)) {
    const { connector, status } = attachment;
    if (connector === null || !isLetIn(attachment) || currentJob(state, attachment) !== undefined) continue;
    const again = {
      ...attachment,
      status: "attaching" as const,
      // Who said once that it attached is not asked again.
      awaitsCompletion: attachment.awaitsCompletion && status === "connected",
      connectionInfo: null,
      jobCount: attachment.jobCount + 1,
      updatedAtMs: moment.nowMs,
    };
    state.put("attachment", again);
    startAttachmentJob(state, again, connectOperation(state, again, connector, volume.chap), moment);
  }
}

function putAside(state: State, volume: Volume, change: Switch, moment: Moment): void {
  const error = { code: "E_BACKEND_FAILED", message: whyAside(volume, change) };
  const replicated = volume.replicationStatus === undefined ? {} : { replicationStatus: "error" as const };
  state.put("volume", {
    ...toldSwitch(state, volume, change, error, moment),
    ...replicated,
    status: "error",
    aside: volume.aside ?? { side: change.from, status: volume.status },
    lastError: lastError(error, moment),
    updatedAtMs: moment.nowMs,
  });
}

function whyAside({ aside, replicationStatus }: Volume, { from, to }: Switch): string {
  if (aside !== undefined && aside.side === to) return `it does not stand on ${sideName(to)} any more`;
  const there = sideName(aside === undefined ? from : aside.side);
  return replicationStatus === undefined
    ? `it is not replicated: it stands on ${there} only, and its backend is on ${sideName(to)}`
    : `it is not on ${sideName(to)}, to which its backend went: it stands on ${there}`;
}

function toldSwitch(
  state: State,
  volume: Volume,
  { to, userId, requestId, backendId, startedAtMs }: Switch,
  error: { readonly code: string; readonly message: string } | null,
  moment: Moment,
): Volume {
  const ended = { operation: "backend.failover", userId, requestId, backendId, startedAtMs };
  return told(state, volume, { ...ended, detail: `to ${sideName(to)}`, error }, moment);
}

/** It was to be made on the side that is gone: what it may have left there is removed when that is back. */
function placeElsewhere(state: State, volume: Volume, { backendId, from }: Switch, moment: Moment): void {
  const job = currentJob(state, volume);
  if (job === undefined || volume.claim === null) return;
  endJob(state, job, moment);
  if (job.attempt > 1)
    leaveBehind(
      state,
      {
        snapshot: null,
        volume: volumeRef(volume),
        backendId,
        claim: volume.claim,
        reason: "its backend was failed over while it was made",
      },
      job.requestId,
      moment,
      from,
    );
  const unplaced: Volume = {
    ...volume,
    backendId: null,
    zone: null,
    claim: null,
    triedBackendIds: [...volume.triedBackendIds, backendId],
    placementDeadlineMs: moment.nowMs + state.settings.placementDeadlineMs,
  };
  placeVolume(state, unplaced, moment);
}

function settleSnapshot(state: State, snapshot: Snapshot, change: Switch, moment: Moment): void {
  const { to, from, standing } = change;
  const volume = state.get("volume", snapshot.volumeId);
  const there = standing.has(`snapshot ${snapshot.id}`) && volume !== undefined && volume.aside === undefined;
  if (there && snapshot.aside !== undefined) {
    const { aside: _, ...rest } = snapshot;
    state.put("snapshot", { ...rest, status: "available", lastError: null, updatedAtMs: moment.nowMs });
  } else if (!there && snapshot.aside === undefined && snapshot.status === "available") {
    const message = `it is not on ${sideName(to)}, to which its backend went: it stands on ${sideName(from)}`;
    state.put("snapshot", {
      ...snapshot,
      status: "error",
      aside: { side: from },
      lastError: lastError({ code: "E_BACKEND_FAILED", message }, moment),
      updatedAtMs: moment.nowMs,
    });
  }
}

/** Work that waited follows its object: to the new side, or it waits on until its own is back. */
function relabel(state: State, job: Job, change: Switch, moment: Moment): void {
  if (job.operation.kind === "backend.failover") return;
  const { to } = change;
  const volume = state.volumeOfObject(volumeIdOf(job.operation));
  const snapshot =
    "snapshot" in job.operation && job.operation.snapshot !== null
      ? state.get("snapshot", job.operation.snapshot.id)
      : undefined;
  const aside = snapshot?.aside ?? volume?.aside;
  const isSet = volume?.status === "error" && job.owner.kind === "volume";
  if (aside !== undefined && aside.side !== to) {
    state.put("job", { ...job, side: aside.side, deadlineMs: isSet ? null : job.deadlineMs });
    return;
  }
  // Of what is not replicated, removals wait; so do those of what failed creates left there. Back home all is there.
  const isHome = volume !== undefined && volume.replicationStatus === undefined;
  if (to !== null && (isHome || job.owner.kind === "leftover")) return;
  // Nobody waits for what had no deadline, but for a volume's that had none while it was put aside.
  const isAwaited = job.deadlineMs !== null || job.owner.kind === "volume";
  const deadlineMs = isAwaited ? moment.nowMs + state.settings.operationDeadlineMs : null;
  const attempt = job.attempt === 1 ? 1 : job.attempt + 1;
  state.put("job", { ...job, side: to, attempt, deadlineMs, notBeforeMs: moment.nowMs });
}
