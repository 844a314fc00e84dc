import { BerthError } from "#shared/errors.ts";
import type { AttachmentStatus } from "#shared/model/attachment.ts";
import type { BackendState } from "#shared/model/backend-state.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { GroupSnapshotStatus, GroupStatus } from "#shared/model/group.ts";
import { sideName } from "#shared/model/replication.ts";
import type { SnapshotStatus } from "#shared/model/snapshot.ts";
import type { VolumeHold, VolumeStatus } from "#shared/model/volume.ts";

/**
 * What may be asked of an object in which state: the one table that every refusal by state comes from, that the tests
 * walk, and that the documentation shows. `yes`: it is done. `again`: it was asked for before, and that goes on.
 * `same`: only what changes nothing (the same host, the same size). `idle`: only while no job is at work on it.
 * `shared`: the same host, or another if several may have it at once. `in place`: only where it stands. `empty`: only
 * while nothing is on it.
 * A state that is not named refuses it.
 */
export type Permission = "yes" | "again" | "same" | "idle" | "shared" | "in place" | "empty";
type Row<S extends string> = { readonly [P in S]?: Permission };

const VOLUME_AT_REST = { available: "yes", "in-use": "yes" } as const;
const VOLUME_ANY = {
  creating: "yes",
  available: "yes",
  reserved: "yes",
  attaching: "yes",
  "in-use": "yes",
  detaching: "yes",
  extending: "yes",
  reverting: "yes",
  maintenance: "yes",
  retyping: "yes",
  deleting: "yes",
  error: "yes",
  error_extending: "yes",
  error_reverting: "yes",
  error_deleting: "yes",
  "awaiting-transfer": "yes",
  managing: "yes",
  error_managing: "yes",
  unmanaging: "yes",
  error_unmanaging: "yes",
} as const satisfies Record<VolumeStatus, Permission>;
const SHARED = { reserved: "shared", attaching: "shared", "in-use": "shared", detaching: "shared" } as const;
const ATTACHMENT_ANY = {
  reserved: "yes",
  announced: "yes",
  attaching: "yes",
  error_attaching: "yes",
  connected: "yes",
  attached: "yes",
  leaving: "yes",
  detaching: "yes",
  error_detaching: "yes",
} as const satisfies Row<AttachmentStatus>;
const SNAPSHOT_ANY = {
  creating: "yes",
  available: "yes",
  deleting: "yes",
  error: "yes",
  error_deleting: "yes",
} as const satisfies Record<SnapshotStatus, Permission>;

const VOLUME_DELETE = {
  available: "yes",
  error: "yes",
  creating: "yes",
  error_extending: "yes",
  error_managing: "yes",
  error_deleting: "again",
  deleting: "again",
} as const;

export const VOLUME_ACTIONS = {
  update: VOLUME_ANY,
  extend: { ...VOLUME_AT_REST, error_extending: "same" },
  connect: { available: "yes", ...SHARED },
  reserve: { available: "yes", ...SHARED },
  unreserve: { reserved: "yes", attaching: "yes", available: "again", "in-use": "again" },
  attach: { available: "yes", ...SHARED },
  "begin detaching": { "in-use": "yes" },
  "roll detaching back": { detaching: "yes", "in-use": "again" },
  disconnect: VOLUME_ANY,
  snapshot: { available: "yes" },
  "snapshot with force": VOLUME_AT_REST,
  clone: VOLUME_AT_REST,
  revert: { available: "yes", error_reverting: "same" },
  "join a group": VOLUME_AT_REST,
  "leave a group": { ...VOLUME_AT_REST, error: "yes", error_extending: "yes", error_reverting: "yes" },
  "snapshot with its group": VOLUME_AT_REST,
  /** Copies of several are of one instant because nobody writes to any of them meanwhile. */
  "clone with its group": { available: "yes" },
  delete: VOLUME_DELETE,
  /** As far as no host has it. What goes back to a snapshot has one, and what moves or changes hands ends that first. */
  "delete by force": {
    ...VOLUME_DELETE,
    reserved: "yes",
    attaching: "yes",
    extending: "yes",
    "awaiting-transfer": "yes",
  },
  migrate: { available: "yes", maintenance: "same" },
  retype: { available: "yes", "in-use": "in place", retyping: "same" },
  "cancel a move": { maintenance: "yes", retyping: "yes" },
  unmanage: { available: "yes", unmanaging: "again", error_unmanaging: "again" },
  "set bootable": VOLUME_ANY,
  "set read-only": { available: "yes", error: "yes" },
  transfer: { available: "yes" },
  /** What is in error is told so already, and what is being made, moved or removed goes on. */
  hold: {
    available: "yes",
    reserved: "yes",
    attaching: "yes",
    "in-use": "yes",
    detaching: "yes",
    error_extending: "yes",
    error_reverting: "yes",
    error: "same",
    maintenance: "same",
  },
  "reset to error": { available: "yes", "awaiting-transfer": "yes", creating: "idle" },
  "reset to available": { available: "yes", error: "idle" },
} as const satisfies Record<string, Row<VolumeStatus>>;
export type VolumeAction = keyof typeof VOLUME_ACTIONS;

