import type { IncomingHttpHeaders } from "node:http";

/** What a role lets one do follows from `config.access` of the routes; `service` marks another service's own account. */
export type Role = "admin" | "member" | "reader" | "service";

/** As Keystone's own set-up has it: who may change may see. */
const IMPLIED: ReadonlyMap<string, readonly Role[]> = new Map([
  ["admin", ["admin", "member", "reader"]],
  ["member", ["member", "reader"]],
  ["reader", ["reader"]],
  ["service", ["service"]],
]);

/** Who asks. */
export interface Identity {
  readonly userId: string;
  /** null: noauth, and the token does not say it; then the path does. */
  readonly projectId: string | null;
  readonly roles: ReadonlySet<Role>;
  /** Another service (Nova) asks for this user, and has shown its own token. */
  readonly isService: boolean;
  /** noauth: the caller says who they are, and nobody has looked. */
  readonly isAssumed: boolean;
}

/** Tells who asks. */
export interface IdentitySource {
  readonly isNoauth: boolean;
  /** `WWW-Authenticate` for who is refused; null: nothing is to be said. */
  readonly challenge: string | null;
  /** Without a promise where it can be told at once. Throws E_UNAUTHENTICATED, E_FORBIDDEN, E_KEYSTONE. */
  identify(headers: IncomingHttpHeaders): Identity | Promise<Identity>;
  close(): Promise<void>;
}

/** Roles as a token names them, in any case, with what they include; those that mean nothing here are left out. */
export function rolesOf(names: readonly string[]): ReadonlySet<Role> {
  return new Set(names.flatMap((name) => IMPLIED.get(name.toLowerCase()) ?? []));
}
