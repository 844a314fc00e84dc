import { BerthError } from "#shared/errors.ts";
import type { BackendState } from "#shared/model/backend-state.ts";
import type { SnapshotStatus } from "#shared/model/snapshot.ts";
import type { VolumeStatus } from "#shared/model/volume.ts";

/**
 * What may be asked of an object in which state: the one table that every refusal by state comes from, that the tests
 * walk, and that the documentation shows. `yes`: it is done. `again`: it was asked for before, and that goes on.
 * `same`: only what changes nothing (the same host, the same size). `idle`: only while no job is at work on it.
 * A state that is not named refuses it.
 */
export type Permission = "yes" | "again" | "same" | "idle";
type Row<S extends string> = { readonly [P in S]?: Permission };

const VOLUME_AT_REST = { available: "yes", "in-use": "yes" } as const;
const VOLUME_ANY = {
  creating: "yes",
  available: "yes",
  attaching: "yes",
  "in-use": "yes",
  detaching: "yes",
  extending: "yes",
  deleting: "yes",
  error: "yes",
  error_extending: "yes",
  error_deleting: "yes",
  "awaiting-transfer": "yes",
} as const satisfies Record<VolumeStatus, Permission>;
const SNAPSHOT_ANY = {
  creating: "yes",
  available: "yes",
  deleting: "yes",
  error: "yes",
  error_deleting: "yes",
} as const satisfies Record<SnapshotStatus, Permission>;

export const VOLUME_ACTIONS = {
  update: VOLUME_ANY,
  extend: { ...VOLUME_AT_REST, error_extending: "same" },
  connect: { available: "yes", attaching: "same", "in-use": "same" },
  disconnect: VOLUME_ANY,
  snapshot: { available: "yes" },
  "snapshot with force": VOLUME_AT_REST,
  clone: VOLUME_AT_REST,
  delete: {
    available: "yes",
    error: "yes",
    creating: "yes",
    error_extending: "yes",
    error_deleting: "again",
    deleting: "again",
  },
  "set bootable": VOLUME_ANY,
  "set read-only": { available: "yes", error: "yes" },
  transfer: { available: "yes" },
  "reset to error": { available: "yes", "awaiting-transfer": "yes", creating: "idle" },
  "reset to available": { available: "yes", error: "idle" },
} as const satisfies Record<string, Row<VolumeStatus>>;
export type VolumeAction = keyof typeof VOLUME_ACTIONS;

export const SNAPSHOT_ACTIONS = {
  update: SNAPSHOT_ANY,
  copy: { available: "yes" },
  delete: { available: "yes", creating: "yes", error: "yes", deleting: "again", error_deleting: "again" },
  "reset to error": { available: "yes" },
  "reset to available": { available: "yes", error: "idle" },
} as const satisfies Record<string, Row<SnapshotStatus>>;
export type SnapshotAction = keyof typeof SNAPSHOT_ACTIONS;

/** What is asked of a backend itself; `frozen` is told only of one that is on its own side. */
export type BackendStatus = "serving" | "frozen" | "failing over" | "failed over";
export const BACKEND_ACTIONS = {
  "failover to a target": { serving: "yes", frozen: "yes", "failing over": "same" },
  "failover to default": { "failing over": "yes", "failed over": "yes" },
  freeze: { serving: "yes", frozen: "again", "failing over": "yes", "failed over": "yes" },
  thaw: { serving: "again", frozen: "yes", "failing over": "yes", "failed over": "yes" },
  "new volumes": { serving: "yes" },
  "extend, snapshot, delete": { serving: "yes", "failing over": "yes", "failed over": "yes" },
  "connect, disconnect": { serving: "yes", frozen: "yes", "failing over": "yes", "failed over": "yes" },
} as const satisfies Record<string, Row<BackendStatus>>;
export type BackendAction = keyof typeof BACKEND_ACTIONS;

const BACKEND_WAY: Readonly<Record<BackendStatus, string>> = {
  serving: "it is on its own side",
  frozen: "thaw it first",
  "failing over": "wait until a side has taken over, or ask it back to default",
  "failed over": "ask it back to default first",
};

