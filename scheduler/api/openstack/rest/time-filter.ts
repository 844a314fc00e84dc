import { BerthError } from "#shared/errors.ts";

type Compare = (time: number, given: number) => boolean;

const COMPARISONS: ReadonlyMap<string, Compare> = new Map<string, Compare>([
  ["gt", (time, given) => time > given],
  ["gte", (time, given) => time >= given],
  ["eq", (time, given) => time === given],
  ["neq", (time, given) => time !== given],
  ["lt", (time, given) => time < given],
  ["lte", (time, given) => time <= given],
]);

/** Times without a zone are UTC, as the field's answers write them. */
const TIME_FORM = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}:\d{2})(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?$/;

/** `gt:2026-11-01T00:00:00,lt:…`: what must be true of an item's time. Throws E_BAD_REQUEST. */
export function timeTests<T>(name: string, text: string, timeOf: (item: T) => number): ((item: T) => boolean)[] {
  return text.split(",").map((part) => {
    const colon = part.indexOf(":");
    const compare = COMPARISONS.get(part.slice(0, colon));
    const given = readTime(part.slice(colon + 1));
    if (compare === undefined || given === null)
      throw new BerthError(
        "E_BAD_REQUEST",
        `filter ${name} must be written OP:TIME, with commas between several: OP is one of ${[...COMPARISONS.keys()].join(", ")}, TIME is like 2026-11-01T00:00:00`,
      );
    return (item) => compare(timeOf(item), given);
  });
}

function readTime(text: string): number | null {
  const parts = TIME_FORM.exec(text.trim());
  if (parts === null) return null;
  const [, day, clock = "00:00:00", fraction = "", zone = "Z"] = parts;
  const time = Date.parse(`${day}T${clock}${fraction.slice(0, 4)}${zone}`);
  return Number.isNaN(time) ? null : time;
}
