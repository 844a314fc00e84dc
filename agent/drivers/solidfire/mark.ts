import { type Static, Type } from "typebox";
import { ForeignReference } from "#shared/model/foreign.ts";
import { Uuid } from "#shared/model/names.ts";
import type { OwnerMark } from "#shared/model/operation.ts";
import { parser } from "#shared/schema.ts";
import { DriverError } from "../driver.ts";
import { snapshotName, volumeName } from "../names.ts";

/** The array takes less than 1,000 bytes of attributes as JSON. */
const MAX_ATTRIBUTES_BYTES = 999;

export type Attributes = Readonly<Record<string, unknown>>;

interface Marked {
  readonly attributes: Attributes | null;
}

/** What a volume was before it was taken over. */
export interface Taken {
  /** Its own id on the array: copies that others make of a volume bear its attributes, too, and are not ours. */
  readonly arrayId: number;
  readonly name: string;
  readonly sizeBytes: number;
  readonly accountId: number;
}

/**
 * Our mark: attributes of a volume or a snapshot, all under names of our own, beside those of others, which stay. That
 * an object bears it, and not its name, makes it ours: names are not unique, and nobody can change them.
 */
export interface ElementMark {
  /** Of the volume, or of the snapshot. */
  readonly id: string;
  readonly owner: OwnerMark;
  /** Of a snapshot: whose state it is. */
  readonly volumeId?: string;
  /** The host that is let in by CHAP; "*": any that knows the secret. Absent: nobody is. */
  readonly host?: string;
  readonly taken?: Taken;
}

/** Plain texts, each under a name of its own, as the array's users keep theirs. */
const PrintedMark = Type.Object({
  berth: Uuid,
  "berth-project": Type.String(),
  "berth-flavor": Type.String(),
  "berth-name": Type.String(),
  "berth-of": Type.Optional(Uuid),
  "berth-volume": Type.Optional(Uuid),
  "berth-host": Type.Optional(Type.String()),
  /** Its own id, its account, bytes and name, with blanks between. */
  "berth-taken": Type.Optional(Type.String({ pattern: "^[0-9]+ [0-9]+ [0-9]+ .+$" })),
});
type PrintedMark = Static<typeof PrintedMark>;

const printedMark = parser(PrintedMark, "mark");

/** null: it is not ours: it bears no mark, or that of the volume that somebody copied. */
export function volumeMarkOf(
  volume: Marked & { readonly volumeID: number; readonly name: string },
): ElementMark | null {
  const mark = markOf(volume);
  if (mark === null || mark.volumeId !== undefined) return null;
  return volume.name === volumeName(mark.id) || mark.taken?.arrayId === volume.volumeID ? mark : null;
}

/** null: it is not ours. */
export function snapshotMarkOf(snapshot: Marked & { readonly name: string }): ElementMark | null {
  const mark = markOf(snapshot);
  return mark?.volumeId !== undefined && snapshot.name === snapshotName(mark.id) ? mark : null;
}

function markOf({ attributes }: Marked): ElementMark | null {
  if (!printedMark.check(attributes)) return null;
  const { berth: id, "berth-of": of, "berth-volume": volumeId, "berth-host": host, "berth-taken": taken } = attributes;
  return {
    id,
    owner: {
      projectId: attributes["berth-project"],
      flavorName: attributes["berth-flavor"],
      name: attributes["berth-name"],
      ...(of === undefined ? {} : { volumeId: of }),
    },
    ...(volumeId === undefined ? {} : { volumeId }),
    ...(host === undefined ? {} : { host }),
    ...(taken === undefined ? {} : { taken: parseTaken(taken) }),
  };
}

/** The attributes with our mark in them; a name that does not fit is shortened, for all the others must be whole. */
export function withMark(attributes: Attributes | null, mark: ElementMark): Attributes {
  const whole = { ...withoutOurs(attributes), ...printMark(mark) };
  if (sizeOf(whole) <= MAX_ATTRIBUTES_BYTES) return whole;
  for (const name of shorterNames(mark.owner.name)) {
    const shortened = { ...whole, "berth-name": name };
    if (sizeOf(shortened) <= MAX_ATTRIBUTES_BYTES) return shortened;
  }
  throw new DriverError("not-done", "the attributes that others gave this object leave no room for our mark");
}

/** Do both look the same on the array, where a name may be shortened? */
export function samePrint(one: ElementMark, other: ElementMark): boolean {
  return JSON.stringify(withMark(null, one)) === JSON.stringify(withMark(null, other));
}

function printMark({ id, owner, volumeId, host, taken }: ElementMark): PrintedMark {
  return {
    berth: id,
    "berth-project": owner.projectId,
    "berth-flavor": owner.flavorName,
    "berth-name": owner.name,
    ...(owner.volumeId === undefined ? {} : { "berth-of": owner.volumeId }),
    ...(volumeId === undefined ? {} : { "berth-volume": volumeId }),
    ...(host === undefined ? {} : { "berth-host": host }),
    ...(taken === undefined ? {} : { "berth-taken": printTaken(taken) }),
  };
}

function printTaken({ arrayId, accountId, sizeBytes, name }: Taken): string {
  return `${arrayId} ${accountId} ${sizeBytes} ${name}`;
}

function parseTaken(printed: string): Taken {
  const [arrayId, accountId, sizeBytes, ...name] = printed.split(" ");
  return {
    arrayId: Number(arrayId),
    accountId: Number(accountId),
    sizeBytes: Number(sizeBytes),
    name: name.join(" "),
  };
}

/** From the longest on; never half of a letter. */
function* shorterNames(name: string): Iterable<string> {
  for (const letters = [...name]; letters.length > 0; ) {
    letters.pop();
    yield letters.join("");
  }
}

function sizeOf(attributes: Attributes): number {
  return Buffer.byteLength(JSON.stringify(attributes));
}

function withoutOurs(attributes: Attributes | null): Attributes {
  return Object.fromEntries(Object.entries(attributes ?? {}).filter(([name]) => !/^berth(-|$)/.test(name)));
}

/** What stands instead of a mark on what was let go of. */
const PrintedLetGo = Type.Object({ "berth-left-as": ForeignReference, "berth-left": Type.String() });
const printedLetGo = parser(PrintedLetGo, "what was let go of");

export interface LetGo {
  readonly as: string;
  /** Told with its identity, so that a late job that wanted it before it was ours does not take it again. */
  readonly nonce: string;
}

export function letGoOf({ attributes }: Marked): LetGo | null {
  if (!printedLetGo.check(attributes)) return null;
  return { as: attributes["berth-left-as"], nonce: attributes["berth-left"] };
}

export function letGoAttributes(attributes: Attributes | null, { as, nonce }: LetGo): Attributes {
  return { ...withoutOurs(attributes), "berth-left-as": as, "berth-left": nonce };
}
