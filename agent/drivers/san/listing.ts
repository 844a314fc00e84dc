import { InitiatorName } from "#shared/model/attachment.ts";
import { LET_IN_TOLD, type ListedObject, type ListPage } from "#shared/model/listing.ts";
import { parser } from "#shared/schema.ts";
import { type ListedName, pageAfter } from "../page.ts";
import type { SanObject } from "./array.ts";

const initiatorName = parser(InitiatorName);

/** All that stands on a system, in the order of names; two of one name stand side by side. */
export function listedNames(objects: readonly SanObject[], nowMs: number): ListedName[] {
  return objects
    .map((object) => ({ name: keyOf(object), seen: listed(object, nowMs), told: object.name }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** The pages of a listing are of one look, if they are read one soon after the other. */
const LOOK_KEPT_MS = 5 * 60_000;

/** Pages of what a system tells all at once. */
export class KeptLook {
  #kept: { readonly names: readonly ListedName[]; readonly atMs: number } | null = null;

  async page(after: string | null, objects: () => Promise<readonly SanObject[]>): Promise<ListPage> {
    const atMs = performance.now();
    const kept = after !== null && this.#kept !== null && atMs - this.#kept.atMs < LOOK_KEPT_MS ? this.#kept : null;
    const look = kept ?? { names: listedNames(await objects(), Date.now()), atMs };
    const page = pageAfter(look.names, after);
    this.#kept = page.next === null ? null : look;
    return page;
  }
}

function keyOf({ name, providerId }: SanObject): string {
  return providerId === null ? name : `${name} ${providerId}`;
}

function listed(object: SanObject, nowMs: number): ListedObject | "foreign" {
  const { name, kind, mark, sizeBytes, providerId, whole = true, unfinished = false, parent, letIn, account } = object;
  if (mark === null) return "foreign";
  return {
    kind,
    id: mark.id,
    volumeId: mark.volumeId,
    ...(parent === undefined ? {} : { parent }),
    sizeBytes,
    mark: mark.owner,
    whole: whole && !unfinished,
    ageMs: Math.max(0, nowMs - mark.writtenAtMs),
    providerId: providerId ?? name,
    properties: {},
    ...(letIn === undefined ? {} : { letIn: initiatorsTold(letIn) }),
    ...(account === undefined ? {} : { account }),
  };
}

/** As many as are told, and only what is a name of an initiator. */
export function initiatorsTold(letIn: readonly (string | null)[]): (string | null)[] {
  return [...new Set(letIn)].filter((who) => who === null || initiatorName.check(who)).slice(0, LET_IN_TOLD);
}

/** What is ours, and what it was promised and has taken: for a measurement. */
export function sumOf(objects: readonly SanObject[]) {
  const ours = objects.filter(({ mark }) => mark !== null);
  const bytes = ours.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const allocatedBytes = ours.reduce((sum, one) => sum + (one.allocatedBytes ?? one.sizeBytes), 0);
  return { objectCount: ours.length, provisioned: { scope: "backend" as const, bytes, allocatedBytes } };
}
