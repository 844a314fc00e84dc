import type { BackendView, FlavorView } from "#scheduler/api/operator/schemas.ts";
import { didYouMean } from "#scheduler/catalogue/nearest.ts";
import { type Failure, failure, usageFailure } from "./failure.ts";
import type { Session } from "./session.ts";

/**
 * Wherever an object is named, its id or its name will do. A name that several have is refused with their ids, for the
 * wrong one could be deleted.
 */

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const MOST_NAMED_ALIKE = 20;

export async function volumeId({ client }: Session, idOrName: string): Promise<string> {
  refuseEmpty("volume", idOrName);
  if (UUID.test(idOrName)) return idOrName.toLowerCase();
  const query = { name: idOrName, limit: MOST_NAMED_ALIKE };
  const { volumes } = await client.get(client.volumesPath("volumes", "detail"), (a) => a.VolumePage, { query });
  return theOne("volume", idOrName, volumes, client.project);
}

export async function snapshotId({ client }: Session, idOrName: string): Promise<string> {
  refuseEmpty("snapshot", idOrName);
  if (UUID.test(idOrName)) return idOrName.toLowerCase();
  const query = { name: idOrName, limit: MOST_NAMED_ALIKE };
  const { snapshots } = await client.get(client.volumesPath("snapshots", "detail"), (a) => a.SnapshotPage, { query });
  return theOne("snapshot", idOrName, snapshots, client.project);
}

export async function groupId({ client }: Session, idOrName: string): Promise<string> {
  refuseEmpty("group", idOrName);
  if (UUID.test(idOrName)) return idOrName.toLowerCase();
  const query = { name: idOrName, limit: MOST_NAMED_ALIKE };
  const { groups } = await client.get(client.volumesPath("groups", "detail"), (a) => a.GroupPage, { query });
  return theOne("group", idOrName, groups, client.project);
}

export async function groupSnapshotId({ client }: Session, idOrName: string): Promise<string> {
  refuseEmpty("group snapshot", idOrName);
  if (UUID.test(idOrName)) return idOrName.toLowerCase();
  const query = { name: idOrName, limit: MOST_NAMED_ALIKE };
  const path = client.volumesPath("group_snapshots", "detail");
  const { group_snapshots } = await client.get(path, (a) => a.GroupSnapshotPage, { query });
  return theOne("group-snapshot", idOrName, group_snapshots, client.project);
}

/** Some storage has no name but a number, which is never that of another. */
export async function backend(session: Session, idOrName: string): Promise<BackendView> {
  const { backends } = await session.client.get(session.client.operatorPath("backends"), (a) => a.BackendList);
  return backendIn(backends, idOrName);
}

export function backendIn(backends: readonly BackendView[], idOrName: string): BackendView {
  const found = backends.find(({ id }) => String(id) === idOrName) ?? backends.find(({ name }) => name === idOrName);
  if (found === undefined) {
    const names = backends.map(({ name }) => name);
    throw failure(
      "E_NOT_FOUND",
      `no backend has the id or name ${JSON.stringify(idOrName)}${didYouMean(idOrName, names)}`,
      {
        next: "See `berth backend list`.",
      },
    );
  }
  return found;
}

export async function flavor({ client }: Session, name: string): Promise<FlavorView> {
  const { flavors } = await client.get(client.operatorPath("flavors"), (a) => a.FlavorList);
  const found = flavors.find((candidate) => candidate.name === name || candidate.id === name);
  if (found !== undefined) return found;
  const names = flavors.map((candidate) => candidate.name);
  throw failure("E_NOT_FOUND", `no flavor is named ${JSON.stringify(name)}${didYouMean(name, names)}`, {
    next: "See `berth flavor list`.",
  });
}

/** What a script's empty variable would name: any object without a name. */
function refuseEmpty(kind: string, idOrName: string): void {
  if (idOrName === "") throw usageFailure(`the ${kind}'s id or name is empty`);
}

function theOne(kind: string, name: string, found: readonly { readonly id: string }[], project: string | null): string {
  const [first, second] = found;
  if (first === undefined)
    throw failure(
      "E_NOT_FOUND",
      `no ${kind} in ${project === null ? "the token's project" : `project ${project}`} has the id or name ${JSON.stringify(name)}`,
      {
        next: `See \`berth ${kind} list\`.`,
      },
    );
  if (second !== undefined) throw ambiguous(kind, name, found);
  return first.id;
}

function ambiguous(kind: string, name: string, found: readonly { readonly id: string }[]): Failure {
  const ids = found.map(({ id }) => id);
  const listed = ids.length < MOST_NAMED_ALIKE ? ids.join(", ") : `${ids.slice(0, 5).join(", ")} and more`;
  return failure("E_BAD_REQUEST", `several ${kind}s are named ${JSON.stringify(name)}: ${listed}`, {
    next: "Give one of the ids.",
    details: { ids },
  });
}

/** A volume or snapshot as it can be typed again: its name if that is simple, else its id. */
export function typeable({ id, name }: { readonly id: string; readonly name: string }): string {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/.test(name) ? name : id;
}
