import { BerthError } from "#shared/errors.ts";
import type { Access } from "../../access.ts";
import type { Caller } from "../../request-context.ts";

/** What a route's own access does not say already: that something in it is for administrators. Throws E_FORBIDDEN. */
export function requireAccess(caller: Caller, access: Access, rule: string): void {
  if (access === "admin" && !caller.isAdmin)
    throw new BerthError("E_FORBIDDEN", `Policy doesn't allow ${rule} to be performed.`);
}
