import { findDriver, KNOWN_DRIVERS } from "#shared/drivers/index.ts";
import { BerthError, type ErrorCode } from "#shared/errors.ts";
import type { Backend, Catalogue, ReplicationTarget } from "#shared/model/catalogue.ts";
import { type Fault, parser, sentence } from "#shared/schema.ts";
import { checkCatalogue } from "./check.ts";
import { didYouMean } from "./nearest.ts";
import { convertParameters, type Parameters, parameterFaults } from "./parameters.ts";
import { convertTargets } from "./replication-targets.ts";
import { CommonParameters, settingsFrom } from "./settings.ts";

export interface AddBackend {
  /** Name or id of the flavor it goes behind, as the last one; null: none yet. */
  readonly flavor: string | null;
  readonly driver: string;
  /** null: the only zone there is. */
  readonly zone: string | null;
  /** null: `name_label`, or a name made of zone, driver and id. */
  readonly name: string | null;
  readonly host: string | null;
  /** The driver's own and the common ones (`CommonParameters`); values may be text, as in `key=value`. */
  readonly parameters: Parameters;
  readonly replicationTargets?: readonly ReplicationTarget[];
}

const commonParser = parser(CommonParameters);

/**
 * The catalogue with one more backend, enabled and last of its flavor. Refuses with all faults at once
 * (`details.faults`, each with the name as it was given): E_DRIVER_UNKNOWN, E_DRIVER_NOT_BUILT, E_BAD_REQUEST.
 */
export function addBackend(catalogue: Catalogue, input: AddBackend): Catalogue {
  const { own, named, commonFaults } = sorted(input);
  const zone = input.zone ?? (catalogue.zones.length === 1 ? catalogue.zones[0]?.name : undefined);
  const id = catalogue.nextBackendId;
  const targets = convertTargets(input.driver, input.replicationTargets ?? []);
  const backend: Backend = {
    id,
    name: input.name ?? named.name_label ?? `${zone ?? "zone"}-${input.driver}-${id}`,
    driver: input.driver,
    zone: zone ?? "",
    host: input.host ?? named.host ?? null,
    parameters: { ...own },
    settings: settingsFrom(named),
    admission: { state: "enabled" },
    ...(targets.length === 0 ? {} : { replicationTargets: targets }),
  };
  const next: Catalogue = {
    ...catalogue,
    nextBackendId: id + 1,
    backends: [...catalogue.backends, backend],
    flavors: catalogue.flavors.map((flavor) =>
      isNamed(flavor, input.flavor) ? { ...flavor, backends: [...flavor.backends, id] } : flavor,
    ),
  };
  const faults = [
    ...flavorFaults(catalogue, input.flavor),
    ...(zone === undefined ? [noZone(catalogue)] : []),
    ...commonFaults,
    ...ownFaults(next, own, input).filter(({ path }) => zone !== undefined || path !== "/zone"),
  ];
  if (faults.length === 0) return next;
  throw new BerthError(refusalCode(input.driver), `the backend cannot be added: ${faults.map(sentence).join("; ")}`, {
    details: { faults },
  });
}

function isNamed(flavor: { readonly id: string; readonly name: string }, idOrName: string | null): boolean {
  return flavor.name === idOrName || flavor.id === idOrName;
}

interface Sorted {
  readonly own: Parameters;
  /** Those of the common ones that are right. */
  readonly named: CommonParameters;
  readonly commonFaults: readonly Fault[];
}

/** Which of the given parameters are every backend's and which the driver's, with values converted. */
function sorted(input: AddBackend): Sorted {
  const entries = Object.entries(input.parameters);
  const isCommon = ([name]: readonly [string, unknown]): boolean => Object.hasOwn(CommonParameters.properties, name);
  const driver = findDriver(input.driver);
  const given = Object.fromEntries(entries.filter((entry) => !isCommon(entry)));
  const own = driver === undefined ? given : convertParameters(driver.parameters, given);

  const common = convertParameters(CommonParameters, Object.fromEntries(entries.filter(isCommon)));
  const commonFaults = parameterFaults(CommonParameters, common, "a backend");
  const wrong = new Set(commonFaults.map(({ path }) => path));
  const right = Object.fromEntries(Object.entries(common).filter(([name]) => !wrong.has(`/${name}`)));
  const named = commonParser.parse(right);
  return { own, named, commonFaults: [...commonFaults, ...contradictions(input, named)] };
}

/** Name and host can be given in two ways. */
function contradictions(input: AddBackend, named: CommonParameters): Fault[] {
  const pairs = [
    { path: "/name_label", common: named.name_label, own: input.name },
    { path: "/host", common: named.host, own: input.host },
  ];
  return pairs.flatMap(({ path, common, own }) =>
    common === undefined || own === null || common === own
      ? []
      : [{ path, message: `says ${common}, and the request says ${own}` }],
  );
}

/** What the whole catalogue's check says of the new backend, with the paths as the operator named things. */
function ownFaults(next: Catalogue, own: Parameters, { driver, parameters }: AddBackend): Fault[] {
  const prefix = `/backends/${next.backends.length - 1}/`;
  const declared = findDriver(driver)?.parameters;
  // Here a slip may as well be one of a common parameter's name.
  const common = Object.keys(CommonParameters.properties);
  const faults = declared === undefined ? [] : parameterFaults(declared, own, driver, common);
  const told = new Set(faults.map(({ path }) => path));
  for (const { path, message } of checkCatalogue(next)) {
    if (!path.startsWith(prefix)) continue;
    const field = path.slice(prefix.length - 1).replace(/^\/parameters(?=\/)/, "");
    const asGiven = field === "/name" && "name_label" in parameters ? "/name_label" : field;
    if (!told.has(asGiven)) faults.push({ path: asGiven, message });
  }
  return faults;
}

function flavorFaults({ flavors }: Catalogue, wanted: string | null): Fault[] {
  if (wanted === null || flavors.some((flavor) => isNamed(flavor, wanted))) return [];
  const names = flavors.map(({ name }) => name);
  return [{ path: "/flavor", message: `${wanted} does not exist${didYouMean(wanted, names)}` }];
}

function noZone({ zones }: Catalogue): Fault {
  const names = zones.map(({ name }) => name).join(", ");
  return {
    path: "/zone",
    message: zones.length === 0 ? "is missing: there is no zone yet, create one first" : `is missing: one of ${names}`,
  };
}

function refusalCode(driver: string): ErrorCode {
  if (findDriver(driver) !== undefined) return "E_BAD_REQUEST";
  return Object.hasOwn(KNOWN_DRIVERS, driver) ? "E_DRIVER_NOT_BUILT" : "E_DRIVER_UNKNOWN";
}
