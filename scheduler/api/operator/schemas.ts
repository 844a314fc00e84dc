import { type Static, type TSchema, Type } from "typebox";
import { Capability, Capacity } from "#shared/model/capacity.ts";
import { Admission, BackendSettings, ParameterValue, ReplicationTarget } from "#shared/model/catalogue.ts";
import { EncryptionSpecs } from "#shared/model/encryption.ts";
import { LastError } from "#shared/model/error-record.ts";
import { ExtraSpecs, Properties } from "#shared/model/extra-specs.ts";
import { BackendId, Description, FlavorName, ProjectId, SizeGib, Uuid, ZoneName } from "#shared/model/names.ts";
import { Nullable } from "#shared/model/nullable.ts";
import { Arithmetic, PlacementRecord, REASONS, type Reason, Verdict } from "#shared/model/placement.ts";
import { QosConsumer, QosLimits, QosSpecs } from "#shared/model/qos.ts";
import { Quota } from "#shared/model/quota.ts";
import { PlacementHints, ResetNote } from "#shared/model/volume.ts";
import { parser } from "#shared/schema.ts";
import { SpecChanges } from "../../catalogue/edits.ts";

/** What the operator API (`/berth/v1`) takes and gives: one place for the server, the command line and programs. */

/** What is asked for must be known: an unknown key is a slip, and slips in operators' requests are told. */
const STRICT = { additionalProperties: false } as const;

export const ErrorView = Type.Object({
  error: Type.Object({
    code: Type.String(),
    message: Type.String(),
    /** What a person can do about it. */
    next: Type.String(),
    requestId: Type.String(),
    details: Type.Record(Type.String(), Type.Unknown()),
  }),
});
export type ErrorView = Static<typeof ErrorView>;

/** `degraded`: an agent is down, a backend cannot be used, or the catalogue's file is broken. */
export const HealthView = Type.Object({
  status: Type.Union([Type.Literal("ok"), Type.Literal("degraded")]),
  schedulerId: Type.String(),
  version: Type.String(),
  ledgerSeq: Type.Integer(),
  /** Of several schedulers one leads; the others follow, and hand requests on to it. */
  role: Type.Union([Type.Literal("leader"), Type.Literal("standby")]),
  /** Where the leader answers; null: this is the only scheduler. */
  leaderUrl: Nullable(Type.String()),
  /** How many commits this scheduler is behind the leader. */
  lagCommits: Type.Integer({ minimum: 0 }),
  agentsUp: Type.Integer(),
  agentsDown: Type.Integer(),
  backendsUp: Type.Integer(),
  backendsTotal: Type.Integer(),
  /** Why the catalogue's file is not what is in force, with file and line; null: it is. */
  catalogueProblem: Nullable(Type.String()),
});
export type HealthView = Static<typeof HealthView>;
export const healthViews = parser(HealthView, "health");

export const AgentView = Type.Object({
  id: Type.String(),
  zone: Type.String(),
  host: Type.String(),
  pid: Type.Integer(),
  program: Type.String(),
  state: Type.Union([Type.Literal("up"), Type.Literal("down")]),
  lastSeenAgeMs: Type.Integer(),
  /** ISO 8601, by the agent's clock. */
  startedAt: Type.String(),
  jobsInHand: Type.Integer(),
  backends: Type.Array(
    Type.Object({
      id: Type.Integer(),
      /** null: it has left the catalogue and the agent has not noticed yet. */
      name: Nullable(Type.String()),
      state: Type.Union([Type.Literal("opening"), Type.Literal("open"), Type.Literal("failed")]),
      error: Nullable(Type.Object({ code: Type.String(), message: Type.String() })),
    }),
  ),
});
export type AgentView = Static<typeof AgentView>;
export const AgentList = Type.Object({ agents: Type.Array(AgentView) });
export type AgentList = Static<typeof AgentList>;

