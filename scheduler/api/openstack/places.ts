import { BerthError } from "#shared/errors.ts";
import type { Backend, Catalogue } from "#shared/model/catalogue.ts";
import { refusal } from "./rest/refusal.ts";

/** Of `host@backend#pool`, as the field names places: agents are interchangeable, so the host is Berth itself. */
export const HOST = "berth";

/** What the field calls a volume service. */
export function serviceHost({ name }: Pick<Backend, "name">): string {
  return `${HOST}@${name}`;
}

/** A backend is one pool to the field, of the same name. */
export function poolName({ name }: Pick<Backend, "name">): string {
  return `${HOST}@${name}#${name}`;
}

/** `berth@NAME` or `berth@NAME#NAME`; whoever knows them may give the name or the id alone. */
export function backendAt({ backends }: Catalogue, place: string): Backend | undefined {
  const name = /@([^#]+)/.exec(place)?.[1] ?? place;
  return backends.find(({ id }) => String(id) === name) ?? backends.find((backend) => backend.name === name);
}

/** One of both is named, by those versions that know clusters; by others the host. */
export interface GivenPlace {
  readonly host?: string | undefined;
  readonly cluster?: string | undefined;
}

/** There are no clusters here, so that none is ever found. Throws E_BAD_REQUEST, or `missing` for what is not there. */
export function requireBackendAt(
  catalogue: Catalogue,
  { host = "", cluster = "" }: GivenPlace,
  knowsClusters: boolean,
  missing: "E_BAD_REQUEST" | "E_NOT_FOUND",
): Backend {
  const asked = knowsClusters ? cluster : "";
  if ((asked === "") === (host === ""))
    throw refusal(knowsClusters ? "One and only one of cluster and host must be set." : "Host field is missing.");
  const found = host === "" ? undefined : backendAt(catalogue, host);
  if (found !== undefined) return found;
  const what = host === "" ? `Cluster '${asked.slice(0, 80)}'` : `Host '${host.slice(0, 80)}'`;
  throw new BerthError(missing, `${what} not found.`);
}
