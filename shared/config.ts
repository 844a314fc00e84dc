import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { type Static, type TObject, Type } from "typebox";
import { BerthError } from "./errors.ts";
import { HostName, ZoneName } from "./model/names.ts";
import { parser, sentence } from "./schema.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const Port = Type.Integer({ minimum: 1, maximum: 65_535 });
const DurationMs = Type.Integer({ minimum: 1, maximum: 7 * 24 * 3_600_000 });
const LongDurationMs = Type.Integer({ minimum: 1, maximum: 366 * 24 * 3_600_000 });
const LogLevel = Type.Union(["trace", "debug", "info", "warn", "error"].map((level) => Type.Literal(level)));

/** Settings that both programs have. The name of a setting in the environment is in its `env`. */
const Common = {
  natsUrl: Type.String({ env: "BERTH_NATS_URL", default: "nats://127.0.0.1:4222" }),
  natsUser: Type.String({ env: "BERTH_NATS_USER", default: "" }),
  natsPasswordFile: Type.String({ env: "BERTH_NATS_PASSWORD_FILE", default: "" }),
  dataFolder: Type.String({ env: "BERTH_DATA", default: ".berth", minLength: 1 }),
  /** The keys that seal CHAP secrets, as text; empty: they are in a file. */
  secretKey: Type.String({ env: "BERTH_SECRET_KEY", default: "" }),
  secretKeyFile: Type.String({ env: "BERTH_SECRET_KEY_FILE", default: "" }),
  logLevel: Type.Unsafe<string>({ ...LogLevel, env: "BERTH_LOG_LEVEL", default: "info" }),
  heartbeatIntervalMs: Type.Integer({ ...DurationMs, env: "BERTH_HEARTBEAT_INTERVAL_MS", default: 2_000 }),
  /** How long the queue waits for a job's agent before it gives the job to another. */
  ackWaitMs: Type.Integer({ ...DurationMs, env: "BERTH_ACK_WAIT_MS", default: 10_000 }),
};

/** Who may ask, over which door, and what is written down of it. */
const AccessConfig = {
  /** `noauth`: whoever reaches the port is an administrator. `tokens:FILE`: tokens of a file. */
  auth: Type.String({
    env: "BERTH_AUTH",
    default: "noauth",
    pattern: "^(noauth|keystone|tokens:.+)$",
    description: "noauth, keystone, or tokens:FILE",
  }),
  keystoneUrl: Type.String({
    env: "BERTH_KEYSTONE_URL",
    default: "",
    pattern: "^(https?://[^/\\s]+\\S*)?$",
    description: "an http or https URL",
  }),
  /** Berth's own account there, in `keystoneProject`; both of the domain with this id. */
  keystoneUser: Type.String({ env: "BERTH_KEYSTONE_USER", default: "berth" }),
  keystoneProject: Type.String({ env: "BERTH_KEYSTONE_PROJECT", default: "service" }),
  keystoneDomain: Type.String({ env: "BERTH_KEYSTONE_DOMAIN", default: "default" }),
  /** The id of an application credential, in place of user and project. */
  keystoneApplicationCredential: Type.String({ env: "BERTH_KEYSTONE_APPLICATION_CREDENTIAL", default: "" }),
  /** The file with the account's password, or the application credential's secret. */
  keystonePasswordFile: Type.String({ env: "BERTH_KEYSTONE_PASSWORD_FILE", default: "" }),
  /** Certificates (PEM) that Keystone's is signed by; empty: those that Node knows. */
  keystoneCaFile: Type.String({ env: "BERTH_KEYSTONE_CA", default: "" }),
  keystoneTimeoutMs: Type.Integer({ ...DurationMs, env: "BERTH_KEYSTONE_TIMEOUT_MS", default: 5_000 }),
  /** For how long a token that was found good is not asked about again; so long a revoked one may go on. */
  tokenCacheMs: Type.Integer({ ...DurationMs, env: "BERTH_TOKEN_CACHE_MS", default: 300_000 }),
  tlsCertFile: Type.String({ env: "BERTH_TLS_CERT", default: "" }),
  tlsKeyFile: Type.String({ env: "BERTH_TLS_KEY", default: "" }),
  /** Certificates (PEM) that the other schedulers' are signed by; empty: those that Node knows, and this one's own. */
  tlsCaFile: Type.String({ env: "BERTH_TLS_CA", default: "" }),
  /** Requests of one project within a second, over time; 0: no limit. */
  ratePerS: Type.Integer({ env: "BERTH_RATE_LIMIT", default: 0, minimum: 0, maximum: 1_000_000 }),
  /** So many may come at once. */
  rateBurst: Type.Integer({ env: "BERTH_RATE_BURST", default: 100, minimum: 1, maximum: 1_000_000 }),
  /** Who may read `/metrics`. */
  metricsAccess: Type.Unsafe<"admin" | "open">({
    ...Type.Union([Type.Literal("admin"), Type.Literal("open")]),
    env: "BERTH_METRICS",
    default: "admin",
  }),
  /** A file for what is written down of every request that changes something; empty: the log, unless nobody is known by name. */
  auditLogFile: Type.String({ env: "BERTH_AUDIT_LOG", default: "" }),
};