export const ZoneView = Type.Object({
  name: Type.String(),
  description: Type.String(),
  agentsUp: Type.Integer(),
  backends: Type.Integer(),
  volumes: Type.Integer(),
  /** What its backends share; where secrets lie is hidden. */
  settings: Type.Optional(Type.Record(Type.String(), ParameterValue)),
});
export type ZoneView = Static<typeof ZoneView>;
export const ZoneList = Type.Object({ zones: Type.Array(ZoneView) });
export type ZoneList = Static<typeof ZoneList>;
export const ZoneAnswer = Type.Object({ zone: ZoneView });
export type ZoneAnswer = Static<typeof ZoneAnswer>;
export const CreateZoneBody = Type.Object({ name: ZoneName, description: Type.Optional(Description) }, STRICT);
export type CreateZoneBody = Static<typeof CreateZoneBody>;
/** null takes a setting away. */
export const SetZoneBody = Type.Object(
  { settings: Type.Record(Type.String(), Nullable(ParameterValue), { maxProperties: 100 }) },
  STRICT,
);
export type SetZoneBody = Static<typeof SetZoneBody>;

export const FlavorView = Type.Object({
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  isDefault: Type.Boolean(),
  /** The projects whose own default it is. */
  defaultOf: Type.Array(Type.String()),
  extraSpecs: ExtraSpecs,
  /** The name of its QoS; null: no limits. */
  qos: Nullable(Type.String()),
  /** Who may use it; null: all projects. */
  projects: Nullable(Type.Array(Type.String())),
  /** How hosts encrypt its volumes; null: not at all. */
  encryption: Nullable(EncryptionSpecs),
  /** In first-fit order. */
  backends: Type.Array(Type.Object({ id: Type.Integer(), name: Type.String(), zone: Type.String() })),
});
export type FlavorView = Static<typeof FlavorView>;
export const FlavorList = Type.Object({ flavors: Type.Array(FlavorView) });
export type FlavorList = Static<typeof FlavorList>;
export const FlavorAnswer = Type.Object({ flavor: FlavorView });
export type FlavorAnswer = Static<typeof FlavorAnswer>;
export const CreateFlavorBody = Type.Object(
  {
    name: FlavorName,
    description: Type.Optional(Description),
    extraSpecs: Type.Optional(ExtraSpecs),
    qos: Type.Optional(Nullable(FlavorName)),
    projects: Type.Optional(Nullable(Type.Array(ProjectId, { uniqueItems: true, maxItems: 10_000 }))),
  },
  STRICT,
);
export type CreateFlavorBody = Static<typeof CreateFlavorBody>;
export const FlavorBackendsBody = Type.Object({ backends: Type.Array(BackendId, { maxItems: 10_000 }) }, STRICT);
export type FlavorBackendsBody = Static<typeof FlavorBackendsBody>;
/** `project`: only of that one; null as the name: then the common one again. */
export const DefaultFlavorBody = Type.Object({ name: Nullable(FlavorName), project: Type.Optional(ProjectId) }, STRICT);
export type DefaultFlavorBody = Static<typeof DefaultFlavorBody>;
export const DefaultFlavorAnswer = Type.Object({ name: Nullable(Type.String()) });
export type DefaultFlavorAnswer = Static<typeof DefaultFlavorAnswer>;

export const QosView = Type.Object({ ...QosSpecs.properties, flavors: Type.Array(Type.String()) });
export type QosView = Static<typeof QosView>;
export const QosList = Type.Object({ qos: Type.Array(QosView) });
export type QosList = Static<typeof QosList>;
export const QosAnswer = Type.Object({ qos: QosView });
export type QosAnswer = Static<typeof QosAnswer>;
export const CreateQosBody = Type.Object(
  { name: FlavorName, consumer: Type.Optional(QosConsumer), specs: Type.Optional(QosLimits) },
  STRICT,
);
export type CreateQosBody = Static<typeof CreateQosBody>;
export const ChangeQosBody = Type.Object(
  { consumer: Type.Optional(QosConsumer), specs: Type.Optional(SpecChanges) },
  STRICT,
);
export type ChangeQosBody = Static<typeof ChangeQosBody>;

