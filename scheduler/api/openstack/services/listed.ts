import { type Static, Type } from "typebox";
import type { BackendState } from "#shared/model/backend-state.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { Nullable } from "#shared/model/nullable.ts";
import { backendState } from "../../../core/sides.ts";
import type { State } from "../../../core/state.ts";
import { HOST, serviceHost } from "../places.ts";
import { fieldTime } from "../rest/times.ts";
import { since } from "../rest/versioned.ts";

/** A backend that nobody reported of for so long is down, as the field has it. */
const DOWN_AFTER_MS = 60_000;

export const SCHEDULER = "cinder-scheduler";
export const VOLUME = "cinder-volume";
/** The field has no word for what serves many backends. */
export const AGENT = "berth-agent";

/** What the field calls a service: the scheduler, each backend, and Berth's agents beside them. */
export interface Service {
  readonly binary: string;
  readonly host: string;
  readonly zone: string;
  readonly up: boolean;
  readonly disabled: boolean;
  readonly disabledReason: string | null;
  /** null: nothing was heard of it yet. */
  readonly heardMs: number | null;
  /** Of backends. */
  readonly storage: Storage | null;
}

interface Storage {
  readonly frozen: boolean;
  readonly replicationStatus: string;
  readonly side: string | null;
  /** What the last report says of the storage system itself. */
  readonly answers: boolean;
}

export function services(state: State, nowMs: number): Service[] {
  const scheduler: Service = {
    binary: SCHEDULER,
    host: HOST,
    zone: "internal",
    up: true,
    disabled: false,
    disabledReason: null,
    heardMs: nowMs,
    storage: null,
  };
  const agents = [...state.fleet.agents.values()].map(
    ({ id, heartbeat, up, lastSeenMs }): Service => ({
      ...scheduler,
      binary: AGENT,
      host: id,
      zone: heartbeat.zone,
      up,
      heardMs: lastSeenMs,
    }),
  );
  const backends = state.catalogue.catalogue.backends.map((backend) => storageService(state, backend, nowMs));
  return [scheduler, ...backends, ...agents];
}

function storageService(state: State, backend: Backend, nowMs: number): Service {
  const now = backendState(state, backend.id);
  const { admission } = backend;
  const received = state.fleet.reports.get(backend.id);
  const closed = now.side !== null || now.failover !== null;
  const reason = admission.state === "enabled" ? "" : admission.reason;
  return {
    binary: VOLUME,
    host: serviceHost(backend),
    zone: backend.zone,
    up: received !== undefined && nowMs - received.receivedMs <= DOWN_AFTER_MS && state.fleet.serves(backend),
    disabled: admission.state !== "enabled" || closed,
    disabledReason: reason !== "" ? reason : closed ? "failed-over" : null,
    heardMs: received?.receivedMs ?? null,
    storage: {
      frozen: now.frozen !== null,
      replicationStatus: replicationStatus((backend.replicationTargets ?? []).length > 0, now),
      side: now.side,
      answers: received?.report.result.state === "up",
    },
  };
}

function replicationStatus(mirrored: boolean, { side, failover }: BackendState): string {
  if (failover !== null) return "failing-over";
  if (side !== null) return "failed-over";
  return mirrored ? "enabled" : "disabled";
}

/** `berth` is the host of all that is `berth@…`. */
export function isOnHost({ host }: Service, wanted: string): boolean {
  return host === wanted || host.startsWith(`${wanted}@`);
}

const text = Type.String();
export const ServiceView = Type.Object({
  binary: text,
  host: text,
  zone: text,
  status: Type.Union([Type.Literal("enabled"), Type.Literal("disabled")]),
  state: Type.Union([Type.Literal("up"), Type.Literal("down")]),
  updated_at: Nullable(text),
  disabled_reason: Nullable(text),
  /** Of backends. */
  frozen: Type.Optional(Type.Boolean()),
  replication_status: Type.Optional(text),
  active_backend_id: Type.Optional(Nullable(text)),
  /** From a version on. */
  cluster: Type.Optional(Type.Null()),
  backend_state: Type.Optional(Type.Union([Type.Literal("up"), Type.Literal("down")])),
});

export function serviceView(service: Service, minor: number): Static<typeof ServiceView> {
  const { storage, heardMs } = service;
  return {
    binary: service.binary,
    host: service.host,
    zone: service.zone,
    status: service.disabled ? "disabled" : "enabled",
    state: service.up ? "up" : "down",
    updated_at: heardMs === null ? null : fieldTime(heardMs),
    disabled_reason: service.disabledReason,
    ...since(minor, 7, { cluster: null }),
    ...(storage === null
      ? {}
      : {
          frozen: storage.frozen,
          replication_status: storage.replicationStatus,
          active_backend_id: storage.side,
          ...since(minor, 49, { backend_state: storage.answers ? ("up" as const) : ("down" as const) }),
        }),
  };
}
