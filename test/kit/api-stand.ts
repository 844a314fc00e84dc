import type { InjectOptions, LightMyRequestResponse } from "fastify";
import { pino } from "pino";
import { IsSchema } from "typebox";
import {
  type Api,
  type ApiDependencies,
  type ApiSettings,
  type CatalogueEditor,
  DEFAULT_API_SETTINGS,
} from "#scheduler/api/dependencies.ts";
import { createApi } from "#scheduler/api/server.ts";
import { DEFAULT_SETTINGS } from "#scheduler/catalogue/settings.ts";
import { booksOf, compareBooks } from "#scheduler/core/audit.ts";
import { AuditMemory } from "#scheduler/core/audit-memory.ts";
import { DEFAULT_CORE_SETTINGS } from "#scheduler/core/settings.ts";
import { State } from "#scheduler/core/state.ts";
import { Engine } from "#scheduler/engine.ts";
import { NOAUTH } from "#scheduler/identity/noauth.ts";
import type { Ledger } from "#scheduler/ledger/ledger.ts";
import { BerthError } from "#shared/errors.ts";
import { KeyRing } from "#shared/key-ring.ts";
import type { Logger } from "#shared/log.ts";
import type { ConnectionInfo } from "#shared/model/attachment.ts";
import type { Measurement } from "#shared/model/capacity.ts";
import { type Backend, type Catalogue, EMPTY_CATALOGUE } from "#shared/model/catalogue.ts";
import type { ForeignObject } from "#shared/model/foreign.ts";
import type { Job } from "#shared/model/job.ts";
import type { Listing } from "#shared/model/listing.ts";
import { type Change, type DetailKind, isDetail, type RecordTypes, recordParsers } from "#shared/model/records.ts";
import { PROTOCOL_VERSION } from "#shared/protocol/message.ts";
import { type Parser, parser, sentence } from "#shared/schema.ts";
import { SealingKey } from "#shared/sealed.ts";
import { backendOf } from "./catalogue.ts";
import { measurementOf } from "./core-stand.ts";

/** The real API over the real core, with a ledger in memory and one pretended agent a zone. */
export interface ApiStand {
  readonly api: Api;
  readonly engine: Engine;
  readonly state: State;
  readonly sealingKey: KeyRing;
  /** The key file, so to speak; taken in when a key is not known, or a rotation begins. */
  readonly keyFile: { keys: readonly SealingKey[] };
  /** Lines of the log, as text. */
  readonly logLines: string[];
  readonly log: Logger;
  /** How the agents answer a job; `null`: not at all. */
  agent: (job: Job) => AgentAnswer | null;
  /** Backends that `measureNow` was asked for. */
  readonly measured: number[];
  /** What is measured then. */
  found: Partial<Measurement>;
  /** What stands on a backend, as its agents tell it. */
  listing: (backendId: number) => Promise<Listing>;
  /** What others have on the backends. */
  readonly foreign: Map<number, readonly ForeignObject[]>;
  /** Awaited within each commit. */
  commit: () => Promise<void>;
  nowMs: number;
  /** Asks with the eyes of a version: `latest`, unless the request says another. */
  ask(request: string | InjectOptions): Promise<LightMyRequestResponse>;
  heartbeat(zone: string): Promise<void>;
  report(backendId: number, measurement?: Partial<Measurement>): Promise<void>;
  reportDown(backendId: number, message: string): Promise<void>;
}

export type AgentAnswer =
  | { readonly outcome: "done"; readonly connectionInfo?: ConnectionInfo }
  | { readonly outcome: "not-done" | "no-space" | "unknown"; readonly message: string };

export const DONE: AgentAnswer = { outcome: "done" };
export const CONNECTION: ConnectionInfo = {
  driverVolumeType: "iscsi",
  data: {
    target_portal: "127.0.0.1:3260",
    target_iqn: "iqn.2026-01.test.berth:volume",
    target_lun: 1,
    target_discovered: false,
    auth_method: "CHAP",
    auth_username: "berth-user",
  },
};

