import { type Static, Type } from "typebox";
import { Ec2Key, Ec2VolumeTypes } from "./ec2.ts";
import { EncryptionSpecs } from "./encryption.ts";
import { ExtraSpecs, Properties } from "./extra-specs.ts";
import { GroupType } from "./group-type.ts";
import { BackendId, Description, FlavorName, HostName, ProjectId, Uuid, ZoneName } from "./names.ts";
import { Nullable } from "./nullable.ts";
import { QosSpecs } from "./qos.ts";
import { NO_QUOTAS, Quotas } from "./quota.ts";
import { TargetName } from "./replication.ts";

/** Raised with a step in `scheduler/catalogue/migrations.ts`: a newer program reads older files, an older refuses newer. */
export const CATALOGUE_VERSION = 6;

export const ParameterValue = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);

export const Zone = Type.Object(
  {
    name: ZoneName,
    description: Description,
    /** What its backends share (`shared/drivers/zone-settings.ts` says what there is). Absent: nothing. Since version 4. */
    settings: Type.Optional(Type.Record(Type.String(), ParameterValue)),
  },
  { additionalProperties: false },
);
export type Zone = Static<typeof Zone>;

/** A promise to users. The order of `backends` is the first-fit order. */
export const Flavor = Type.Object(
  {
    id: Uuid,
    name: FlavorName,
    description: Description,
    backends: Type.Array(BackendId, { uniqueItems: true, maxItems: 10_000 }),
    /** What a backend must report to be taken, and what its driver is told. Absent: nothing. */
    extraSpecs: Type.Optional(ExtraSpecs),
    /** The name of its QoS; absent: no limits. */
    qos: Type.Optional(FlavorName),
    /** The projects that may use it; absent: all. */
    projects: Type.Optional(Type.Array(ProjectId, { uniqueItems: true, maxItems: 10_000 })),
    /** How the hosts that attach its volumes encrypt them; absent: not at all. Since version 6. */
    encryption: Type.Optional(EncryptionSpecs),
  },
  { additionalProperties: false },
);
export type Flavor = Static<typeof Flavor>;

/** `disabled`: no new volumes. `draining`: nothing new at all, it is to become empty. Both keep serving what is there. */
export const Admission = Type.Union([
  Type.Object({ state: Type.Literal("enabled") }, { additionalProperties: false }),
  Type.Object({ state: Type.Literal("disabled"), reason: Description }, { additionalProperties: false }),
  Type.Object({ state: Type.Literal("draining"), reason: Description }, { additionalProperties: false }),
]);
export type Admission = Static<typeof Admission>;

/** Settings that every backend has, whatever its driver. */
export const BackendSettings = Type.Object(
  {
    /** Jobs in hand at once, over all agents: the array's own limit. */
    maxConcurrent: Type.Integer({ minimum: 1, maximum: 1000 }),
    /** Percent of the pool that is never given out. */
    reservedPercentage: Type.Integer({ minimum: 0, maximum: 100 }),
    /** Thin backends only: how many times the capacity may be promised. */
    maxOverSubscriptionRatio: Type.Number({ minimum: 1, maximum: 1000 }),
    /** Physical space that must stay free whatever was promised. */
    physicalFreeFloorGib: Type.Integer({ minimum: 0 }),
    /** A report older than this is not believed; null: the scheduler's setting. */
    reportMaxAgeMs: Nullable(Type.Integer({ minimum: 1000 })),
    /** Place on a backend that cannot say how much is free? Its `no-space` answers still count. */
    allowUnknownCapacity: Type.Boolean(),
    /** What the operator says of it beside what its driver reports, for flavors to ask for. */
    properties: Type.Optional(Properties),
  },
  { additionalProperties: false },
);
export type BackendSettings = Static<typeof BackendSettings>;

/** Another system that mirrors a backend; its parameters are checked by the driver's own schema for them. */
export const ReplicationTarget = Type.Object(
  { name: TargetName, parameters: Type.Record(Type.String(), ParameterValue) },
  { additionalProperties: false },
);
export type ReplicationTarget = Static<typeof ReplicationTarget>;

export const Backend = Type.Object(
  {
    id: BackendId,
    name: FlavorName,
    driver: Type.String({ minLength: 1, maxLength: 40 }),
    zone: ZoneName,
    /** Storage that only one host reaches (a folder on its disk). */
    host: Nullable(HostName),
    /** The driver's own connection parameters, checked by its schema. Secrets are references: `file:/path`, `env:NAME`. */
    parameters: Type.Record(Type.String(), ParameterValue),
    settings: BackendSettings,
    admission: Admission,
    /** Absent: none. */
    replicationTargets: Type.Optional(Type.Array(ReplicationTarget, { maxItems: 8 })),
  },
  { additionalProperties: false },
);
export type Backend = Static<typeof Backend>;

/** What operators declare. Small, kept in one file that a person can read and edit. */
export const Catalogue = Type.Object(
  {
    version: Type.Literal(CATALOGUE_VERSION),
    nextBackendId: BackendId,
    /** The flavor of a request that names none; null: such a request is refused. */
    defaultFlavor: Nullable(FlavorName),
    zones: Type.Array(Zone, { maxItems: 1000 }),
    flavors: Type.Array(Flavor, { maxItems: 10_000 }),
    backends: Type.Array(Backend, { maxItems: 10_000 }),
    /** Since version 2. */
    quotas: Quotas,
    /** Since version 3. */
    qos: Type.Array(QosSpecs, { maxItems: 10_000 }),
    /** Kinds of groups, beside the one that is always there; absent: none. */
    groupTypes: Type.Optional(Type.Array(GroupType, { maxItems: 10_000 })),
    /** Projects whose requests without a flavor mean another one than `defaultFlavor`. Since version 3. */
    defaultFlavors: Type.Record(ProjectId, FlavorName, { maxProperties: 100_000, additionalProperties: false }),
    /** Who may ask by the EC2 API; absent: nobody. Since version 5. */
    ec2Keys: Type.Optional(Type.Array(Ec2Key, { maxItems: 10_000 })),
    /** What EC2's volume types mean; absent: each flavor is a type of its name, and the others mean the default flavor. */
    ec2VolumeTypes: Type.Optional(Ec2VolumeTypes),
  },
  { additionalProperties: false },
);
export type Catalogue = Static<typeof Catalogue>;

export const EMPTY_CATALOGUE: Catalogue = {
  version: CATALOGUE_VERSION,
  nextBackendId: 1,
  defaultFlavor: null,
  zones: [],
  flavors: [],
  backends: [],
  quotas: NO_QUOTAS,
  qos: [],
  defaultFlavors: {},
};
