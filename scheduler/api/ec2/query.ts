import { isUtf8 } from "node:buffer";
import { Ec2Refusal } from "./refusal.ts";

/** One name with its value, decoded. */
export type Pair = readonly [name: string, value: string];

/** What a request says: a text, or what stands under its names (`Filter.1.Name`). */
export type Given = string | Map<string, Given>;

/** More than the deepest name of the API has parts (`TagSpecification.1.Tag.1.Key`). */
const MAX_PARTS = 8;

/** Names and values of a query or a form. A space comes as `+` or as `%20`. Throws MalformedQueryString. */
export function parsePairs(text: string): Pair[] {
  return text
    .split("&")
    .filter((part) => part !== "")
    .map((part) => {
      const equals = part.indexOf("=");
      return equals === -1 ? [decoded(part), ""] : [decoded(part.slice(0, equals)), decoded(part.slice(equals + 1))];
    });
}

/** The same of a body, which must be UTF-8. */
export function parseForm(body: Buffer): Pair[] {
  if (!isUtf8(body)) throw new Ec2Refusal("MalformedQueryString", "The request's body is not UTF-8 text");
  return parsePairs(body.toString("utf8"));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch (cause) {
    throw new Ec2Refusal(
      "MalformedQueryString",
      "The request has a % that no two hexadecimal digits of UTF-8 follow",
      cause,
    );
  }
}

/** `A.1.B=x` becomes a map in a map. What is said twice, or both as a text and as a list, says nothing. */
export function nested(pairs: readonly Pair[]): Map<string, Given> {
  const root = new Map<string, Given>();
  for (const [name, value] of pairs) {
    const parts = name.split(".");
    const last = parts.pop() ?? "";
    if (parts.length >= MAX_PARTS) throw unknownParameter(name);
    let place = root;
    for (const part of parts) {
      const next: Given = place.get(part) ?? new Map<string, Given>();
      if (typeof next === "string") throw saidTwice(name);
      place.set(part, next);
      place = next;
    }
    if (place.has(last)) throw saidTwice(name);
    place.set(last, value);
  }
  return root;
}

export function unknownParameter(name: string): Ec2Refusal {
  return new Ec2Refusal("UnknownParameter", `The parameter ${name.slice(0, 100)} is not recognized`);
}

function saidTwice(name: string): Ec2Refusal {
  return new Ec2Refusal("InvalidParameterValue", `The parameter ${name.slice(0, 100)} is given more than once`);
}
