import type { Measurement } from "#shared/model/capacity.ts";
import { type Backend, BackendSettings, type Flavor } from "#shared/model/catalogue.ts";
import type { ExtraSpecs, PropertyValue, Provisioning, VolumeSpec } from "#shared/model/extra-specs.ts";
import type { QosSpecs } from "#shared/model/qos.ts";
import { parser } from "#shared/schema.ts";
import { backEndQos } from "./qos.ts";
import { costsFor, reportedProperties } from "./reported.ts";
import { compileSpec, isTrueText, type SpecTest } from "./spec-match.ts";

/** The zones that a flavor keeps to, as the field spells it, and without its prefix. */
const ZONE_KEYS = ["RESKEY:availability_zones", "availability_zones"];
const PROVISIONING_KEY = "provisioning:type";
const RATIO_KEY = "provisioning:max_over_subscription_ratio";
const ratios = parser(BackendSettings.properties.maxOverSubscriptionRatio);
const OWN_KEYS: ReadonlySet<string> = new Set([PROVISIONING_KEY, RATIO_KEY]);
/** Keys that say what a volume is, not only where it may be: with them changed, volumes would not be what was promised. */
const PROMISES: ReadonlySet<string> = new Set([PROVISIONING_KEY, "compression", "multiattach", "replication_enabled"]);

interface Asked {
  readonly key: string;
  /** The name under which backends report it. */
  readonly name: string;
  readonly wanted: string;
  readonly isMet: SpecTest;
}

interface Judged {
  readonly backend: Backend;
  readonly measurement: Measurement;
  readonly mismatch: string | null;
}

/** A flavor's extra specs and QoS, read once, so that a decision only compares. */
export class FlavorTerms {
  readonly provisioning: Provisioning | null;
  /** How often the capacity may have been promised where its volumes go; null: as often as the backend lets it. */
  readonly maxOverSubscriptionRatio: number | null;
  readonly compression: boolean;
  readonly multiattach: boolean;
  /** Its volumes are mirrored on their backend's targets. */
  readonly replication: boolean;
  readonly qos: QosSpecs | null;
  /** null: any. */
  readonly zones: ReadonlySet<string> | null;
  readonly #vendor: Readonly<Record<string, string>>;
  readonly #asked: readonly Asked[];
  /** What was said of each backend, until it is another or measured anew. */
  readonly #judged = new Map<number, Judged>();

  constructor(specs: ExtraSpecs, qos: QosSpecs | null) {
    const entries = Object.entries(specs);
    const zones = entries.find(([key]) => ZONE_KEYS.includes(key))?.[1];
    this.zones = zones === undefined ? null : new Set(zones.split(",").map((zone) => zone.trim()));
    this.provisioning = readProvisioning(specs);
    this.maxOverSubscriptionRatio = readRatio(specs);
    this.compression = isPromised(specs, "compression");
    this.multiattach = isPromised(specs, "multiattach");
    this.replication = isPromised(specs, "replication_enabled");
    this.qos = qos;
    this.#vendor = Object.fromEntries(entries.filter(([key]) => isDriversOwn(key)));
    this.#asked = entries.filter(([key]) => isCompared(key)).map(([key, wanted]) => asked(key, wanted));
  }

  static readonly NONE = new FlavorTerms({}, null);

  /** The storage system itself is to keep limits. */
  get needsQos(): boolean {
    return this.qos !== null && this.qos.consumer !== "front-end";
  }