const SchedulerConfig = Type.Object({
  ...Common,
  ...AccessConfig,
  apiHost: Type.String({ env: "BERTH_API_HOST", default: "127.0.0.1" }),
  apiPort: Type.Integer({ ...Port, env: "BERTH_API_PORT", default: 8776 }),
  /** Where clients reach the API, for links in its answers; empty: as their request says. */
  publicUrl: Type.String({ env: "BERTH_PUBLIC_URL", default: "" }),
  /** `nats`: several schedulers share the records, and the one that has the lease leads. */
  ledger: Type.Unsafe<"embedded" | "nats">({
    ...Type.Union([Type.Literal("embedded"), Type.Literal("nats")]),
    env: "BERTH_LEDGER",
    default: "embedded",
  }),
  /** A leader that is silent for so long is followed by another. */
  leaseMs: Type.Integer({ ...DurationMs, env: "BERTH_LEASE_MS", default: 3_000, minimum: 300 }),
  /** Where the other schedulers reach this one's API; empty: BERTH_API_HOST and BERTH_API_PORT. */
  advertiseUrl: Type.String({ env: "BERTH_ADVERTISE_URL", default: "", pattern: "^(https?://[^/]+)?$" }),
  catalogueFile: Type.String({ env: "BERTH_CATALOGUE", default: "" }),
  natsReplicas: Type.Integer({ env: "BERTH_NATS_REPLICAS", default: 1, minimum: 1, maximum: 5 }),
  tickIntervalMs: Type.Integer({ ...DurationMs, env: "BERTH_TICK_INTERVAL_MS", default: 500 }),
  missedHeartbeats: Type.Integer({ env: "BERTH_MISSED_HEARTBEATS", default: 3, minimum: 1 }),
  reportMaxAgeMs: Type.Integer({ ...DurationMs, env: "BERTH_REPORT_MAX_AGE_MS", default: 120_000 }),
  placementDeadlineMs: Type.Integer({ ...DurationMs, env: "BERTH_PLACEMENT_DEADLINE_MS", default: 60_000 }),
  operationDeadlineMs: Type.Integer({ ...DurationMs, env: "BERTH_OPERATION_DEADLINE_MS", default: 600_000 }),
  jobTimeoutMs: Type.Integer({ ...DurationMs, env: "BERTH_JOB_TIMEOUT_MS", default: 120_000 }),
  retryBaseMs: Type.Integer({ ...DurationMs, env: "BERTH_RETRY_BASE_MS", default: 500 }),
  retryMaxMs: Type.Integer({ ...DurationMs, env: "BERTH_RETRY_MAX_MS", default: 60_000 }),
  resendIntervalMs: Type.Integer({ ...DurationMs, env: "BERTH_RESEND_INTERVAL_MS", default: 15_000 }),
  idempotencyTtlMs: Type.Integer({ ...DurationMs, env: "BERTH_IDEMPOTENCY_TTL_MS", default: 24 * 3_600_000 }),
  tombstoneTtlMs: Type.Integer({ ...DurationMs, env: "BERTH_TOMBSTONE_TTL_MS", default: 7 * 24 * 3_600_000 }),
  /** How long users are told why something failed. */
  messageTtlMs: Type.Integer({ ...LongDurationMs, env: "BERTH_MESSAGE_TTL_MS", default: 30 * 24 * 3_600_000 }),
  /** So many of the last events are kept with the records, for whoever reads on from where it was. */
  eventsKept: Type.Integer({ env: "BERTH_EVENTS_KEPT", default: 10_000, minimum: 100, maximum: 1_000_000 }),
  /** How long, and how much of them, events stay on nats-server for programs that were not there. */
  eventsMaxAgeMs: Type.Integer({ ...LongDurationMs, env: "BERTH_EVENTS_MAX_AGE_MS", default: 7 * 24 * 3_600_000 }),
  eventsMaxBytes: Type.Integer({
    env: "BERTH_EVENTS_MAX_BYTES",
    default: 256 * 1024 * 1024,
    minimum: 1024 * 1024,
    maximum: 1024 ** 4,
  }),
  connectTimeoutMs: Type.Integer({ ...DurationMs, env: "BERTH_CONNECT_TIMEOUT_MS", default: 30_000 }),
  /** How often each backend is looked at for what stands there again after it was deleted. */
  sweepIntervalMs: Type.Integer({ ...DurationMs, env: "BERTH_SWEEP_INTERVAL_MS", default: 600_000 }),
});
export type SchedulerConfig = Static<typeof SchedulerConfig>;