export const QuotaLineView = Type.Object({
  kind: Type.Union([
    Type.Literal("volumes"),
    Type.Literal("snapshots"),
    Type.Literal("gib"),
    Type.Literal("groups"),
    Type.Literal("perVolumeGib"),
  ]),
  /** null: over all flavors. */
  flavor: Nullable(Type.String()),
  /** The project's own or the default one; -1: none. */
  limit: Type.Integer(),
  used: Type.Integer(),
});
export type QuotaLineView = Static<typeof QuotaLineView>;
export const QuotaView = Type.Object({ project: Type.String(), limits: Type.Array(QuotaLineView) });
export type QuotaView = Static<typeof QuotaView>;
export const QuotaAnswer = Type.Object({ quota: QuotaView });
export type QuotaAnswer = Static<typeof QuotaAnswer>;
export const DefaultQuotaAnswer = Type.Object({ default: Quota });
export type DefaultQuotaAnswer = Static<typeof DefaultQuotaAnswer>;
/** Every project that has a quota of its own, or anything at all. */
export const QuotaList = Type.Object({ default: Quota, quotas: Type.Array(QuotaView) });
export type QuotaList = Static<typeof QuotaList>;

export const BackendHealthName = Type.Union([
  Type.Literal("up"),
  Type.Literal("down"),
  Type.Literal("no-report"),
  Type.Literal("report-old"),
  Type.Literal("agent-down"),
]);
export type BackendHealthName = Static<typeof BackendHealthName>;

export const CapacityView = Type.Object({
  poolId: Type.String(),
  totalBytes: Capacity,
  freeBytes: Capacity,
  /** What this backend alone may promise of its pool; null: all of it. */
  limitBytes: Nullable(Type.Number()),
  /** What the largest new volume could be, by the sums that placing uses. */
  availableBytes: Capacity,
  provisionedBytes: Type.Number(),
  /** Placed there and not yet in a report. */
  unmeasuredBytes: Type.Number(),
  objectCount: Type.Integer(),
  maxObjects: Nullable(Type.Integer()),
  thin: Type.Boolean(),
  capabilities: Type.Array(Capability),
  /** What extra specs of flavors are compared with; told of single backends only. */
  properties: Type.Optional(Properties),
});
export type CapacityView = Static<typeof CapacityView>;

export const BackendView = Type.Object({
  id: Type.Integer(),
  name: Type.String(),
  driver: Type.String(),
  zone: Type.String(),
  host: Nullable(Type.String()),
  /** References to secrets are told by their kind only: `file:[hidden]`, `env:[hidden]`. */
  parameters: Type.Record(Type.String(), ParameterValue),
  settings: BackendSettings,
  admission: Admission,
  /** The side in force: `default`, or a target's name. */
  side: Type.String(),
  frozen: Type.Boolean(),
  replicationTargets: Type.Array(ReplicationTarget),
  flavors: Type.Array(Type.String()),
  health: BackendHealthName,
  /** Why it is not up, as a sentence; null when it is. */
  healthDetail: Nullable(Type.String()),
  reportAgeMs: Nullable(Type.Integer()),
  /** The agent that measured last. */
  reportedBy: Nullable(Type.String()),
  capacity: Nullable(CapacityView),
  volumes: Type.Integer(),
  snapshots: Type.Integer(),
  jobsInHand: Type.Integer(),
  jobsWaiting: Type.Integer(),
});
export type BackendView = Static<typeof BackendView>;
export const BackendList = Type.Object({ backends: Type.Array(BackendView) });
export type BackendList = Static<typeof BackendList>;
export const BackendAnswer = Type.Object({ backend: BackendView });
export type BackendAnswer = Static<typeof BackendAnswer>;

/** The catalogue's check tells what is wrong with names, together with all that is wrong with the parameters. */
const GivenName = Type.String({ maxLength: 255 });

