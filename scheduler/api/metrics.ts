import type { FastifyReply, FastifyRequest } from "fastify";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { bytesToGib } from "#shared/units.ts";
import type { AuditSummary } from "../core/audit-memory.ts";
import { availableBytes } from "../core/capacity.ts";
import type { Effect } from "../core/effects.ts";
import { backendHealth } from "../core/health.ts";
import type { State } from "../core/state.ts";
import type { Engine } from "../engine.ts";
import type { ApiDependencies } from "./dependencies.ts";
import type { EventStreams } from "./operator/event-stream.ts";

/** Every metric, by its name without `berth_`, with what it means. */
const HELP = {
  http_request_duration_seconds: "How long HTTP requests took, by route, method and status; its count is the requests'",
  placements_total: "Rounds of placing, by result (placed, none)",
  placement_refusals_total: "Backends passed over in placing, by reason",
  operations_total: "Operations that ended, by what was done and how it ended",
  operation_duration_seconds: "From the request to the end of an operation, by what was done",
  volumes: "Volumes, by status",
  volumes_waiting: "Volumes in creating that wait, unplaced, for an agent or a report to return",
  snapshots: "Snapshots",
  leftovers: "What failed creates may have left on backends and is being removed",
  jobs_in_hand: "Jobs given to the zone's queue, by backend",
  jobs_waiting: "Jobs that wait in the ledger for a slot of their backend, by backend",
  agents: "Agents, by zone and state (up, down)",
  backend_up: "1: an agent serves the backend and its report is believed; 0: not",
  backend_report_age_seconds: "Age of the backend's last capacity report",
  backend_total_gib: "What the backend's pool holds; absent when infinite or unknown",
  backend_free_gib: "What the backend's pool has free; absent when infinite or unknown",
  backend_available_gib: "The largest volume that could be placed; absent when infinite or unknown",
  backend_last_audit_timestamp_seconds:
    "When the backend was last compared with the ledger; absent: not since the start",
  backend_orphans: "What the last audit found there without a record",
  backend_missing: "What the last audit did not find there",
  backend_differing: "What the last audit found there not as recorded",
  backend_exposed: "Volumes there that the last audit found open to a host without an attachment",
  audit_orphans_removed_total: "Orphans whose removal was begun, by the sweep or a repair",
  audit_hosts_shut_out_total: "Hosts without an attachment that the sweep shut out",
  events_total: "Events that followed from commits since the start",
  events_published_total: "Events told on NATS",
  events_missed_total: "Events that were not kept any more when a reader could take them, by reader (nats, http)",
  event_readers: "Programs that watch events over HTTP",
  event_readers_cut_total: "Programs that watched events over HTTP, did not take them and were cut",
  ledger_sequence: "The last commit that is durable",
  leading: "1: this scheduler leads; 0: it stands by",
} as const;

/** Scheduling is fast and storage is not: from a millisecond to ten minutes. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

export interface Metrics {
  readonly contentType: string;
  observeRequest(request: FastifyRequest, reply: FastifyReply): void;
  scrape(): Promise<string>;
}

/** The scheduler's metrics. What can be read from the state is read at the scrape: nothing is counted twice. */
export function createMetrics(
  {
    engine,
    storage,
    eventsPublished,
    nowMs = Date.now,
  }: Pick<ApiDependencies, "engine" | "storage" | "eventsPublished" | "nowMs">,
  streams: EventStreams,
): Metrics {
  const registry = new Registry();
  const requests = new Histogram({
    ...named("http_request_duration_seconds"),
    labelNames: ["method", "route", "status"],
    buckets: BUCKETS,
    registers: [registry],
  });
  countEffects(engine, registry);
  countEvents(engine, eventsPublished, streams, registry);
  const gauges = createGauges(registry);

  // Looking a labelled histogram up costs more than the observation: one is kept for each route and status.
  const children = new Map<string, Histogram.Internal<"method" | "route" | "status">>();
  return {
    contentType: registry.contentType,
    observeRequest(request, reply) {
      const route = request.routeOptions.url ?? "unknown";
      const key = `${request.method} ${route} ${reply.statusCode}`;
      let child = children.get(key);
      if (child === undefined) {
        child = requests.labels(request.method, route, String(reply.statusCode));
        children.set(key, child);
      }
      child.observe(reply.elapsedTime / 1000);
    },
    scrape() {
      readState(engine, gauges, nowMs());
      readAudits(engine.state, storage.lastAudits(), gauges);
      return registry.metrics();
    },
  };
}

