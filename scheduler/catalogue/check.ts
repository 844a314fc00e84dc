import { type Static, Type } from "typebox";
import { DRIVERS, findDriver, KNOWN_DRIVERS } from "#shared/drivers/index.ts";
import { ZoneSettings } from "#shared/drivers/zone-settings.ts";
import { Backend, Catalogue, Flavor, ParameterValue, Zone } from "#shared/model/catalogue.ts";
import { DEFAULT_GROUP_TYPE } from "#shared/model/group-type.ts";
import { Nullable } from "#shared/model/nullable.ts";
import { NUMBER_LIMITS, QosSpecs } from "#shared/model/qos.ts";
import { type Fault, parser } from "#shared/schema.ts";
import { backendLocation } from "../core/backend-location.ts";
import { specFaults } from "../core/flavor-terms.ts";
import { didYouMean } from "./nearest.ts";
import { parameterFaults } from "./parameters.ts";
import { targetFaults } from "./replication-targets.ts";

const LISTS = {
  zones: parser(Zone),
  flavors: parser(Flavor),
  backends: parser(Backend),
  qos: parser(QosSpecs),
} as const;

const frame = parser(
  Type.Object(
    {
      ...Catalogue.properties,
      zones: Type.Array(Type.Unknown(), { maxItems: 1000 }),
      flavors: Type.Array(Type.Unknown(), { maxItems: 10_000 }),
      backends: Type.Array(Type.Unknown(), { maxItems: 10_000 }),
      qos: Type.Array(Type.Unknown(), { maxItems: 10_000 }),
    },
    { additionalProperties: false },
  ),
);

const LooseQuota = Type.Object({ flavors: Type.Optional(Type.Record(Type.String(), Type.Unknown())) });

/** As much of the form as the checks of meaning need: one wrong number shall not hide what else is wrong. */
const Loose = Type.Object({
  nextBackendId: Type.Number(),
  defaultFlavor: Nullable(Type.String()),
  zones: Type.Array(
    Type.Object({ name: Type.String(), settings: Type.Optional(Type.Record(Type.String(), Type.Unknown())) }),
  ),
  flavors: Type.Array(
    Type.Object({
      id: Type.String(),
      name: Type.String(),
      backends: Type.Array(Type.Number()),
      extraSpecs: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
      qos: Type.Optional(Type.String()),
    }),
  ),
  backends: Type.Array(
    Type.Object({
      id: Type.Number(),
      name: Type.String(),
      driver: Type.String(),
      zone: Type.String(),
      host: Nullable(Type.String()),
      parameters: Type.Record(Type.String(), Type.Unknown()),
      replicationTargets: Type.Optional(
        Type.Array(Type.Object({ name: Type.String(), parameters: Type.Record(Type.String(), ParameterValue) })),
      ),
    }),
  ),
  quotas: Type.Object({ default: LooseQuota, projects: Type.Record(Type.String(), LooseQuota) }),
  qos: Type.Array(
    Type.Object({ id: Type.String(), name: Type.String(), specs: Type.Record(Type.String(), Type.Unknown()) }),
  ),
  defaultFlavors: Type.Record(Type.String(), Type.String()),
  ec2Keys: Type.Optional(Type.Array(Type.Object({ accessKeyId: Type.String() }))),
  ec2VolumeTypes: Type.Optional(Type.Record(Type.String(), Type.String())),
  groupTypes: Type.Optional(Type.Array(Type.Object({ id: Type.String(), name: Type.String() }))),
});
type Loose = Static<typeof Loose>;
type LooseBackend = Loose["backends"][number];
const loose = parser(Loose);

/** All that is wrong with a catalogue, form and meaning; empty when it can be put in force. Paths are JSON pointers into it. */
export function checkCatalogue(value: unknown): Fault[] {
  const form = formFaults(value);
  if (!loose.check(value)) return form;
  const told = new Set(form.map(({ path }) => path));
  return [...form, ...meaningFaults(value).filter(({ path }) => !told.has(path))];
}

/** Element by element, for a schema's list of faults is cut short after a few. */
function formFaults(value: unknown): Fault[] {
  const faults = frame.faults(value);
  if (!frame.check(value)) return faults;
  for (const name of ["zones", "flavors", "backends", "qos"] as const)
    for (const [n, element] of value[name].entries())
      faults.push(...under(`/${name}/${n}`, LISTS[name].faults(element)));
  return faults;
}

