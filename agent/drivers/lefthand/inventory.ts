import { InitiatorName } from "#shared/model/attachment.ts";
import { LET_IN_TOLD, LISTED_PER_PAGE, type ListedObject, type ListPage } from "#shared/model/listing.ts";
import { parser } from "#shared/schema.ts";
import { objectOfName } from "../names.ts";
import { type ListedName, pageOf } from "../page.ts";
import type { CliqCluster, CliqSnapshot, CliqVolume } from "./answer.ts";
import { volumeOfCloneSource } from "./copies.ts";
import { parseMark } from "./mark.ts";
import { isLeaving } from "./objects.ts";

const initiatorNames = parser(InitiatorName);

export interface Standing {
  readonly volumes: readonly CliqVolume[];
  readonly snapshots: readonly CliqSnapshot[];
}

/** What stands in the cluster, but for what is about to be gone; snapshots stand with their volumes, or alone. */
export function standingIn({ volume: volumes = [], snapshot: alone = [] }: CliqCluster): Standing {
  return {
    volumes: volumes.filter((one) => !isLeaving(one)),
    snapshots: [...volumes.flatMap(({ snapshot = [] }) => snapshot), ...alone].filter((one) => !isLeaving(one)),
  };
}

/** Objects with our name and our mark; what a clone is made from is none by itself. */
export function oursIn({ volumes, snapshots }: Standing): number {
  return [...volumes, ...snapshots].filter(
    ({ name, description = "" }) => objectOfName(name) !== null && parseMark(description) !== null,
  ).length;
}

/**
 * What is promised in the cluster, whoever made it, and how much of that is taken from its space already. A snapshot has
 * what it will ever have: that is taken, and nothing is promised.
 */
export function promisedBytes({ volumes }: Standing): { readonly bytes: number; readonly allocatedBytes: number } {
  let [bytes, allocatedBytes] = [0, 0];
  for (const { size, thinProvision, initialQuota = "0" } of volumes) {
    bytes += Number(size);
    allocatedBytes += thinProvision === "true" ? Math.min(Number(size), Number(initialQuota)) : Number(size);
  }
  return { bytes, allocatedBytes };
}

/** All of it at once, in the order of names: the array knows no pages. */
export function lookAt(cluster: CliqCluster, nowMs: number): ListedName[] {
  const { volumes, snapshots } = standingIn(cluster);
  const names = new Map<string, ListedName>();
  for (const one of volumes) names.set(one.name, { name: one.name, seen: listed(one, nowMs) });
  for (const one of snapshots) {
    const volumeId = volumeOfCloneSource(one.name);
    if (volumeId === null) names.set(one.name, { name: one.name, seen: listed(one, nowMs) });
    // What a clone is made from is a part of it: told only where it is all that there is of it.
    else if (!volumes.some(({ name }) => objectOfName(name)?.id === volumeId))
      names.set(one.name, { name: one.name, seen: partOf(volumeId, one.name, nowMs, one) });
  }
  return [...names.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
}

export function pageAfter(names: readonly ListedName[], after: string | null): ListPage {
  const wanted = names.filter(({ name }) => after === null || name > after);
  const page = wanted.slice(0, LISTED_PER_PAGE);
  return pageOf(page, wanted.length > page.length);
}

/** What bears our name and no mark of ours is somebody else's. */
function listed(told: CliqVolume | CliqSnapshot, nowMs: number): ListedObject | "foreign" {
  const object = objectOfName(told.name);
  const mark = parseMark(told.description ?? "");
  if (object === null || mark === null) return "foreign";
  const { aboutId, state, owner, writtenAtMs } = mark;
  const ofSnapshot = object.kind === "snapshot";
  return {
    ...object,
    volumeId: ofSnapshot ? aboutId : (owner?.volumeId ?? object.id),
    ...(ofSnapshot || aboutId === null ? {} : { parent: { kind: "snapshot" as const, id: aboutId } }),
    sizeBytes: Number(told.size),
    mark: owner,
    whole: state !== "unfinished",
    ageMs: Math.max(0, nowMs - writtenAtMs),
    providerId: told.name,
    properties: {},
    ...letIn(told),
  };
}

function partOf(id: string, name: string, nowMs: number, told: CliqSnapshot): ListedObject {
  const mark = parseMark(told.description ?? "");
  return {
    kind: "volume",
    id,
    volumeId: id,
    sizeBytes: null,
    mark: mark?.owner ?? null,
    whole: false,
    ageMs: mark === null ? null : Math.max(0, nowMs - mark.writtenAtMs),
    providerId: name,
    properties: {},
  };
}

/** Initiators by name, or whoever shows an account's secret. */
function letIn({ permission = [] }: CliqVolume | CliqSnapshot): Pick<ListedObject, "letIn" | "account"> {
  const account = permission.find(({ iqn = "", chapRequired }) => iqn === "" && chapRequired === "true")?.chapName;
  const byName = permission.filter(({ iqn = "", chapRequired }) => iqn !== "" || chapRequired !== "true");
  const who = [...new Set(byName.map(({ iqn = "" }) => (iqn === "" ? null : iqn)))];
  const told = who.filter((one) => one === null || initiatorNames.check(one)).slice(0, LET_IN_TOLD);
  return { ...(told.length === 0 ? {} : { letIn: told }), ...(account === undefined ? {} : { account }) };
}
