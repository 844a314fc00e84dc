import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { ForeignObject } from "#shared/model/foreign.ts";
import { Nullable } from "#shared/model/nullable.ts";
import { bytesToGib } from "#shared/units.ts";
import { holderOf } from "../../../core/manage.ts";
import type { State } from "../../../core/state.ts";
import { MAX_PAGE, one, type Query } from "../rest/listing.ts";
import { isJsonObject, refusal } from "../rest/refusal.ts";

/** Something on a backend that could be managed, or that is. */
export interface Manageable {
  readonly reference: string;
  readonly sizeGib: number | null;
  readonly whyNot: string | null;
  /** The volume or snapshot that it is already. */
  readonly ownId: string | null;
}

/** With the volume that it is a snapshot of, by what it is called there. */
export interface ManageableSnapshot extends Manageable {
  readonly source: string;
}

const ALREADY = "already managed";

/** What others made there, and (as the field has it) what is managed already. */
export function manageables(state: State, backend: Backend, foreign: readonly ForeignObject[]): Manageable[] {
  const others = foreign.map(({ reference, sizeBytes, whyNot }): Manageable => {
    const holder = holderOf(state, backend.id, reference);
    const sizeGib = sizeBytes === null ? null : Math.ceil(bytesToGib(sizeBytes));
    return {
      reference,
      sizeGib,
      whyNot: whyNot ?? (holder === null ? null : `already managed: it is ${holder}`),
      ownId: null,
    };
  });
  const ours = state.users(backend.id).flatMap((key): Manageable[] => {
    const [kind, id = ""] = key.split(" ");
    const volume = kind === "volume" ? state.get("volume", id) : undefined;
    if (volume === undefined || volume.status === "managing") return [];
    const reference = volume.providerId ?? volume.id;
    return [{ reference, sizeGib: volume.sizeGib, whyNot: ALREADY, ownId: id }];
  });
  return [...others, ...ours];
}

/** The snapshots that are managed already: no driver can tell of others'. */
export function manageableSnapshots(state: State, backend: Backend): ManageableSnapshot[] {
  return state.users(backend.id).flatMap((key): ManageableSnapshot[] => {
    const [kind, id = ""] = key.split(" ");
    const snapshot = kind === "snapshot" ? state.get("snapshot", id) : undefined;
    const volume = state.get("volume", snapshot?.volumeId ?? "");
    if (snapshot === undefined || volume === undefined) return [];
    const { providerId, sizeGib } = snapshot;
    return [
      { reference: providerId ?? id, sizeGib, whyNot: ALREADY, ownId: id, source: volume.providerId ?? volume.id },
    ];
  });
}

/** Sorted by reference or size, from a marker or an offset on. Without a word about it the references go down, as the field has it. */
export function manageablePage<T extends Manageable>(all: readonly T[], query: Query): T[] {
  const sorted = [...all].sort(comparator(query));
  const offset = readCount(query, "offset") ?? 0;
  const limit = Math.min(readCount(query, "limit") ?? MAX_PAGE, MAX_PAGE);
  const marker = one(query, "marker");
  const first = marker === undefined ? 0 : indexBehind(sorted, readMarker(marker));
  return sorted.slice(first + offset, first + offset + limit);
}

function indexBehind(sorted: readonly Manageable[], marker: string): number {
  const at = sorted.findIndex(({ reference }) => reference === marker);
  if (at === -1) throw new BerthError("E_NOT_FOUND", `marker not found: ${marker.slice(0, 80)}`);
  return at + 1;
}

/** The reference as the list tells it, `{"source-name": …}`, or the name alone. */
function readMarker(text: string): string {
  let value: unknown = text;
  try {
    value = JSON.parse(text);
  } catch {
    // The name alone.
  }
  const name = isJsonObject(value) ? value["source-name"] : undefined;
  return typeof name === "string" ? name : text;
}

function comparator(query: Query): (one: Manageable, other: Manageable) => number {
  const [sort, key, direction] = [one(query, "sort"), one(query, "sort_key"), one(query, "sort_dir")];
  const keys = (sort ?? `${key ?? "reference"}:${direction ?? "desc"}`).split(",").map((part) => {
    const [name = "", dir = "desc", ...rest] = part.trim().split(":");
    if (name !== "reference" && name !== "size") throw refusal(`Invalid sort keys passed: ${name.slice(0, 60)}`);
    if ((dir !== "asc" && dir !== "desc") || rest.length > 0)
      throw refusal(`Invalid sort dirs passed: ${dir.slice(0, 60)}`);
    return { name, sign: dir === "asc" ? 1 : -1 };
  });
  return (a, b) => {
    for (const { name, sign } of keys) {
      const order = name === "size" ? (a.sizeGib ?? 0) - (b.sizeGib ?? 0) : compared(a.reference, b.reference);
      if (order !== 0) return sign * order;
    }
    return compared(a.reference, b.reference);
  };
}

function compared(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

function readCount(query: Query, name: string): number | undefined {
  const text = one(query, name);
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw refusal(`${name} param must be an integer, 0 or more`);
  return Number(text);
}

const Reference = Type.Object({ "source-name": Type.String() });

export const ManageableView = Type.Object({
  reference: Reference,
  size: Nullable(Type.Integer()),
  safe_to_manage: Type.Boolean(),
  /** Of snapshots. */
  source_reference: Type.Optional(Reference),
  /** In detail. */
  reason_not_safe: Type.Optional(Nullable(Type.String())),
  cinder_id: Type.Optional(Nullable(Type.String())),
  extra_info: Type.Optional(Type.Null()),
});

export function manageableView(
  { reference, sizeGib, whyNot, ownId }: Manageable,
  detail: boolean,
): Static<typeof ManageableView> {
  const summary = { reference: { "source-name": reference }, size: sizeGib, safe_to_manage: whyNot === null };
  return detail ? { ...summary, reason_not_safe: whyNot, cinder_id: ownId, extra_info: null } : summary;
}

export const manageableQuery = {
  host: "the backend: berth@NAME#NAME",
  cluster: "there is none (3.17)",
  limit: "at most so many, 1000 without it",
  marker: "the reference of the last one of the page before",
  offset: "how many to pass over",
  sort: "key[:asc|desc],…, keys: reference, size",
  sort_key: "older form of sort",
  sort_dir: "older form of sort",
};