function named(name: keyof typeof HELP): { name: string; help: string } {
  return { name: `berth_${name}`, help: HELP[name] };
}

function countEffects(engine: Engine, registry: Registry): void {
  const placements = new Counter({ ...named("placements_total"), labelNames: ["result"], registers: [registry] });
  const refusals = new Counter({ ...named("placement_refusals_total"), labelNames: ["reason"], registers: [registry] });
  const ended = new Counter({
    ...named("operations_total"),
    labelNames: ["operation", "outcome"],
    registers: [registry],
  });
  const durations = new Histogram({
    ...named("operation_duration_seconds"),
    labelNames: ["operation"],
    buckets: BUCKETS,
    registers: [registry],
  });
  const mended = countMended(engine, registry);
  engine.onEffect((effect: Effect) => {
    if (effect.kind === "placement-decided") {
      placements.labels(effect.backendId === null ? "none" : "placed").inc();
      for (const { reason } of effect.verdicts) if (reason !== null) refusals.labels(reason).inc();
    } else if (effect.kind === "audit-mended") {
      mended(effect);
    } else if (effect.kind === "operation-ended") {
      ended.labels(effect.operation, effect.outcome).inc();
      durations.labels(effect.operation).observe(effect.durationMs / 1000);
    }
  });
}

/** By backend. One that left the catalogue takes its series along: names come and go, and nothing may grow without end. */
function countMended(engine: Engine, registry: Registry): (effect: Extract<Effect, { kind: "audit-mended" }>) => void {
  const counts = new Map<number, { orphan: number; exposed: number }>();
  const counter = (name: keyof typeof HELP, what: "orphan" | "exposed") =>
    new Counter({
      ...named(name),
      labelNames: ["backend", "zone"],
      registers: [registry],
      collect() {
        this.reset();
        for (const [id, count] of counts) {
          const backend = engine.state.backend(id);
          if (backend === undefined) counts.delete(id);
          else if (count[what] > 0) this.labels(backend.name, backend.zone).inc(count[what]);
        }
      },
    });
  counter("audit_orphans_removed_total", "orphan");
  counter("audit_hosts_shut_out_total", "exposed");
  return ({ backendId, what, count }) => {
    const counted = counts.get(backendId) ?? { orphan: 0, exposed: 0 };
    counted[what] += count;
    counts.set(backendId, counted);
  };
}

/** Counted where they are told; read at the scrape. */
function countEvents(
  { events }: Engine,
  eventsPublished: ApiDependencies["eventsPublished"],
  streams: EventStreams,
  registry: Registry,
): void {
  const counter = <L extends string>(
    name: keyof typeof HELP,
    read: (counted: Counter<L>) => void,
    ...labelNames: L[]
  ) =>
    new Counter({
      ...named(name),
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        read(this);
      },
    });
  counter("events_total", (counted) => counted.inc(events.told));
  counter("events_published_total", (counted) => counted.inc(eventsPublished().published));
  counter(
    "events_missed_total",
    (counted) => {
      counted.inc({ reader: "nats" }, eventsPublished().missed);
      counted.inc({ reader: "http" }, streams.counts.missed);
    },
    "reader",
  );
  counter("event_readers_cut_total", (counted) => counted.inc(streams.counts.cut));
  new Gauge({
    ...named("event_readers"),
    registers: [registry],
    collect() {
      this.set(streams.counts.readers);
    },
  });
}

type Gauges = ReturnType<typeof createGauges>;