export const SNAPSHOT_ACTIONS = {
  update: SNAPSHOT_ANY,
  copy: { available: "yes" },
  "revert to": { available: "yes" },
  connect: { available: "yes" },
  disconnect: SNAPSHOT_ANY,
  delete: { available: "yes", creating: "yes", error: "yes", deleting: "again", error_deleting: "again" },
  hold: { available: "yes", error: "same" },
  "reset to error": { available: "yes" },
  "reset to available": { available: "yes", error: "idle" },
} as const satisfies Record<string, Row<SnapshotStatus>>;
export type SnapshotAction = keyof typeof SNAPSHOT_ACTIONS;

/** What ends something may be asked of what a person has taken out of use (`hold.ts`), as may what `error` allows. */
const ENDING: ReadonlySet<string> = new Set<VolumeAction>([
  "unreserve",
  "begin detaching",
  "roll detaching back",
  "cancel a move",
  "reset to error",
]);

function heldAllows(action: string, row: Row<VolumeStatus>, held: VolumeHold): boolean {
  if (held === "maintenance" && action === "delete") return false;
  return row.error !== undefined || ENDING.has(action);
}

export const GROUP_ACTIONS = {
  update: { available: "yes", error: "yes" },
  "add or remove volumes": { available: "yes" },
  snapshot: { available: "yes" },
  copy: { available: "yes" },
  delete: { available: "yes", creating: "yes", error: "yes", deleting: "again", error_deleting: "again" },
  "reset to error": { available: "yes", error: "again" },
  "reset to available": { available: "again", error: "idle" },
} as const satisfies Record<string, Row<GroupStatus>>;
export type GroupAction = keyof typeof GROUP_ACTIONS;

export const GROUP_SNAPSHOT_ACTIONS = {
  copy: { available: "yes" },
  delete: { available: "yes", creating: "yes", error: "yes", deleting: "again", error_deleting: "again" },
  "reset to error": { available: "yes", error: "again" },
  "reset to available": { available: "again", error: "idle" },
} as const satisfies Record<string, Row<GroupSnapshotStatus>>;
export type GroupSnapshotAction = keyof typeof GROUP_SNAPSHOT_ACTIONS;

export const ATTACHMENT_ACTIONS = {
  connect: {
    reserved: "yes",
    announced: "yes",
    attaching: "same",
    error_attaching: "idle",
    connected: "same",
    attached: "same",
    leaving: "same",
  },
  complete: { connected: "yes", attached: "again" },
  detach: { ...ATTACHMENT_ANY, evicting: "again" },
  "detach by force": { ...ATTACHMENT_ANY, evicting: "again" },
} as const satisfies Record<string, Row<AttachmentStatus>>;
export type AttachmentAction = keyof typeof ATTACHMENT_ACTIONS;
/**
 * A backend is in one of the first three, and besides it may be frozen, and disabled or drained: everything that it is
 * must allow what is asked of it, or of what is on it.
 */
export type BackendStatus = "serving" | "failing over" | "failed over" | "frozen" | "disabled" | "draining";
const BACKEND_ANY = {
  serving: "yes",
  "failing over": "yes",
  "failed over": "yes",
  frozen: "yes",
  disabled: "yes",
  draining: "yes",
} as const satisfies Record<BackendStatus, Permission>;
const { frozen: _unchanged, ...BACKEND_THAWED } = BACKEND_ANY;
const { "failing over": _nobodyAnswers, draining: _full, ...BACKEND_WITH_ROOM } = BACKEND_THAWED;

