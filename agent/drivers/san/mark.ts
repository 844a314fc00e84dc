import { deflateRawSync, inflateRawSync } from "node:zlib";
import { type Static, Type } from "typebox";
import { Bytes, Uuid } from "#shared/model/names.ts";
import { OwnerMark } from "#shared/model/operation.ts";
import { parser } from "#shared/schema.ts";
import { DriverError } from "../driver.ts";
import { objectOfName } from "../names.ts";
import type { ObjectMark, SanRef } from "./array.ts";

/** What stands on a SAN beside an object of ours, in whatever field the system has for a description. */
export const SanMark = Type.Object({
  kind: Type.Union([Type.Literal("volume"), Type.Literal("snapshot")]),
  id: Uuid,
  /** Of a snapshot: whose state it is. */
  volumeId: Uuid,
  /** Of a volume that is a copy: how large it is to be when it is whole. */
  sizeBytes: Bytes,
  owner: OwnerMark,
  /** When it was written, by the agent's clock. */
  writtenAtMs: Type.Integer({ minimum: 0 }),
});
export type SanMark = Static<typeof SanMark>;

const sanMark = parser(SanMark);
const PREFIX = "berth1:";
/** A field may have been written by anybody. */
const MAX_MARK_BYTES = 16 * 1024;
const SHORTEST_NAME = 8;

/**
 * The mark as text of letters, digits, `-`, `_` and one colon: nothing that any command line could take for its own. Where
 * the system has less room than that takes (`maxLength` characters) the object's name, which is for people, is cut.
 * null: not even that fits.
 */
export function printMark(mark: SanMark, maxLength: number): string | null {
  const text = PREFIX + deflateRawSync(JSON.stringify(mark), { level: 9 }).toString("base64url");
  if (text.length <= maxLength) return text;
  const { name } = mark.owner;
  if (name.length <= SHORTEST_NAME) return null;
  const cut = [...name].slice(0, Math.floor([...name].length / 2)).join("");
  return printMark({ ...mark, owner: { ...mark.owner, name: cut } }, maxLength);
}

/** null: it is none of ours. */
export function parseMark(text: string): SanMark | null {
  if (!text.startsWith(PREFIX)) return null;
  try {
    const json = inflateRawSync(Buffer.from(text.slice(PREFIX.length), "base64url"), {
      maxOutputLength: MAX_MARK_BYTES,
    });
    const value: unknown = JSON.parse(json.toString("utf8"));
    return sanMark.check(value) ? value : null;
  } catch {
    return null;
  }
}

/**
 * The mark for an object of that size, which a copy may not have as yet.
 * @throws DriverError `not-done` when the system has no room for it, or nobody says whose the object is
 */
export function markText(
  { kind, sizeBytes }: Pick<SanRef, "kind" | "sizeBytes">,
  { id, volumeId, owner, writtenAtMs }: ObjectMark,
  maxLength: number,
): string {
  if (owner === null) throw new DriverError("not-done", `nobody says whose ${kind} ${id} is`);
  const text = printMark({ kind, id, volumeId, sizeBytes, owner, writtenAtMs }, maxLength);
  if (text === null) throw new DriverError("not-done", "the system has no room for our mark");
  return text;
}

/** Of an object under that name of ours; null: there is none, or one that was copied with something else. */
export function markUnder(name: string, text: string): SanMark | null {
  const object = objectOfName(name);
  const mark = parseMark(text);
  return object !== null && mark?.kind === object.kind && mark.id === object.id ? mark : null;
}