/** Zones north and south; gold (default): 1 then 2, both north, then 3, south; silver: 3. Each holds 100 GiB. */
export const CATALOGUE: Catalogue = {
  ...EMPTY_CATALOGUE,
  nextBackendId: 4,
  defaultFlavor: "gold",
  zones: [
    { name: "north", description: "the north" },
    { name: "south", description: "" },
  ],
  flavors: [
    {
      id: "11111111-1111-4111-8111-111111111111",
      name: "gold",
      description: "Not all that glitters",
      backends: [1, 2, 3],
    },
    { id: "22222222-2222-4222-8222-222222222222", name: "silver", description: "", backends: [3] },
  ],
  backends: [backend(1, "north"), backend(2, "north"), backend(3, "south")],
};

function backend(id: number, zone: string): Backend {
  return backendOf(id, {
    name: `store-${id}`,
    driver: "fake",
    zone,
    parameters: { capacity_gib: 100, password: "file:/run/secrets/store" },
    settings: { ...DEFAULT_SETTINGS, maxConcurrent: 4 },
  });
}

export function measurement(backendId: number): Measurement {
  return measurementOf({ poolId: `pool-${backendId}`, costs: { volume: "full", snapshot: "none", clone: "none" } });
}

/** Ready: agents are up and every backend is measured. End it with `stand.api.close()`. */
export async function openApiStand(
  settings: Partial<ApiSettings> = {},
  access: Partial<Pick<ApiDependencies, "identities" | "writeLog">> = {},
): Promise<ApiStand> {
  const logLines: string[] = [];
  const log = pino({ level: "debug" }, { write: (line: string) => void logLines.push(line) });
  const ledger = memoryLedger(() => stand.commit());
  const state = new State(DEFAULT_CORE_SETTINGS, CATALOGUE);
  const engine = new Engine(state, ledger, 0, log, { nowMs: () => stand.nowMs });
  const keyFile = { keys: [new SealingKey(SealingKey.generate())] };
  const sealingKey = new KeyRing(() => keyFile.keys);
  const measured: number[] = [];
  const audits = new AuditMemory();
  const api = createApi({
    engine,
    catalogue: memoryCatalogue(engine),
    sealingKey,
    measureNow: async (backendId) => {
      measured.push(backendId);
      await stand.report(backendId, stand.found);
    },
    makeBackup: () => {
      throw new BerthError("E_CONFLICT", "nothing is backed up here");
    },
    storage: {
      list: async (backendId) => stand.listing(backendId),
      foreign: async (backendId) => stand.foreign.get(backendId) ?? [],
      foreignObject: async (backendId, reference) =>
        stand.foreign.get(backendId)?.find((object) => object.reference === reference) ?? null,
      audit: async (backendId) => {
        const before = booksOf(state, backendId);
        const listing = await stand.listing(backendId);
        const audit = compareBooks(state, backendId, before, listing, booksOf(state, backendId));
        audits.note(audit, stand.nowMs);
        return audit;
      },
      lastAudits: () => audits.lastAudits(state.catalogue.catalogue.backends),
    },
    eventsPublished: () => ({ published: 0, missed: 0 }),
    log,
    settings: { ...DEFAULT_API_SETTINGS, connectTimeoutMs: 5_000, ...settings },
    identities: access.identities ?? NOAUTH,
    writeLog: access.writeLog ?? null,
    tls: null,
    version: "0.0.0-test",
    schedulerId: "scheduler-under-test",
    nowMs: () => stand.nowMs,
  });
  requireTruthfulAnswers(api);
  const stand: ApiStand = {
    api,
    foreign: new Map(),
    engine,
    state,
    sealingKey,
    keyFile,
    logLines,
    log,
    measured,
    found: {},
    agent: (job) =>
      job.operation.kind.startsWith("attachment.connect") ? { ...DONE, connectionInfo: CONNECTION } : DONE,
    listing: async () => ({ objects: [], foreign: [] }),
    commit: async () => undefined,
    nowMs: Date.parse("2026-11-21T06:59:10.053Z"),
    ask: async (request) => {
      const options = typeof request === "string" ? { url: request } : request;
      return await api.inject({
        ...options,
        headers: { "openstack-api-version": "volume latest", ...options.headers },
      });
    },
    heartbeat: (zone) => sendHeartbeat(engine, zone, stand.nowMs),
    report: (backendId, changed = {}) =>
      sendReport(engine, backendId, { state: "up", measurement: { ...measurement(backendId), ...changed } }),
    reportDown: (backendId, message) => sendReport(engine, backendId, { state: "down", code: "E_DOWN", message }),
  };
  engine.onEffect((effect) => {
    if (effect.kind === "send-job") answerJob(engine, effect.job, stand.agent(effect.job));
  });
  for (const { name } of CATALOGUE.zones) await stand.heartbeat(name);
  for (const { id } of CATALOGUE.backends) await stand.report(id);
  return stand;
}

