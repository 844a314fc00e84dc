import { didYouMean, nearest } from "#scheduler/catalogue/nearest.ts";
import { type Failure, usageFailure } from "./failure.ts";
import type { Place } from "./place.ts";

const YARGS_MESSAGE =
  /^(Unknown (?:argument|command)s?|Missing required arguments?|Not enough arguments following|Not enough non-option arguments): (.*)$/s;

/** What yargs found wrong, in our words and with what was probably meant. */
export function usageError(message: string, argv: readonly string[], place: Place): Failure {
  const [, kind, rest = ""] = YARGS_MESSAGE.exec(message) ?? [];
  if (kind?.startsWith("Unknown")) return usageFailure(unknownText(rest.split(", "), argv, place));
  if (kind?.startsWith("Missing required")) return usageFailure(`${optionList(rest)} is missing`);
  if (kind === "Not enough arguments following") return usageFailure(`${optionList(rest)} needs a value`);
  if (kind === "Not enough non-option arguments") return usageFailure(`too few words: ${place.level.usage}`);
  return usageFailure(message);
}

/** An option that is not a list and was given twice comes as a list; which of them was meant nobody can know. */
export function refuseRepeated(args: Readonly<Record<string, unknown>>, lists: readonly string[]): true {
  // Options of several words come under both their spellings.
  const spelled = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const repeated = Object.entries(args).find(
    ([name, value]) => name !== "_" && Array.isArray(value) && !lists.includes(name) && !lists.includes(spelled(name)),
  );
  if (repeated !== undefined) throw usageFailure(`--${repeated[0]} is given twice`);
  return true;
}

function optionList(names: string): string {
  return names
    .split(", ")
    .map((name) => `--${name}`)
    .join(", ");
}

/** One fault at a time: a word that is not known makes all behind it unknown as well. */
function unknownText(unknown: readonly string[], argv: readonly string[], place: Place): string {
  for (const name of unknown) {
    const option = argv.find((word) => word === `--${name}` || word.startsWith(`--${name}=`) || word === `-${name}`);
    if (option === undefined) continue;
    const guess = nearest(name, place.options);
    return `${option.split("=", 1)[0]} is not an option here${guess === null ? "" : `; did you mean --${guess}?`}`;
  }
  const word = unknown[0] ?? "";
  return `${JSON.stringify(word)} is not known here${didYouMean(word, place.level.words)}`;
}