const AgentConfig = Type.Object({
  ...Common,
  zone: Type.String({ ...ZoneName, env: "BERTH_ZONE" }),
  agentId: Type.String({ env: "BERTH_AGENT_ID", default: "", pattern: "^[A-Za-z0-9._-]{0,64}$" }),
  host: Type.String({ ...HostName, env: "BERTH_AGENT_HOST", default: hostToken(hostname()) }),
  /** `host:port` of the iSCSI target of this host, several with commas; empty: it has none, and its volumes cannot be connected. */
  iscsiPortal: Type.String({ env: "BERTH_ISCSI_PORTAL", default: "", pattern: "^([^\\s,]+(,[^\\s,]+)*)?$" }),
  tgtControlPort: Type.Integer({ env: "BERTH_TGT_CONTROL_PORT", default: 0, minimum: 0, maximum: 32_767 }),
  reportIntervalMs: Type.Integer({ ...DurationMs, env: "BERTH_REPORT_INTERVAL_MS", default: 15_000 }),
  /** After work on a backend: how soon it is measured again. */
  reportAfterWorkMs: Type.Integer({ ...DurationMs, env: "BERTH_REPORT_AFTER_WORK_MS", default: 1_000 }),
  measureTimeoutMs: Type.Integer({ ...DurationMs, env: "BERTH_MEASURE_TIMEOUT_MS", default: 30_000 }),
  openTimeoutMs: Type.Integer({ ...DurationMs, env: "BERTH_OPEN_TIMEOUT_MS", default: 30_000 }),
  /** How often exports are looked after that a target may have forgotten. */
  exportLookMs: Type.Integer({ ...DurationMs, env: "BERTH_EXPORT_LOOK_MS", default: 10_000 }),
  /** On SIGTERM: how long jobs in hand may finish before they are handed back. */
  drainMs: Type.Integer({ ...DurationMs, env: "BERTH_DRAIN_MS", default: 10_000 }),
});
export type AgentConfig = Static<typeof AgentConfig>;

const schedulerParser = parser(SchedulerConfig, "settings");
const agentParser = parser(AgentConfig, "settings");

/** Reads the scheduler's settings; all faults are told at once, by the names in the environment. */
export function schedulerConfig(environment: Environment): Readonly<SchedulerConfig> {
  const values = gather(SchedulerConfig, environment);
  refuseFaults(SchedulerConfig, schedulerParser.faults(values));
  const config = schedulerParser.parse(values);
  refuseHalves(config);
  const dataFolder = resolve(config.dataFolder);
  return Object.freeze({
    ...config,
    dataFolder,
    advertiseUrl: config.advertiseUrl === "" ? ownUrl(config) : config.advertiseUrl,
    catalogueFile: config.catalogueFile === "" ? resolve(dataFolder, "catalogue.json") : resolve(config.catalogueFile),
    secretKeyFile: keyFile(config.secretKeyFile, dataFolder),
  });
}