/** `parameters` takes the common settings as well, by the names of the Xen line (`name_label`, `reserved_percentage` …). */
export const AddBackendBody = Type.Object(
  {
    driver: Type.String({ minLength: 1, maxLength: 40 }),
    flavor: Type.Optional(Nullable(GivenName)),
    /** Absent: the only zone, if there is but one. */
    zone: Type.Optional(Nullable(GivenName)),
    name: Type.Optional(Nullable(GivenName)),
    host: Type.Optional(Nullable(GivenName)),
    parameters: Type.Record(Type.String({ maxLength: 64 }), ParameterValue, { maxProperties: 100 }),
    replicationTargets: Type.Optional(Type.Array(ReplicationTarget, { maxItems: 8 })),
  },
  STRICT,
);
export type AddBackendBody = Static<typeof AddBackendBody>;

export const ChangeBackendBody = Type.Object(
  {
    settings: Type.Partial(BackendSettings, STRICT),
    /** The whole list; absent: as it is. */
    replicationTargets: Type.Optional(Type.Array(ReplicationTarget, { maxItems: 8 })),
  },
  STRICT,
);
export type ChangeBackendBody = Static<typeof ChangeBackendBody>;
export const AdmissionBody = Admission;
export type AdmissionBody = Static<typeof AdmissionBody>;
export const FlavorMemberBody = Type.Object(
  /** Its place in the first-fit order, 0 is first; absent: last. */
  { position: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000 })) },
  STRICT,
);
export type FlavorMemberBody = Static<typeof FlavorMemberBody>;

export const DriverView = Type.Union([
  Type.Object({
    name: Type.String(),
    title: Type.String(),
    built: Type.Literal(true),
    /** A `backend add` line that works. */
    example: Type.String(),
    /** JSON Schema; `secret: true` marks what is given by reference. */
    parameters: Type.Unsafe<TSchema>({}),
  }),
  Type.Object({ name: Type.String(), title: Type.String(), built: Type.Literal(false) }),
]);
export type DriverView = Static<typeof DriverView>;
export const DriverList = Type.Object({ drivers: Type.Array(DriverView) });
export type DriverList = Static<typeof DriverList>;

/** As recorded, with a sentence for people. */
export const VerdictView = Type.Object({
  ...Verdict.properties,
  reason: Nullable(Type.Unsafe<Reason>({ type: "string", enum: [...REASONS] })),
  arithmetic: Nullable(Arithmetic),
  text: Type.String(),
});
export type VerdictView = Static<typeof VerdictView>;
export const RoundView = Type.Object({
  ...Type.Omit(PlacementRecord, ["volumeId", "verdicts"]).properties,
  verdicts: Type.Array(VerdictView),
});
export type RoundView = Static<typeof RoundView>;

export const PlacementAnswer = Type.Object({
  volumeId: Type.String(),
  name: Type.String(),
  status: Type.String(),
  flavor: Nullable(Type.String()),
  backend: Nullable(Type.Object({ id: Type.Integer(), name: Type.String() })),
  /** The last thing that went wrong with it. */
  lastError: Nullable(LastError),
  /** The last time that a person said what its state is. */
  reset: Nullable(ResetNote),
  /** First round first. */
  rounds: Type.Array(RoundView),
});
export type PlacementAnswer = Static<typeof PlacementAnswer>;

export const LastErrorAnswer = Type.Object({
  id: Type.String(),
  status: Type.String(),
  lastError: Nullable(LastError),
  /** The last time that a person said what its state is; volumes only. */
  reset: Nullable(ResetNote),
});
export type LastErrorAnswer = Static<typeof LastErrorAnswer>;

export const DryRunBody = Type.Object(
  {
    flavor: Type.Optional(Nullable(Type.String({ maxLength: 255 }))),
    sizeGib: Type.Optional(Nullable(SizeGib)),
    zone: Type.Optional(Nullable(Type.String({ maxLength: 255 }))),
    snapshotId: Type.Optional(Nullable(Uuid)),
    volumeId: Type.Optional(Nullable(Uuid)),
    groupId: Type.Optional(Nullable(Uuid)),
    ...Type.Partial(PlacementHints).properties,
    /** Whose snapshot or volume; absent: `default`. */
    project: Type.Optional(ProjectId),
  },
  STRICT,
);
export type DryRunBody = Static<typeof DryRunBody>;
export const DryRunAnswer = Type.Object({ round: RoundView });
export type DryRunAnswer = Static<typeof DryRunAnswer>;