/** What the API's document says of an answer is true of each that any test gets: else that is a 500. */
function requireTruthfulAnswers(api: Api): void {
  const parsers = new Map<object, ReturnType<typeof parser>>();
  api.addHook("onSend", async (request, reply, payload) => {
    const { response } = request.routeOptions.schema ?? {};
    const schema: unknown = Object(response)[reply.statusCode];
    if (!IsSchema(schema) || reply.statusCode >= 300 || typeof payload !== "string") return;
    const known = parsers.get(schema) ?? parser(schema);
    parsers.set(schema, known);
    const faults = known.faults(JSON.parse(payload));
    if (faults.length > 0)
      throw new Error(`${request.url} answers what its schema does not say: ${faults.map(sentence).join("; ")}`);
  });
}

function answerJob(engine: Engine, job: Job, answer: AgentAnswer | null): void {
  if (answer === null) return;
  void engine.submit("job.result", {
    version: PROTOCOL_VERSION,
    jobId: job.id,
    attempt: job.attempt,
    agentId: `agent-${job.zone}`,
    backendId: job.backendId,
    operation: job.operation,
    outcome: answer.outcome,
    error: answer.outcome === "done" ? null : { code: "E_BACKEND_FAILED", message: answer.message },
    providerId: null,
    properties: null,
    connectionInfo: answer.outcome === "done" ? (answer.connectionInfo ?? null) : null,
    durationMs: 1,
  });
}

async function sendHeartbeat(engine: Engine, zone: string, nowMs: number): Promise<void> {
  await engine.submit("agent.heartbeat", {
    version: PROTOCOL_VERSION,
    agentId: `agent-${zone}`,
    zone,
    host: "host-1",
    pid: 4242,
    program: "berth-agent",
    startedAtMs: nowMs,
    backends: CATALOGUE.backends
      .filter((known) => known.zone === zone)
      .map(({ id }) => ({ id, state: "open" as const, error: null })),
    jobsInHand: 0,
    leaving: false,
  });
}

type ReportResult =
  | { readonly state: "up"; readonly measurement: Measurement }
  | { readonly state: "down"; readonly code: string; readonly message: string };

async function sendReport(engine: Engine, backendId: number, result: ReportResult): Promise<void> {
  const known = engine.state.backend(backendId);
  if (known === undefined) throw new BerthError("E_NOT_FOUND", `backend ${backendId} does not exist`);
  await engine.submit("report.received", {
    agentId: `agent-${known.zone}`,
    zone: known.zone,
    report: { backendId, asOf: engine.durableSeq, durationMs: 1, result },
  });
}

/** The catalogue's keeper without its file. */
function memoryCatalogue(engine: Engine): CatalogueEditor {
  return {
    current: () => engine.state.catalogue.catalogue,
    problem: () => null,
    async edit(change) {
      const next = change(engine.state.catalogue.catalogue);
      await engine.submit("catalogue.changed", next);
      return next;
    },
  };
}

function memoryLedger(committing: () => Promise<void>): Ledger {
  const details = new Map<string, Change>();
  return {
    load: async () => ({ seq: 0, changes: [] }),
    async commit(_seq, changes) {
      await committing();
      for (const change of changes) {
        if (!isDetail(change.kind)) continue;
        if (change.record === null) details.delete(`${change.kind} ${change.id}`);
        else details.set(`${change.kind} ${change.id}`, change);
      }
    },
    async readDetails(kind, ownerId) {
      const found = [...details.values()].filter(
        (change) => change.kind === kind && change.id.startsWith(`${ownerId}/`),
      );
      const parsers: { readonly [K in DetailKind]: Parser<RecordTypes[K]> } = recordParsers;
      return found.map(({ record }) => parsers[kind].parse(record));
    },
    close: async () => undefined,
  };
}