function createGauges(registry: Registry) {
  const gauge = <L extends string>(name: keyof typeof HELP, ...labelNames: L[]): Gauge<L> =>
    new Gauge({ ...named(name), labelNames, registers: [registry] });
  return {
    volumes: gauge("volumes", "status"),
    waiting: gauge("volumes_waiting"),
    snapshots: gauge("snapshots"),
    leftovers: gauge("leftovers"),
    jobsInHand: gauge("jobs_in_hand", "backend", "zone"),
    jobsWaiting: gauge("jobs_waiting", "backend", "zone"),
    agents: gauge("agents", "zone", "state"),
    backendUp: gauge("backend_up", "backend", "zone"),
    reportAge: gauge("backend_report_age_seconds", "backend", "zone"),
    totalGib: gauge("backend_total_gib", "backend", "zone"),
    freeGib: gauge("backend_free_gib", "backend", "zone"),
    availableGib: gauge("backend_available_gib", "backend", "zone"),
    lastAudit: gauge("backend_last_audit_timestamp_seconds", "backend", "zone"),
    orphans: gauge("backend_orphans", "backend", "zone"),
    missing: gauge("backend_missing", "backend", "zone"),
    differing: gauge("backend_differing", "backend", "zone"),
    exposed: gauge("backend_exposed", "backend", "zone"),
    ledgerSequence: gauge("ledger_sequence"),
    leading: gauge("leading"),
  };
}

function readState({ state, durableSeq }: Engine, gauges: Gauges, nowMs: number): void {
  for (const gauge of Object.values(gauges)) gauge.reset();
  const byStatus = new Map<string, number>();
  for (const { status } of state.table("volume").values()) byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
  for (const [status, count] of byStatus) gauges.volumes.labels(status).set(count);
  gauges.waiting.set(state.waiting.size);
  gauges.snapshots.set(state.table("snapshot").size);
  gauges.leftovers.set(state.table("leftover").size);
  gauges.ledgerSequence.set(durableSeq);
  // A standby answers by itself (`front.ts`): whoever has an engine leads.
  gauges.leading.set(1);
  for (const { name } of state.catalogue.catalogue.zones) {
    gauges.agents.labels(name, "up").set(0);
    gauges.agents.labels(name, "down").set(0);
  }
  for (const { heartbeat, up } of state.fleet.agents.values())
    gauges.agents.labels(heartbeat.zone, up ? "up" : "down").inc();
  readBackends(state, gauges, nowMs);
}

function readAudits(state: State, audits: ReadonlyMap<number, AuditSummary>, gauges: Gauges): void {
  for (const { id, name, zone } of state.catalogue.catalogue.backends) {
    const last = audits.get(id);
    if (last === undefined) continue;
    gauges.lastAudit.labels(name, zone).set(last.atMs / 1000);
    gauges.orphans.labels(name, zone).set(last.orphans);
    gauges.missing.labels(name, zone).set(last.missing);
    gauges.differing.labels(name, zone).set(last.differing);
    gauges.exposed.labels(name, zone).set(last.exposed);
  }
}

function readBackends(state: State, gauges: Gauges, nowMs: number): void {
  const view = state.placementView;
  for (const backend of state.catalogue.catalogue.backends) {
    const labels = [backend.name, backend.zone] as const;
    const queue = state.queues.of(backend.id);
    gauges.jobsInHand.labels(...labels).set(queue.inHand.size);
    gauges.jobsWaiting.labels(...labels).set(queue.waitingCount);
    const health = backendHealth(view, backend, nowMs);
    gauges.backendUp.labels(...labels).set(health.ailment === null ? 1 : 0);
    if (health.reportAgeMs !== null) gauges.reportAge.labels(...labels).set(health.reportAgeMs / 1000);
    const space = state.space.backend(backend.id);
    const pool = state.space.pool(space);
    if (pool === null) continue;
    const { measurement } = pool.newest;
    for (const [gauge, capacity] of [
      [gauges.totalGib, measurement?.totalBytes],
      [gauges.freeGib, measurement?.freeBytes],
      [gauges.availableGib, availableBytes(backend, space, pool)],
    ] as const)
      if (typeof capacity === "number") gauge.labels(...labels).set(bytesToGib(capacity));
  }
}
