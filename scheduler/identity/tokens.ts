import { hash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { BerthError } from "#shared/errors.ts";
import { type Identity, type IdentitySource, type Role, rolesOf } from "./identity.ts";

/** Whose a token is. */
export interface TokenOwner {
  readonly userId: string;
  /** null: it is for no project (a domain's, or the system's). */
  readonly projectId: string | null;
  readonly roles: ReadonlySet<Role>;
}

/** Knows tokens. */
export interface TokenKeeper {
  readonly challenge: string;
  /** null: nobody's. Throws E_KEYSTONE. `tokenHash` is `tokenHashOf(token)`. */
  ownerOf(token: string, tokenHash: string): TokenOwner | null | Promise<TokenOwner | null>;
  close(): Promise<void>;
}

export function ownerFrom(userId: string, projectId: string | null, roleNames: readonly string[]): TokenOwner {
  return { userId, projectId, roles: rolesOf(roleNames) };
}

/** SHA-256, in hexadecimal: tokens are kept and compared as this. */
export function tokenHashOf(token: string): string {
  return hash("sha256", token);
}

/** What a token can look like; anything else is nobody's, and is passed on to nobody. */
const TOKEN = /^[\x21-\x7e]{1,8192}$/;

/** Tells who asks by `X-Auth-Token` (or `Authorization: Bearer`, for those who can send nothing else), with `X-Service-Token` beside it. */
export class TokenIdentities implements IdentitySource {
  readonly isNoauth = false;
  readonly #keeper: TokenKeeper;

  constructor(keeper: TokenKeeper) {
    this.#keeper = keeper;
  }

  get challenge(): string {
    return this.#keeper.challenge;
  }

  identify(headers: IncomingHttpHeaders): Identity | Promise<Identity> {
    const token = headers["x-auth-token"] ?? bearerOf(headers.authorization);
    if (token === undefined || token === "")
      throw new BerthError("E_UNAUTHENTICATED", "The request you have made requires authentication.");
    const serviceToken = headers["x-service-token"];
    if (serviceToken !== undefined && serviceToken !== "") return this.#forService(token, serviceToken);
    const owner = this.#ownerOf(token);
    return owner instanceof Promise ? owner.then((found) => identityOf(found, false)) : identityOf(owner, false);
  }

  async close(): Promise<void> {
    await this.#keeper.close();
  }

  /** Both are waited for together, so that none of them fails with nobody looking. */
  async #forService(token: string | string[], serviceToken: string | string[]): Promise<Identity> {
    const ask = async (given: string | string[]): Promise<TokenOwner> => this.#ownerOf(given);
    const [user, { roles }] = await Promise.all([ask(token), ask(serviceToken)]);
    return identityOf(user, roles.has("service"));
  }

  #ownerOf(token: string | string[]): Found {
    const found =
      typeof token === "string" && TOKEN.test(token) ? this.#keeper.ownerOf(token, tokenHashOf(token)) : null;
    return found instanceof Promise ? found.then(known) : known(found);
  }
}

type Found = TokenOwner | Promise<TokenOwner>;

function known(owner: TokenOwner | null): TokenOwner {
  if (owner === null) throw new BerthError("E_UNAUTHENTICATED", "The token is not valid, or has expired.");
  return owner;
}

function identityOf({ userId, projectId, roles }: TokenOwner, isService: boolean): Identity {
  if (projectId === null)
    throw new BerthError(
      "E_FORBIDDEN",
      "The token is for no project; volumes belong to projects, so ask for one that is.",
    );
  return { userId, projectId, roles, isService, isAssumed: false };
}

function bearerOf(authorization: string | undefined): string | undefined {
  return authorization?.match(/^Bearer +(\S+)$/i)?.[1];
}
