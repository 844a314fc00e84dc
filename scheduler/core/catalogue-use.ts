import type { Backend, Catalogue } from "#shared/model/catalogue.ts";
import { sameEncryption } from "#shared/model/encryption.ts";
import { sameJson } from "#shared/same-json.ts";
import type { Fault } from "#shared/schema.ts";
import { backendLocation } from "./backend-location.ts";
import { promisesOf } from "./flavor-terms.ts";
import type { State } from "./state.ts";

const SHOWN_USERS = 5;

/** Why this catalogue cannot replace the running one: sentences that name what is in use; empty when it can. */
export function catalogueRefusals(state: State, next: Catalogue): string[] {
  return catalogueUseFaults(state, next).map(({ message }) => message);
}

/**
 * The same with the place in `next` that each is about. What is recorded decides, not only what the running catalogue
 * says: so the question can be asked at the start as well, of the catalogue that has just been read. There is no telling
 * then whether a backend's driver, host or location was changed while nothing ran.
 */
export function catalogueUseFaults(state: State, next: Catalogue): Fault[] {
  const usage = countUsage(state);
  return [
    ...backendFaults(state, next, usage.backendZones),
    ...sideFaults(state, next),
    ...flavorFaults(state, next, usage.flavors),
    ...groupTypeFaults(state, next),
    ...zoneFaults(next, usage.zones),
    ...numberFaults(state, next),
  ];
}

interface Usage {
  /** The zone in which each used backend's objects were made. */
  readonly backendZones: ReadonlyMap<number, string | null>;
  readonly flavors: ReadonlyMap<string, Users>;
  readonly zones: ReadonlyMap<string, Users>;
}

interface Users {
  readonly first: string[];
  count: number;
}

function countUsage(state: State): Usage {
  const backendZones = new Map<number, string | null>();
  const flavors = new Map<string, Users>();
  const zones = new Map<string, Users>();
  for (const volume of state.table("volume").values()) {
    const user = `volume ${volume.id}`;
    count(flavors, volume.flavorId, user);
    const zone = volume.zone ?? volume.requestedZone;
    if (zone !== null) count(zones, zone, user);
    if (volume.backendId !== null) backendZones.set(volume.backendId, volume.zone);
    if (volume.move === null) continue;
    backendZones.set(volume.move.toBackendId, volume.move.toZone);
    count(zones, volume.move.toZone, user);
    if (volume.move.toFlavorId !== null) count(flavors, volume.move.toFlavorId, user);
  }
  for (const kind of ["snapshot", "leftover"] as const)
    for (const { backendId, zone } of state.table(kind).values()) backendZones.set(backendId, zone);
  return { backendZones, flavors, zones };
}

function count(users: Map<string, Users>, key: string, user: string): void {
  const entry = users.get(key);
  if (entry === undefined) users.set(key, { first: [user], count: 1 });
  else {
    if (entry.first.length < SHOWN_USERS) entry.first.push(user);
    entry.count += 1;
  }
}

function backendFaults(state: State, next: Catalogue, used: Usage["backendZones"]): Fault[] {
  const places = new Map(next.backends.map((backend, n) => [backend.id, { backend, path: `/backends/${n}` }]));
  return [...used].flatMap(([id, zone]) => {
    const current = state.backend(id);
    const users = usersText({ first: state.users(id).slice(0, SHOWN_USERS), count: state.userCount(id) });
    const place = places.get(id);
    if (place === undefined) {
      const name = current === undefined ? `backend ${id}` : `backend ${id} (${current.name})`;
      return [{ path: "/backends", message: `${name} is still used by ${users}` }];
    }
    const changes = zone === null || zone === place.backend.zone ? [] : [changed("zone", zone, place.backend.zone)];
    if (current !== undefined) changes.push(...moves(current, place.backend));
    return changes.map(({ field, text }) => ({
      path: `${place.path}/${field}`,
      message: `the ${field} of backend ${id} (${place.backend.name}) cannot change ${text}, for it is used by ${users}`,
    }));
  });
}

/** A backend that is not on its own side keeps the target that it is on, and one that was used keeps to its number. */
function sideFaults(state: State, next: Catalogue): Fault[] {
  return [...state.table("backend-state").values()].flatMap(({ backendId, side, failover }) => {
    const wanted = [side, failover?.to ?? null].filter((name) => name !== null);
    if (side === null && failover === null) return [];
    const place = next.backends.findIndex(({ id }) => id === backendId);
    const backend = next.backends[place];
    const current = state.backend(backendId);
    if (backend === undefined)
      return [{ path: "/backends", message: `backend ${backendId} is not on its own side: fail it back first` }];
    const target = (of: Backend | undefined, name: string) =>
      of?.replicationTargets?.find((known) => known.name === name);
    return wanted
      .filter((name) => {
        const there = target(backend, name);
        const before = target(current, name);
        return there === undefined || (before !== undefined && !sameJson(there, before));
      })
      .map((name) => ({
        path: `/backends/${place}/replicationTargets`,
        message: `target ${name} of backend ${backendId} (${backend.name}) cannot change while the backend is there`,
      }));
  });
}

