import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { BerthError } from "#shared/errors.ts";

/** From here on metadata have ETags. */
export const ETAGS_SINCE = 15;

/** Of what is told: the same words, the same tag. */
export function etagOf(told: unknown): string {
  return `"${createHash("sha256").update(JSON.stringify(told)).digest("hex").slice(0, 32)}"`;
}

/** Throws E_PRECONDITION if `If-Match` names none that fits what would be told now. Some clients write no quotes. */
export function requireMatch(headers: IncomingHttpHeaders, told: unknown): void {
  const given = headers["if-match"];
  if (given === undefined || given.trim() === "*") return;
  const tag = etagOf(told).slice(1, -1);
  const named = given.split(",").map((one) => one.trim().replace(/^"|"$/g, ""));
  if (!named.includes(tag))
    throw new BerthError("E_PRECONDITION", "It has changed since: If-Match names another ETag.");
}
