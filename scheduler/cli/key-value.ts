import { usageFailure } from "./failure.ts";

/**
 * `key=value` words as on the Xen command line. Only the first `=` divides. A faulty word is named by its place and
 * never shown: it may be a secret that lost its key.
 */
export function parseKeyValues(words: readonly string[], what: string): Record<string, string> {
  const pairs = new Map<string, string>();
  words.forEach((word, index) => {
    const divider = word.indexOf("=");
    if (divider < 1) throw usageFailure(`${what} ${index + 1} is not written key=value`);
    const key = word.slice(0, divider);
    if (pairs.has(key)) throw usageFailure(`${what} ${key} is given twice`);
    pairs.set(key, word.slice(divider + 1));
  });
  return Object.fromEntries(pairs);
}

/** `name=dr,key=value,…`: a replication target, one word on the command line. */
export function parseTargets(
  words: readonly string[] = [],
): { readonly name: string; readonly parameters: Record<string, string> }[] {
  return words.map((word) => {
    const { name, ...parameters } = parseKeyValues(word.split(","), "part of --replication-target");
    if (name === undefined) throw usageFailure("--replication-target needs a name: name=dr,key=value,…");
    return { name, parameters };
  });
}

export function parseWholeNumber(text: string, what: string): number {
  const number = Number(text);
  if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(number))
    throw usageFailure(`${what} must be a whole number, not ${JSON.stringify(text)}`);
  return number;
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration as people type it (`45s`, `30m`, `1h`, `7d`), in milliseconds. */
export function parseDuration(text: string, what: string): number {
  const [, number, unit = ""] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const unitMs = UNIT_MS[unit];
  if (number === undefined || unitMs === undefined)
    throw usageFailure(`${what} must be a time such as 45s, 30m, 1h or 7d, not ${JSON.stringify(text)}`);
  return Number(number) * unitMs;
}

/** Seconds, as typed, in milliseconds. */
export function parseSeconds(text: string, what: string): number {
  const seconds = Number(text);
  if (text.trim() === "" || !Number.isFinite(seconds) || seconds <= 0)
    throw usageFailure(`${what} must be a number of seconds above 0, not ${JSON.stringify(text)}`);
  return seconds * 1000;
}
