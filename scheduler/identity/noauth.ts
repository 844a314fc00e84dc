import type { IncomingHttpHeaders } from "node:http";
import { UserId } from "#shared/model/names.ts";
import { parser } from "#shared/schema.ts";
import { type Identity, type IdentitySource, rolesOf } from "./identity.ts";

const DEFAULT_USER = "admin";
/** What openstacksdk sends when it has no authentication: it names nobody. */
const NO_TOKEN = "notused";
const ROLES = rolesOf(["admin"]);

const userIds = parser(UserId, "user id");

/** For one machine: whoever reaches the port is an administrator, and called as they say. */
export const NOAUTH: IdentitySource = {
  isNoauth: true,
  challenge: null,
  identify: (headers) => assumed(headers["x-auth-token"]),
  close: async () => undefined,
};

/** noauth's tokens are `user:project`; without a colon the project is called as the user. */
function assumed(token: IncomingHttpHeaders[string]): Identity {
  const common = { roles: ROLES, isService: false, isAssumed: true };
  if (typeof token !== "string" || token === "" || token === NO_TOKEN)
    return { userId: DEFAULT_USER, projectId: null, ...common };
  const colon = token.indexOf(":");
  const user = colon === -1 ? token : token.slice(0, colon);
  const projectId = colon === -1 ? token : token.slice(colon + 1);
  return { userId: userIds.check(user) ? user : DEFAULT_USER, projectId, ...common };
}