export function backendStatus({ side, failover, frozen }: BackendState): BackendStatus {
  if (failover !== null) return "failing over";
  if (side !== null) return "failed over";
  return frozen === null ? "serving" : "frozen";
}

/** Throws E_WRONG_STATE, as for volumes. */
export function requireBackendAllows(
  action: BackendAction,
  { name }: { readonly name: string },
  now: BackendState,
): void {
  const status = backendStatus(now);
  refuse(`backend ${name}`, action, status, BACKEND_ACTIONS[action], BACKEND_WAY[status]);
}

/** The way out of a state, for who wants something else. */
const VOLUME_WAY: Readonly<Record<VolumeStatus, string>> = {
  creating: "wait until it is created, or delete it",
  available: "it is at rest",
  attaching: "wait until the host is let in",
  "in-use": "disconnect it first",
  detaching: "wait until the host is shut out",
  extending: "wait until it has grown",
  deleting: "it is going, and does not come back",
  error: "delete it, or see its last error",
  error_extending: "wait, ask for the same size again, or delete it",
  error_deleting: "wait, or ask for its delete again",
  "awaiting-transfer": "delete its transfer, or let it be accepted",
};
const SNAPSHOT_WAY: Readonly<Record<SnapshotStatus, string>> = {
  creating: "wait until it is taken, or delete it",
  available: "it is at rest",
  deleting: "it is going, and does not come back",
  error: "delete it, or see its last error",
  error_deleting: "wait, or ask for its delete again",
};

/** Throws E_WRONG_STATE, with the state, the states that would do, and the way there. */
export function requireVolumeAllows(
  action: VolumeAction,
  volume: { readonly id: string; readonly status: VolumeStatus },
): void {
  refuse(`volume ${volume.id}`, action, volume.status, VOLUME_ACTIONS[action], VOLUME_WAY[volume.status]);
}

export function requireSnapshotAllows(
  action: SnapshotAction,
  snapshot: { readonly id: string; readonly status: SnapshotStatus },
): void {
  refuse(`snapshot ${snapshot.id}`, action, snapshot.status, SNAPSHOT_ACTIONS[action], SNAPSHOT_WAY[snapshot.status]);
}

function refuse<S extends string>(what: string, action: string, status: S, row: Row<S>, way: string): void {
  // Whoever asks for the same, or while a job is at work, was answered before this.
  if (row[status] !== undefined && row[status] !== "same") return;
  const entries: [string, Permission][] = Object.entries(row);
  const allowed = entries
    .filter(([, permission]) => permission !== "again" && permission !== "same")
    .map(([name]) => name);
  throw new BerthError(
    "E_WRONG_STATE",
    `${what} is ${status}; ${action} needs it to be ${allowed.join(" or ")}: ${way}`,
    { details: { status, allowed, way } },
  );
}

const DOCUMENTED = {
  volume: { actions: VOLUME_ACTIONS, ways: VOLUME_WAY },
  snapshot: { actions: SNAPSHOT_ACTIONS, ways: SNAPSHOT_WAY },
  backend: { actions: BACKEND_ACTIONS, ways: BACKEND_WAY },
} as const;

/** The table as the documentation shows it: a row a state, the actions it allows, and the way on. */
export function allowedTable(kind: keyof typeof DOCUMENTED): string {
  const { actions, ways } = DOCUMENTED[kind];
  const rows = Object.entries(ways).map(([status, way]) => {
    const named = (wanted: Permission): string[] =>
      Object.entries(actions)
        .filter(([, row]: [string, Readonly<Record<string, Permission>>]) => row[status] === wanted)
        .map(([action]) => action);
    const same = [...named("again"), ...named("same")].map((action) => `${action} (the same)`);
    const idle = named("idle").map((action) => `${action} (while nothing works on it)`);
    return `| ${status} | ${[...named("yes"), ...same, ...idle].join(", ")} | ${way} |`;
  });
  return [`| ${kind} is | may be asked | for anything else |`, "| --- | --- | --- |", ...rows].join("\n");
}
