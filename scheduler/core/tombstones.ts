import type { Claim } from "#shared/model/claim.ts";
import type { Group, GroupSnapshot } from "#shared/model/group.ts";
import type { Leftover, Tombstone } from "#shared/model/housekeeping.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Volume } from "#shared/model/volume.ts";
import type { Moment } from "./commands.ts";
import type { State } from "./state.ts";

/** The volume is gone from its backend: its record goes, a tombstone stays. */
export function buryVolume(state: State, volume: Volume, moment: Moment): void {
  state.remove("volume", volume.id);
  const lostOn = volume.reset?.backendId ?? null;
  if (volume.backendId === null && lostOn !== null) {
    // It may be found there yet, or a late call may make it: now that it is deleted, the sweep removes it.
    bury(state, "volume", volume, lostOn, [], volume.placementRound, moment);
    return;
  }
  if (volume.backendId === null || volume.claim === null) {
    state.forgetPlacements(volume.id, volume.placementRound + 1);
    state.forgetHistory(volume.id, volume.historyCount);
    return;
  }
  const claims = [volume.claim, ...volume.growth];
  bury(state, "volume", volume, volume.backendId, claims, volume.placementRound, moment);
}

export function burySnapshot(state: State, snapshot: Snapshot, moment: Moment): void {
  state.remove("snapshot", snapshot.id);
  bury(state, "snapshot", snapshot, snapshot.backendId, [snapshot.claim], 0, moment);
}

/** The snapshots go with it. */
export function buryGroupSnapshot(state: State, taken: GroupSnapshot, moment: Moment): void {
  for (const snapshot of state.snapshotsOfGroup(taken.id)) burySnapshot(state, snapshot, moment);
  state.remove("group-snapshot", taken.id);
  bury(state, "group-snapshot", taken, taken.backendId, [], 0, moment);
}

/** It was nowhere itself; its tombstone is for its history. */
export function buryGroup(state: State, group: Group, moment: Moment): void {
  state.remove("group", group.id);
  bury(state, "group", group, null, [], 0, moment);
}

export function buryLeftover(state: State, leftover: Leftover, moment: Moment): void {
  state.remove("leftover", leftover.id);
  bury(state, "leftover", { id: leftover.id, historyCount: 0 }, leftover.backendId, [leftover.claim], 0, moment);
}

/**
 * A claim outlives its object until a report has seen what became of it: one that was never settled counts until a
 * report from after this commit. What a report had already counted as used is free only by the next report anyway.
 */
function bury(
  state: State,
  kind: Tombstone["kind"],
  { id, historyCount }: Pick<Volume, "id" | "historyCount">,
  backendId: number | null,
  claims: readonly Claim[],
  placementRounds: number,
  moment: Moment,
): void {
  const asOf = backendId === null ? 0 : state.space.backend(backendId).asOf;
  const open = claims
    .map((claim) => ({ ...claim, settledSeq: claim.settledSeq ?? moment.seq }))
    .filter((claim) => claim.settledSeq > asOf);
  state.put("tombstone", {
    id,
    kind,
    backendId,
    claims: open,
    placementRounds,
    historyCount,
    deletedAtMs: moment.nowMs,
  });
}