interface FieldChange {
  readonly field: string;
  readonly text: string;
}

/** What would make another storage system of the same backend. */
function moves(current: Backend, next: Backend): FieldChange[] {
  const found: FieldChange[] = [];
  if (current.driver !== next.driver) found.push(changed("driver", current.driver, next.driver));
  else if (backendLocation(current) !== backendLocation(next))
    found.push(changed("parameters", backendLocation(current), backendLocation(next)));
  if (current.host !== next.host) found.push(changed("host", current.host, next.host));
  return found;
}

function changed(field: string, from: string | null, to: string | null): FieldChange {
  const plain = (text: string | null): string => text?.replaceAll("\n", " ") ?? "none";
  return { field, text: `from ${plain(from)} to ${plain(to)}` };
}

function flavorFaults(state: State, next: Catalogue, used: Usage["flavors"]): Fault[] {
  const ids = new Set(next.flavors.map(({ id }) => id));
  return [...used].flatMap(([id, users]) => {
    if (ids.has(id)) return promiseFaults(state, next, id, users);
    const name = state.catalogue.flavorById(id)?.name ?? id;
    const index = next.flavors.findIndex((flavor) => flavor.name === name);
    return index < 0
      ? [{ path: "/flavors", message: `flavor ${name} is still used by ${usersText(users)}` }]
      : [
          {
            path: `/flavors/${index}/id`,
            message: `the id of flavor ${name} cannot change, for it is used by ${usersText(users)}`,
          },
        ];
  });
}

/** What decides where new volumes go may change at any time; what its volumes are may not. */
function promiseFaults(state: State, next: Catalogue, id: string, users: Users): Fault[] {
  const current = state.catalogue.flavorById(id);
  const before = promisesOf(current?.extraSpecs ?? {});
  const index = next.flavors.findIndex((flavor) => flavor.id === id);
  const flavor = next.flavors[index];
  const after = promisesOf(flavor?.extraSpecs ?? {});
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const made = `of flavor ${flavor?.name} cannot change, for its volumes were made so: it is used by ${usersText(users)}`;
  // At the start there is no telling what it was while nothing ran.
  const encrypted = current === undefined || sameEncryption(current.encryption, flavor?.encryption);
  return [
    ...(encrypted ? [] : [{ path: `/flavors/${index}/encryption`, message: `the encryption ${made}` }]),
    ...keys
      .filter((key) => before[key] !== after[key])
      .map((key) => ({ path: `/flavors/${index}/extraSpecs`, message: `the extra spec ${key} ${made}` })),
  ];
}

/** What old groups call their type need not have been declared. */
function groupTypeFaults(state: State, next: Catalogue): Fault[] {
  const left = new Set(next.groupTypes?.map(({ id }) => id));
  const dropped = state.catalogue.catalogue.groupTypes?.filter(({ id }) => !left.has(id)) ?? [];
  return dropped.flatMap(({ id, name }) => {
    const users: Users = { first: [], count: 0 };
    for (const group of state.table("group").values()) {
      if (group.groupType !== id) continue;
      users.count += 1;
      if (users.first.length < SHOWN_USERS) users.first.push(`group ${group.id}`);
    }
    return users.count === 0
      ? []
      : [{ path: "/groupTypes", message: `group type ${name} is still used by ${usersText(users)}` }];
  });
}

function zoneFaults(next: Catalogue, used: Usage["zones"]): Fault[] {
  const names = new Set(next.zones.map(({ name }) => name));
  return [...used].flatMap(([name, users]) =>
    names.has(name) ? [] : [{ path: "/zones", message: `zone ${name} is still used by ${usersText(users)}` }],
  );
}

function numberFaults(state: State, next: Catalogue): Fault[] {
  const current = state.catalogue.catalogue.nextBackendId;
  if (next.nextBackendId >= current) return [];
  const message = `nextBackendId cannot go back from ${current} to ${next.nextBackendId}: a backend's number is not used again`;
  return [{ path: "/nextBackendId", message }];
}

function usersText({ first, count: total }: Users): string {
  const more = total > first.length ? ` and ${total - first.length} more` : "";
  return `${total} ${total === 1 ? "object" : "objects"}: ${first.join(", ")}${more}`;
}