function meaningFaults(catalogue: Loose): Fault[] {
  const { zones, flavors, backends, qos, defaultFlavors } = catalogue;
  const highestId = Math.max(0, ...backends.map(({ id }) => id));
  const flavorNames = flavors.map(({ name }) => name);
  return [
    ...taken(
      "zones",
      "name",
      zones.map(({ name }) => name),
      "zone",
    ),
    ...taken(
      "flavors",
      "id",
      flavors.map(({ id }) => id),
      "flavor",
    ),
    ...taken("flavors", "name", flavorNames, "flavor"),
    ...taken(
      "backends",
      "id",
      backends.map(({ id }) => id),
      "backend",
    ),
    ...taken(
      "backends",
      "name",
      backends.map(({ name }) => name),
      "backend",
    ),
    ...(catalogue.nextBackendId > highestId
      ? []
      : [{ path: "/nextBackendId", message: `must be greater than ${highestId}, the highest backend id` }]),
    ...(catalogue.defaultFlavor === null || flavorNames.includes(catalogue.defaultFlavor)
      ? []
      : [{ path: "/defaultFlavor", message: unknownName(catalogue.defaultFlavor, flavorNames) }]),
    ...Object.entries(defaultFlavors).flatMap(([project, name]) =>
      flavorNames.includes(name)
        ? []
        : [{ path: `/defaultFlavors/${project}`, message: unknownName(name, flavorNames) }],
    ),
    ...taken(
      "qos",
      "id",
      qos.map(({ id }) => id),
      "QoS",
    ),
    ...taken(
      "qos",
      "name",
      qos.map(({ name }) => name),
      "QoS",
    ),
    ...groupTypeFaults(catalogue),
    ...taken(
      "ec2Keys",
      "accessKeyId",
      (catalogue.ec2Keys ?? []).map(({ accessKeyId }) => accessKeyId),
      "EC2 key",
    ),
    ...Object.entries(catalogue.ec2VolumeTypes ?? {}).flatMap(([type, name]) =>
      flavorNames.includes(name) ? [] : [{ path: `/ec2VolumeTypes/${type}`, message: unknownName(name, flavorNames) }],
    ),
    ...zones.flatMap(({ settings = {} }, n) =>
      under(`/zones/${n}/settings`, parameterFaults(ZoneSettings, settings, "a zone")),
    ),
    ...memberFaults(catalogue),
    ...promiseFaults(catalogue),
    ...limitFaults(catalogue),
    ...backends.flatMap((backend, n) => under(`/backends/${n}`, backendFaults(backend, catalogue))),
    ...placeFaults(backends),
    ...quotaFaults(catalogue, flavorNames),
  ];
}

function taken(list: string, field: string, values: readonly (string | number)[], kind: string): Fault[] {
  const seen = new Set<string | number>();
  return values.flatMap((value, n) => {
    if (seen.has(value))
      return [{ path: `/${list}/${n}/${field}`, message: `${value} is taken: another ${kind} has it` }];
    seen.add(value);
    return [];
  });
}

function groupTypeFaults({ groupTypes = [] }: Loose): Fault[] {
  const used = groupTypes.flatMap(({ name }, n) =>
    name === DEFAULT_GROUP_TYPE.name
      ? [{ path: `/groupTypes/${n}/name`, message: `${name} is taken: a group type of that name is always there` }]
      : [],
  );
  const values = (field: "id" | "name") => groupTypes.map((type) => type[field]);
  const twice = (["id", "name"] as const).flatMap((field) => taken("groupTypes", field, values(field), "group type"));
  return [...used, ...twice];
}

function memberFaults({ flavors, backends }: Loose): Fault[] {
  const ids = new Set(backends.map(({ id }) => id));
  return flavors.flatMap((flavor, n) =>
    flavor.backends.flatMap((id, place) =>
      ids.has(id)
        ? []
        : [{ path: `/flavors/${n}/backends/${place}`, message: `names backend ${id}, which does not exist` }],
    ),
  );
}

/** What flavors ask for beside their backends. */
function promiseFaults({ flavors, qos }: Loose): Fault[] {
  const names = qos.map(({ name }) => name);
  return flavors.flatMap(({ extraSpecs = {}, qos: wanted }, n) => [
    ...specFaults(extraSpecs).map(({ key, message }) => ({ path: `/flavors/${n}/extraSpecs/${key}`, message })),
    ...(wanted === undefined || names.includes(wanted)
      ? []
      : [{ path: `/flavors/${n}/qos`, message: unknownName(wanted, names) }]),
  ]);
}