export const BACKEND_ACTIONS = {
  "failover to a target": { serving: "yes", "failing over": "same", frozen: "yes", disabled: "yes", draining: "yes" },
  "failover to default": {
    "failing over": "yes",
    "failed over": "yes",
    frozen: "yes",
    disabled: "yes",
    draining: "yes",
  },
  freeze: { ...BACKEND_ANY, frozen: "again" },
  thaw: BACKEND_ANY,
  enable: BACKEND_ANY,
  disable: BACKEND_ANY,
  drain: BACKEND_ANY,
  remove: { serving: "empty", frozen: "empty", disabled: "empty", draining: "empty" },
  "new volumes, manage": { serving: "yes" },
  "extend, snapshot, revert": BACKEND_WITH_ROOM,
  "delete, unmanage, retype": BACKEND_THAWED,
  "move volumes away": { serving: "yes", "failed over": "yes", disabled: "yes", draining: "yes" },
  "connect, disconnect": BACKEND_ANY,
} as const satisfies Record<string, Row<BackendStatus>>;
export type BackendAction = keyof typeof BACKEND_ACTIONS;

export const BACKEND_WAY: Readonly<Record<BackendStatus, string>> = {
  serving: "it is on its own side",
  "failing over": "wait until a side has taken over, or ask it back to default",
  "failed over": "ask it back to default first",
  frozen: "thaw it first",
  disabled: "enable it first",
  draining: "enable it first",
};

export function backendStatuses({ admission }: Pick<Backend, "admission">, now: BackendState): BackendStatus[] {
  const { side, failover, frozen } = now;
  const ofSide = failover !== null ? "failing over" : side !== null ? "failed over" : "serving";
  return [
    ...(frozen === null ? [] : (["frozen"] as const)),
    ...(admission.state === "enabled" ? [] : [admission.state]),
    ofSide,
  ];
}

/** Throws E_WRONG_STATE for the side that it is on, and E_CONFLICT, with who and why, for what a person did with it. */
export function requireBackendAllows(
  action: BackendAction,
  backend: Pick<Backend, "name" | "admission">,
  now: BackendState,
): void {
  const row: Row<BackendStatus> = BACKEND_ACTIONS[action];
  const what = `backend ${backend.name}`;
  for (const status of backendStatuses(backend, now)) {
    const [code, why] = whyBackendIs(status, backend, now);
    refuse(what, action, status, row, BACKEND_WAY[status], { code, why });
  }
}

export function backendAllows(action: BackendAction, backend: Pick<Backend, "admission">, now: BackendState): boolean {
  const row: Row<BackendStatus> = BACKEND_ACTIONS[action];
  return backendStatuses(backend, now).every((status) => row[status] !== undefined);
}

function whyBackendIs(
  status: BackendStatus,
  { admission }: Pick<Backend, "admission">,
  { frozen, side, failover }: BackendState,
): readonly ["E_CONFLICT" | "E_WRONG_STATE", string] {
  const told = (reason: string): string => (reason === "" ? "" : ` (${reason})`);
  if (status === "frozen" && frozen !== null) return ["E_CONFLICT", ` by ${frozen.by}${told(frozen.reason)}`];
  if (status === "disabled" || status === "draining")
    return ["E_CONFLICT", admission.state === "enabled" ? "" : told(admission.reason)];
  const to = failover === null ? side : failover.to;
  return ["E_WRONG_STATE", status === "serving" ? "" : ` to ${sideName(to)}`];
}

/** The way out of a state, for who wants something else. */
export const VOLUME_WAY: Readonly<Record<VolumeStatus, string>> = {
  creating: "wait until it is created, or delete it",
  available: "it is at rest",
  reserved: "connect it for a host, or delete its attachment",
  attaching: "wait until the host is let in, and let it say that it attached",
  "in-use": "disconnect it first",
  detaching: "wait until the host is shut out",
  extending: "wait until it has grown",
  reverting: "wait until it is as its snapshot",
  maintenance: "wait until it has moved, or cancel that",
  retyping: "wait until it is of its new flavor, or cancel that",
  deleting: "it is going, and does not come back",
  error: "delete it, or see its last error",
  error_extending: "wait, ask for the same size again, or delete it",
  error_reverting: "wait, or ask for the same snapshot again",
  error_deleting: "wait, or ask for its delete again",
  "awaiting-transfer": "delete its transfer, or let it be accepted",
  managing: "wait until it is taken over",
  error_managing: "delete it, and its data stay with whoever has them, or see its last error",
  unmanaging: "it is let go of, and does not come back by itself",
  error_unmanaging: "wait, or ask for it to be unmanaged again",
};
export const SNAPSHOT_WAY: Readonly<Record<SnapshotStatus, string>> = {
  creating: "wait until it is taken, or delete it",
  available: "it is at rest",
  deleting: "it is going, and does not come back",
  error: "delete it, or see its last error",
  error_deleting: "wait, or ask for its delete again",
};

