import type { Delegation } from "./zfs/state.ts";

/** Who runs a program, and with whose rights. */
export interface Caller {
  readonly user: string;
  /** It runs as root: by login, or by `pfexec` and a profile that says so of this program. */
  readonly privileged: boolean;
}

/** May this caller do what takes these `zfs allow` permissions at this dataset? */
export function isAllowed(
  delegations: readonly Delegation[],
  { user, privileged }: Caller,
  dataset: string,
  permissions: readonly string[],
): boolean {
  if (privileged) return true;
  const granted = new Set(
    delegations
      .filter((one) => one.user === user && (dataset === one.dataset || dataset.startsWith(`${one.dataset}/`)))
      .flatMap((one) => one.permissions),
  );
  return permissions.every((permission) => granted.has(permission));
}
