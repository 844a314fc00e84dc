import type { EventObject } from "#shared/events/event.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import { sameJson } from "#shared/same-json.ts";

/** So many changes are named: an edit may touch thousands. */
const CHANGES_NAMED = 100;

type CatalogueChange = NonNullable<EventObject["changes"]>[number];

/** What an edit of the catalogue came to, by the names of what it declares. */
export function catalogueView(before: Catalogue, after: Catalogue): EventObject {
  const changes = [
    ...changed("zone", before.zones, after.zones, "name"),
    ...changed("backend", before.backends, after.backends, "id"),
    ...changed("flavor", before.flavors, after.flavors, "id"),
    ...changed("qos", before.qos, after.qos, "name"),
    ...changed("group type", before.groupTypes ?? [], after.groupTypes ?? [], "name"),
    ...whole("quotas", before.quotas, after.quotas),
    ...whole(
      "default flavors",
      [before.defaultFlavor, before.defaultFlavors],
      [after.defaultFlavor, after.defaultFlavors],
    ),
  ];
  return { kind: "catalogue", id: "catalogue", changes: changes.slice(0, CHANGES_NAMED) };
}

function changed<K extends string, T extends { readonly name: string } & { readonly [P in K]: string | number }>(
  kind: string,
  before: readonly T[],
  after: readonly T[],
  key: K,
): CatalogueChange[] {
  // What an edit does not touch is the same object.
  const old = new Map(before.map((one) => [one[key], one]));
  const now = new Map(after.map((one) => [one[key], one]));
  const changes: CatalogueChange[] = [];
  for (const [id, one] of now) {
    const was = old.get(id);
    if (was === undefined) changes.push({ kind, name: one.name, what: "added" });
    else if (was !== one && !sameJson(was, one)) changes.push({ kind, name: one.name, what: "changed" });
  }
  for (const [id, one] of old) if (!now.has(id)) changes.push({ kind, name: one.name, what: "removed" });
  return changes;
}

function whole(name: string, before: unknown, after: unknown): CatalogueChange[] {
  return sameJson(before, after) ? [] : [{ kind: "settings", name, what: "changed" }];
}