function limitFaults({ qos }: Loose): Fault[] {
  return qos.flatMap(({ specs }, n) =>
    Object.entries(specs)
      .filter(([key, value]) => NUMBER_LIMITS.has(key) && typeof value === "string" && !/^\d{1,15}$/.test(value))
      .map(([key]) => ({ path: `/qos/${n}/specs/${key}`, message: "must be a whole number, at least 0" })),
  );
}

function backendFaults(
  { driver: name, zone, parameters, replicationTargets = [] }: LooseBackend,
  { zones }: Loose,
): Fault[] {
  const faults: Fault[] = [];
  const zoneNames = zones.map((known) => known.name);
  if (!zoneNames.includes(zone)) faults.push({ path: "/zone", message: unknownName(zone, zoneNames) });
  const driver = findDriver(name);
  if (driver === undefined) faults.push({ path: "/driver", message: driverFault(name) });
  else
    faults.push(
      ...under("/parameters", parameterFaults(driver.parameters, parameters, name)),
      ...under("/replicationTargets", targetFaults(name, replicationTargets)),
      ...neededFaults(
        driver.zoneSettings ?? [],
        zones.find((one) => one.name === zone),
      ),
    );
  return faults;
}

/** What a driver needs of its zone, and nobody has said. */
function neededFaults(needed: readonly string[], zone: Loose["zones"][number] | undefined): Fault[] {
  const missing = needed.filter((name) => zone !== undefined && !Object.hasOwn(zone.settings ?? {}, name));
  if (zone === undefined || missing.length === 0) return [];
  const command = `berth zone set ${zone.name} ${missing.map((name) => `${name}=…`).join(" ")}`;
  return [{ path: "/zone", message: `has no ${missing.join(", ")}: ${command}` }];
}

function driverFault(name: string): string {
  const built = DRIVERS.map((driver) => driver.name);
  const list = `built are ${built.join(", ")}`;
  if (Object.hasOwn(KNOWN_DRIVERS, name)) return `${name} (${KNOWN_DRIVERS[name]}) is known but not built yet; ${list}`;
  return `${name} does not exist; ${list}${didYouMean(name, [...built, ...Object.keys(KNOWN_DRIVERS)])}`;
}

/** Two backends on one place would count its space twice and meet each other's objects. */
function placeFaults(backends: readonly LooseBackend[]): Fault[] {
  const places = new Map<string, LooseBackend[]>();
  return backends.flatMap((backend, n) => {
    const location = backendLocation(backend);
    if (location === null) return [];
    const key = [backend.driver, backend.zone, location].join("\n");
    const neighbours = places.get(key) ?? [];
    places.set(key, [...neighbours, backend]);
    // A backend of no host is reached from all of them.
    const there = neighbours.find(({ host }) => host === backend.host || host === null || backend.host === null);
    if (there === undefined) return [];
    const [parameter] = findDriver(backend.driver)?.location ?? [];
    return [
      {
        path: `/backends/${n}/parameters/${parameter}`,
        message: `${location.replaceAll("\n", " ")} is where backend ${there.id} (${there.name}) is already`,
      },
    ];
  });
}

function quotaFaults({ quotas }: Loose, flavorNames: readonly string[]): Fault[] {
  const places: [string, Static<typeof LooseQuota>][] = [
    ["/quotas/default", quotas.default],
    ...Object.entries(quotas.projects).map(([project, quota]): [string, Static<typeof LooseQuota>] => [
      `/quotas/projects/${project}`,
      quota,
    ]),
  ];
  return places.flatMap(([path, { flavors = {} }]) =>
    Object.keys(flavors)
      .filter((name) => !flavorNames.includes(name))
      .map((name) => ({ path: `${path}/flavors/${name}`, message: unknownName(name, flavorNames) })),
  );
}

function unknownName(name: string, known: readonly string[]): string {
  return `${name} does not exist${didYouMean(name, known)}`;
}

function under(prefix: string, faults: readonly Fault[]): Fault[] {
  return faults.map(({ path, message }) => ({ path: `${prefix}${path}`, message }));
}