/** Where this scheduler's API is, as its own settings have it. */
export function ownUrl({ apiHost, apiPort, tlsCertFile }: SchedulerConfig): string {
  return `${tlsCertFile === "" ? "http" : "https"}://${apiHost}:${apiPort}`;
}

/** What only works together. */
function refuseHalves({ auth, keystoneUrl, keystonePasswordFile, tlsCertFile, tlsKeyFile }: SchedulerConfig): void {
  const missing: string[] = [];
  if (auth === "keystone" && keystoneUrl === "") missing.push("BERTH_AUTH=keystone needs BERTH_KEYSTONE_URL");
  if (auth === "keystone" && keystonePasswordFile === "")
    missing.push("BERTH_AUTH=keystone needs BERTH_KEYSTONE_PASSWORD_FILE");
  if ((tlsCertFile === "") !== (tlsKeyFile === "")) missing.push("BERTH_TLS_CERT and BERTH_TLS_KEY go together");
  if (missing.length > 0) throw new BerthError("E_CONFIG", `settings are wrong: ${missing.join("; ")}`);
}

export function agentConfig(environment: Environment): Readonly<AgentConfig> {
  const values = gather(AgentConfig, environment);
  refuseFaults(AgentConfig, agentParser.faults(values));
  const config = agentParser.parse(values);
  const dataFolder = resolve(config.dataFolder);
  return Object.freeze({
    ...config,
    dataFolder,
    agentId: config.agentId === "" ? `${config.zone}-${config.host}-${process.pid}` : config.agentId,
    secretKeyFile: keyFile(config.secretKeyFile, dataFolder),
  });
}

export function natsCredentials(config: {
  readonly natsUser: string;
  readonly natsPasswordFile: string;
}): { user: string; password: string } | null {
  if (config.natsUser === "") return null;
  try {
    return { user: config.natsUser, password: readFileSync(config.natsPasswordFile, "utf8").trim() };
  } catch (cause) {
    throw new BerthError("E_CONFIG", "BERTH_NATS_USER is set and BERTH_NATS_PASSWORD_FILE cannot be read", { cause });
  }
}

/** A host's name as it may stand in a subject: lower case, dots as hyphens. */
export function hostToken(name: string): string {
  const token = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 40);
  return token.replaceAll(/-+$/g, "") || "host";
}

function keyFile(configured: string, dataFolder: string): string {
  return configured === "" ? resolve(dataFolder, "secret.key") : resolve(configured);
}

function gather(schema: TObject, environment: Environment): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(schema.properties)) {
    const text = "env" in property && typeof property.env === "string" ? environment[property.env] : undefined;
    if (text !== undefined && text !== "") {
      const isNumber = "type" in property && property.type === "integer" && /^-?\d+(\.\d+)?$/.test(text);
      values[name] = isNumber ? Number(text) : text;
    } else if ("default" in property) values[name] = property.default;
  }
  return values;
}

function refuseFaults(schema: TObject, faults: readonly { readonly path: string; readonly message: string }[]): void {
  if (faults.length === 0) return;
  const told = faults.map((fault) => {
    const property = schema.properties[fault.path.slice(1)];
    const env = property !== undefined && "env" in property ? String(property.env) : null;
    return env === null ? missingName(schema, fault.message) : `${env} ${fault.message}`;
  });
  throw new BerthError("E_CONFIG", `settings are wrong: ${told.join("; ")}`, { details: { faults } });
}

/** A required setting that is absent is reported on the whole object: name those without a default. */
function missingName(schema: TObject, message: string): string {
  const needed = Object.values(schema.properties)
    .filter((property) => !("default" in property) && "env" in property)
    .map((property) => ("env" in property ? String(property.env) : ""));
  return message.includes("required") ? `${needed.join(", ")} must be set` : sentence({ path: "", message });
}
