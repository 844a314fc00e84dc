import { isSettable, isSizeProperty } from "./properties.ts";
import { Refusal } from "./refusal.ts";
import { parseSize } from "./sizes.ts";

/** Properties as they are given, by their names. */
export type Settings = Readonly<Record<string, string>>;

/** Sizes in bytes; what is no limit is left out. @throws Refusal for what cannot be set */
export function checkedSettings(given: Settings, what: string): Record<string, string> {
  const checked: Record<string, string> = {};
  for (const [property, value] of Object.entries(given)) {
    if (!isSettable(property)) throw new Refusal(`${what}: invalid property '${property}'`);
    checked[property] = isSizeProperty(property) ? String(sizeSetting(property, value, what)) : value;
    if (checked[property] === "0" && isSizeProperty(property)) delete checked[property];
  }
  return checked;
}

export function sizeSetting(property: string, value: string, what: string): number {
  const size = value === "none" ? 0 : parseSize(value);
  if (size === null) throw new Refusal(`${what}: bad numeric value '${value}' for '${property}'`);
  return size;
}
