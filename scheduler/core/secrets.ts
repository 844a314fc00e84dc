import type { Chap } from "#shared/model/chap.ts";
import { keyIdOf } from "#shared/sealed.ts";
import type { Commands } from "./commands.ts";
import type { State } from "./state.ts";

export interface SealedRecord {
  /** `move`: of the agent which copies the volume, or the storage system's own for it. */
  readonly kind: "volume" | "snapshot" | "attachment" | "job" | "move";
  readonly id: string;
  readonly sealedSecret: string;
  /** A job in hand echoes what it was given: it keeps it until it is through. */
  readonly inHand: boolean;
}

/** Every sealed secret of the records. */
export function* sealedRecords(state: State): Iterable<SealedRecord> {
  for (const kind of ["volume", "snapshot"] as const)
    for (const { id, chap } of state.table(kind).values())
      if (chap !== null) yield { kind, id, sealedSecret: chap.sealedSecret, inHand: false };
  for (const id of state.moving) {
    const { chap, info } = state.get("volume", id)?.move?.copier ?? {};
    for (const one of [chap, info?.chap])
      if (one !== undefined) yield { kind: "move", id, sealedSecret: one.sealedSecret, inHand: false };
  }
  for (const { id, connectionInfo } of state.table("attachment").values())
    if (connectionInfo?.chap !== undefined)
      yield { kind: "attachment", id, sealedSecret: connectionInfo.chap.sealedSecret, inHand: false };
  for (const { id, operation, dispatched } of state.table("job").values())
    if ("chap" in operation && operation.chap !== undefined)
      yield { kind: "job", id, sealedSecret: operation.chap.sealedSecret, inHand: dispatched };
}

/** How many secrets are sealed with which key. */
export function countByKey(state: State): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { sealedSecret } of sealedRecords(state)) {
    const id = keyIdOf(sealedSecret);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

/** The same secrets under another key. What changed since it was sealed anew is passed over. */
export function resealSecrets(state: State, { secrets }: Commands["secrets.reseal"]["input"]): number {
  let count = 0;
  for (const { kind, id, from, to } of secrets) if (reseal(state, kind, id, from, to)) count += 1;
  return count;
}

function reseal(state: State, kind: SealedRecord["kind"], id: string, from: string, to: string): boolean {
  const anew = (chap: Chap): Chap => ({ ...chap, sealedSecret: to });
  if (kind === "volume") {
    const volume = state.get("volume", id);
    if (volume?.chap?.sealedSecret !== from) return false;
    state.put("volume", { ...volume, chap: anew(volume.chap) });
  } else if (kind === "move") {
    return resealMove(state, id, from, anew);
  } else if (kind === "snapshot") {
    const snapshot = state.get("snapshot", id);
    if (snapshot?.chap?.sealedSecret !== from) return false;
    state.put("snapshot", { ...snapshot, chap: anew(snapshot.chap) });
  } else if (kind === "attachment") {
    const attachment = state.get("attachment", id);
    const info = attachment?.connectionInfo ?? null;
    if (attachment === undefined || info?.chap?.sealedSecret !== from) return false;
    state.put("attachment", { ...attachment, connectionInfo: { ...info, chap: anew(info.chap) } });
  } else {
    const job = state.get("job", id);
    if (job === undefined || job.dispatched || !("chap" in job.operation)) return false;
    if (job.operation.chap?.sealedSecret !== from) return false;
    state.put("job", { ...job, operation: { ...job.operation, chap: anew(job.operation.chap) } });
  }
  return true;
}

function resealMove(state: State, id: string, from: string, anew: (chap: Chap) => Chap): boolean {
  const volume = state.get("volume", id);
  const copier = volume?.move?.copier;
  if (volume?.move == null || copier == null) return false;
  const { chap, info } = copier;
  const ofSystem = info?.chap;
  if (chap.sealedSecret !== from && ofSystem?.sealedSecret !== from) return false;
  const changed = {
    ...copier,
    chap: chap.sealedSecret === from ? anew(chap) : chap,
    info: info !== null && ofSystem?.sealedSecret === from ? { ...info, chap: anew(ofSystem) } : info,
  };
  state.put("volume", { ...volume, move: { ...volume.move, copier: changed } });
  return true;
}
