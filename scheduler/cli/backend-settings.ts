import type { ChangeBackendBody } from "#scheduler/api/operator/schemas.ts";
import { didYouMean } from "#scheduler/catalogue/nearest.ts";
import type { Properties } from "#shared/model/extra-specs.ts";
import { usageFailure } from "./failure.ts";

/** What stands before a property's name. */
const PROPERTY = "property:";

type Settings = ChangeBackendBody["settings"];

/** The common settings by their names on the command line; the API has its own names and units. */
const SETTINGS: Readonly<Record<string, (text: string) => Settings>> = {
  max_concurrent: (text) => ({ maxConcurrent: number("max_concurrent", text) }),
  reserved_percentage: (text) => ({ reservedPercentage: number("reserved_percentage", text) }),
  max_over_subscription_ratio: (text) => ({ maxOverSubscriptionRatio: number("max_over_subscription_ratio", text) }),
  physical_free_floor_gib: (text) => ({ physicalFreeFloorGib: number("physical_free_floor_gib", text) }),
  report_max_age_s: (text) => ({
    reportMaxAgeMs: text === "default" ? null : Math.round(number("report_max_age_s", text) * 1000),
  }),
  allow_unknown_capacity: (text) => ({ allowUnknownCapacity: boolean("allow_unknown_capacity", text) }),
};

export const SETTING_NAMES: readonly string[] = Object.keys(SETTINGS);

/** Ranges are the scheduler's to check; here only names and forms are. */
export function parseSettings(pairs: Readonly<Record<string, string>>, properties: Properties = {}): Settings {
  let settings: Settings = {};
  for (const [key, text] of Object.entries(pairs)) {
    if (key.startsWith(PROPERTY)) {
      settings = { ...settings, properties: { ...(settings.properties ?? properties), ...property(key, text) } };
      continue;
    }
    const parse = SETTINGS[key];
    if (parse === undefined)
      throw usageFailure(
        `${key} is not a setting that can be changed${didYouMean(key, SETTING_NAMES)}`,
        settingsHelp(),
      );
    settings = { ...settings, ...parse(text) };
  }
  return settings.properties === undefined ? settings : { ...settings, properties: given(settings.properties) };
}

/** Nothing after the `=` takes it away. A list is written with commas; true and false are what they look like. */
function property(key: string, text: string): Properties {
  const name = key.slice(PROPERTY.length);
  if (text === "true" || text === "false") return { [name]: text === "true" };
  return { [name]: text.includes(",") ? text.split(",") : text };
}

function given(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== ""));
}

function settingsHelp(): string {
  return `Settings are ${SETTING_NAMES.join(", ")}, and property:NAME. Other parameters are given at \`berth backend add\`.`;
}

function number(key: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw usageFailure(`${key} must be a number`);
  return value;
}

function boolean(key: string, text: string): boolean {
  if (text !== "true" && text !== "false") throw usageFailure(`${key} must be true or false`);
  return text === "true";
}
