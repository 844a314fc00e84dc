import { InitiatorName } from "#shared/model/attachment.ts";
import { LET_IN_TOLD, LISTED_PER_PAGE, type ListedObject, type ListPage } from "#shared/model/listing.ts";
import { parser } from "#shared/schema.ts";
import { objectOfName } from "../names.ts";
import { pageOf } from "../page.ts";
import type { SanObject } from "./array.ts";
import { parseMark } from "./mark.ts";

const initiatorName = parser(InitiatorName);

/** It has a name of ours and the mark that belongs to it. */
export function isOurs({ name, kind, markText }: SanObject): boolean {
  const object = objectOfName(name);
  const mark = markText === null ? null : parseMark(markText);
  return object !== null && mark !== null && object.kind === kind && mark.id === object.id && mark.kind === kind;
}

/** A page of what stands on a system, in the order of names; two of one name stand side by side. */
export function listedPage(objects: readonly SanObject[], after: string | null, nowMs: number): ListPage {
  const wanted = objects
    .map((object) => ({ key: keyOf(object), object }))
    .filter(({ key }) => after === null || key > after)
    .sort((one, other) => (one.key < other.key ? -1 : 1));
  const page = wanted.slice(0, LISTED_PER_PAGE);
  const looked = page.map(({ key, object }) => ({
    name: key,
    seen: listed(object, nowMs) ?? ("foreign" as const),
    told: object.name,
  }));
  return pageOf(looked, wanted.length > page.length);
}

function keyOf({ name, providerId }: SanObject): string {
  return providerId === null ? name : `${name} ${providerId}`;
}

function listed(object: SanObject, nowMs: number): ListedObject | null {
  const { name, kind, markText, sizeBytes, providerId, whole = true, parent, letIn } = object;
  const named = objectOfName(name);
  const mark = markText === null ? null : parseMark(markText);
  if (named === null || mark === null || !isOurs(object)) return null;
  return {
    kind,
    id: named.id,
    volumeId: mark.volumeId,
    ...(parent === undefined ? {} : { parent }),
    sizeBytes,
    mark: mark.owner,
    // A copy that is smaller than it is to be was cut short before it was extended.
    whole: whole && sizeBytes >= mark.sizeBytes,
    ageMs: Math.max(0, nowMs - mark.writtenAtMs),
    providerId: providerId ?? name,
    properties: {},
    ...(letIn === undefined ? {} : { letIn: told(letIn) }),
  };
}

function told(letIn: readonly (string | null)[]): (string | null)[] {
  return letIn.filter((who) => who === null || initiatorName.check(who)).slice(0, LET_IN_TOLD);
}
