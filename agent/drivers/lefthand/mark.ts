import type { OwnerMark } from "#shared/model/operation.ts";

/**
 * Stands in an object's description and says that it is ours. `whole`: nothing is left to do. `unfinished`: a copy that
 * has not come to its end. `on-own-snapshot`: a clone for which a snapshot was made that cannot go before it.
 */
export interface Mark {
  readonly writtenAtMs: number;
  readonly state: MarkState;
  /** Of a snapshot: the volume whose state it is. Of a volume: the snapshot that it stands upon. */
  readonly aboutId: string | null;
  /** null: nobody said whose it is, or it did not fit. */
  readonly owner: OwnerMark | null;
}

export type MarkState = "whole" | "unfinished" | "on-own-snapshot";

const PREFIX = "berth1";
const STATES = { whole: "w", unfinished: "u", "on-own-snapshot": "k" } as const satisfies Record<MarkState, string>;

/**
 * One word without blanks, quotes or anything that a command line gives a meaning to, of at most `limit` characters:
 * a user's name of the object is cut to what fits, then the flavor's; without its project's whole id no owner is told.
 */
export function printMark(mark: Mark, limit: number): string {
  const { writtenAtMs, state, aboutId, owner } = mark;
  const head = [PREFIX, writtenAtMs.toString(36), STATES[state], shortId(aboutId)].join(":");
  if (owner === null) return head;
  const { volumeId, projectId, flavorName, name } = owner;
  const whose = `${head}:${shortId(volumeId ?? null)}:${encoded(projectId)}:`;
  if (whose.length >= limit) return head;
  const flavor = cut(flavorName, limit - whose.length - 1);
  return `${whose}${flavor}:${cut(name, limit - whose.length - flavor.length - 1)}`;
}

/** null: it is not one of ours. */
export function parseMark(text: string): Mark | null {
  const [prefix, writtenAt = "", letter, about = "", moved = "", project, flavor = "", name = ""] = text.split(":");
  const state = states.find((one) => STATES[one] === letter);
  const writtenAtMs = Number.parseInt(writtenAt, 36);
  if (prefix !== PREFIX || state === undefined || !Number.isSafeInteger(writtenAtMs) || writtenAtMs < 0) return null;
  const aboutId = wholeId(about);
  const volumeId = wholeId(moved);
  const [projectId, flavorName, ownName] = [decoded(project ?? ""), decoded(flavor), decoded(name)];
  if ([aboutId, volumeId, projectId, flavorName, ownName].includes(undefined)) return null;
  const owner: OwnerMark | null =
    project === undefined || projectId === undefined || flavorName === undefined || ownName === undefined
      ? null
      : { projectId, flavorName, name: ownName, ...(typeof volumeId === "string" ? { volumeId } : {}) };
  return { writtenAtMs, state, aboutId: aboutId ?? null, owner };
}

const states: readonly MarkState[] = ["whole", "unfinished", "on-own-snapshot"];

/** A UUID in 22 characters instead of 36: descriptions are short. */
function shortId(id: string | null): string {
  return id === null ? "" : Buffer.from(id.replaceAll("-", ""), "hex").toString("base64url");
}

/** null: none; undefined: not one. */
function wholeId(text: string): string | null | undefined {
  if (text === "") return null;
  const hex = Buffer.from(text, "base64url").toString("hex");
  return /^[\w-]{22}$/.test(text) && hex.length === 32
    ? hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
    : undefined;
}

function encoded(text: string): string {
  const whole = text.isWellFormed() ? text : text.toWellFormed();
  return encodeURIComponent(whole).replace(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Of the encoded text as many whole characters as fit. */
function cut(text: string, limit: number): string {
  let fitting = "";
  for (const char of text) {
    const next = fitting + encoded(char);
    if (next.length > limit) break;
    fitting = next;
  }
  return fitting;
}