export const GROUP_WAY: Readonly<Record<GroupStatus, string>> = {
  creating: "wait until its volumes are made, or delete it with them",
  available: "it is at rest",
  deleting: "it is going, and does not come back",
  error: "delete it, or see its last error",
  error_deleting: "wait, or ask for its delete again",
};
export const ATTACHMENT_WAY: Readonly<Record<AttachmentStatus, string>> = {
  reserved: "say which host it is for",
  announced: "connect the volume to a host",
  attaching: "wait until the host is let in",
  error_attaching: "connect it again, or delete it; its last error says why",
  connected: "complete it when the host has attached",
  attached: "detach it",
  leaving: "detach it, or roll that back",
  detaching: "wait until the host is shut out",
  error_detaching: "wait, detach it again, or by force",
  evicting: "wait until its backend answers",
};

/** Throws E_WRONG_STATE, with the state, the states that would do, and the way there. */
export function requireVolumeAllows(
  action: VolumeAction,
  volume: { readonly id: string; readonly status: VolumeStatus; readonly held?: VolumeHold },
): void {
  const { held } = volume;
  if (held !== undefined && !heldAllows(action, VOLUME_ACTIONS[action], held))
    refuseHeld(`volume ${volume.id}`, action, held);
  refuse(`volume ${volume.id}`, action, volume.status, VOLUME_ACTIONS[action], VOLUME_WAY[volume.status]);
}

export function requireSnapshotAllows(
  action: SnapshotAction,
  snapshot: { readonly id: string; readonly status: SnapshotStatus; readonly held?: "error" },
): void {
  const { held } = snapshot;
  if (held !== undefined && !heldAllows(action, SNAPSHOT_ACTIONS[action], held))
    refuseHeld(`snapshot ${snapshot.id}`, action, held);
  refuse(`snapshot ${snapshot.id}`, action, snapshot.status, SNAPSHOT_ACTIONS[action], SNAPSHOT_WAY[snapshot.status]);
}

export function requireGroupAllows(
  action: GroupAction,
  group: { readonly id: string; readonly status: GroupStatus },
): void {
  refuse(`group ${group.id}`, action, group.status, GROUP_ACTIONS[action], GROUP_WAY[group.status]);
}

export function requireGroupSnapshotAllows(
  action: GroupSnapshotAction,
  taken: { readonly id: string; readonly status: GroupSnapshotStatus },
): void {
  const { id, status } = taken;
  refuse(`group snapshot ${id}`, action, status, GROUP_SNAPSHOT_ACTIONS[action], SNAPSHOT_WAY[status]);
}

export function requireAttachmentAllows(
  action: AttachmentAction,
  { id, status }: { readonly id: string; readonly status: AttachmentStatus },
): void {
  refuse(`attachment ${id}`, action, status, ATTACHMENT_ACTIONS[action], ATTACHMENT_WAY[status]);
}

function refuseHeld(what: string, action: string, held: string): never {
  const way = "have its status reset to available first";
  throw new BerthError("E_WRONG_STATE", `${what} is held as ${held}; ${action} needs it to be in use again: ${way}`, {
    details: { status: held, way },
  });
}

function refuse<S extends string>(
  what: string,
  action: string,
  status: S,
  row: Row<S>,
  way: string,
  { code, why }: { readonly code: "E_CONFLICT" | "E_WRONG_STATE"; readonly why: string } = PLAIN,
): void {
  // Whoever asks for the same, or while a job is at work, was answered before this.
  if (row[status] !== undefined && row[status] !== "same") return;
  const entries: [string, Permission][] = Object.entries(row);
  const allowed = entries
    .filter(([, permission]) => permission !== "again" && permission !== "same")
    .map(([name]) => name);
  throw new BerthError(code, `${what} is ${status}${why}; ${action} needs it to be ${allowed.join(" or ")}: ${way}`, {
    details: { status, allowed, way },
  });
}

const PLAIN = { code: "E_WRONG_STATE", why: "" } as const;