  /** Which key asks for what, and what the backend says instead; null: it is as asked for. */
  mismatch(backend: Backend, measurement: Measurement): string | null {
    if (this.#asked.length === 0 && this.provisioning === null && this.zones === null) return null;
    const known = this.#judged.get(backend.id);
    if (known !== undefined && known.backend === backend && known.measurement === measurement) return known.mismatch;
    const mismatch = this.#compare(backend, measurement);
    this.#judged.set(backend.id, { backend, measurement, mismatch });
    return mismatch;
  }

  /** What a driver is told of a volume of this size; undefined: there is nothing to tell. */
  specOf(sizeGib: number): VolumeSpec | undefined {
    const qos = backEndQos(this.qos, sizeGib);
    const { provisioning, compression, replication } = this;
    if (provisioning === null && !compression && !replication && qos === null && Object.keys(this.#vendor).length === 0)
      return undefined;
    const mirrored = replication ? { replication } : {};
    return { provisioning, compression, ...mirrored, vendor: { ...this.#vendor }, qos };
  }

  #compare(backend: Backend, measurement: Measurement): string | null {
    const { zones, provisioning } = this;
    if (zones !== null && !zones.has(backend.zone))
      return `availability_zones is ${shown([...zones].join(","))}, it is in ${backend.zone}`;
    if (costsFor(measurement, provisioning) === null)
      return `${PROVISIONING_KEY} is ${provisioning}, it makes ${measurement.thin ? "thin" : "thick"} volumes only`;
    if (this.#asked.length === 0) return null;
    const properties = reportedProperties(backend, measurement);
    for (const { key, name, wanted, isMet } of this.#asked) {
      const reported = Object.hasOwn(properties, name) ? properties[name] : undefined;
      if (reported === undefined) return `${key} is ${shown(wanted)}, it reports nothing of that name`;
      if (!isMet(reported)) return `${key} is ${shown(wanted)}, it reports ${reportedText(reported)}`;
    }
    return null;
  }
}

/** What of a flavor's extra specs its volumes were promised: it cannot change while it has any. */
export function promisesOf(specs: ExtraSpecs): ExtraSpecs {
  return Object.fromEntries(
    Object.entries(specs).filter(([key]) => PROMISES.has(withoutScope(key)) || isDriversOwn(key)),
  );
}

/** What is wrong with the values that Berth itself must understand, by key. */
export function specFaults(
  specs: Readonly<Record<string, unknown>>,
): { readonly key: string; readonly message: string }[] {
  const faults: { key: string; message: string }[] = [];
  const { [PROVISIONING_KEY]: type, [RATIO_KEY]: ratio } = specs;
  if (typeof type === "string" && !["thin", "thick"].includes(type))
    faults.push({ key: PROVISIONING_KEY, message: `must be thin or thick, not ${shown(type)}` });
  if (typeof ratio === "string" && !ratios.check(ratioOf(ratio)))
    faults.push({ key: RATIO_KEY, message: `must be a number from 1 to 1000, not ${shown(ratio)}` });
  return faults;
}

function asked(key: string, wanted: string): Asked {
  return { key, name: withoutScope(key), wanted, isMet: compileSpec(wanted) };
}

function withoutScope(key: string): string {
  return key.startsWith("capabilities:") ? key.slice("capabilities:".length) : key;
}

function isCompared(key: string): boolean {
  return (!key.includes(":") || key.startsWith("capabilities:")) && !ZONE_KEYS.includes(key);
}

function isDriversOwn(key: string): boolean {
  return !isCompared(key) && !ZONE_KEYS.includes(key) && !OWN_KEYS.has(key) && !key.startsWith("RESKEY:");
}

function readProvisioning(specs: ExtraSpecs): Provisioning | null {
  const type = specs[PROVISIONING_KEY];
  return type === "thin" || type === "thick" ? type : null;
}

function readRatio(specs: ExtraSpecs): number | null {
  const text = specs[RATIO_KEY];
  return text === undefined ? null : ratioOf(text);
}

/** NaN: it is no number as people write it. */
function ratioOf(text: string): number {
  return /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : Number.NaN;
}

/** `<is> True`, or just a word that means it. */
function isPromised(specs: ExtraSpecs, name: string): boolean {
  const wanted = specs[name] ?? specs[`capabilities:${name}`];
  return wanted !== undefined && isTrueText(wanted.replace(/^<is>\s+/, ""));
}

function shown(text: string): string {
  return JSON.stringify(text);
}

function reportedText(value: PropertyValue): string {
  const text = JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

export function termsOf(flavor: Flavor, qos: readonly QosSpecs[]): FlavorTerms {
  if (flavor.extraSpecs === undefined && flavor.qos === undefined) return FlavorTerms.NONE;
  return new FlavorTerms(flavor.extraSpecs ?? {}, qos.find(({ name }) => name === flavor.qos) ?? null);
}
