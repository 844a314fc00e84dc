import { Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import { ProjectId, UserId } from "#shared/model/names.ts";
import { parser } from "#shared/schema.ts";
import { KeystoneAccount, type KeystoneAccountOptions } from "./keystone-account.ts";
import { KeystoneServer, type KeystoneServerOptions } from "./keystone-server.ts";
import { TokenCache } from "./token-cache.ts";
import { ownerFrom, type TokenKeeper, type TokenOwner } from "./tokens.ts";

/** More that is not known at once is refused: Keystone is slower than whoever makes tokens up. */
const MAX_ASKED = 500;

const Validated = Type.Object({
  token: Type.Object({
    expires_at: Type.String(),
    user: Type.Object({ id: UserId }),
    project: Type.Optional(Type.Object({ id: ProjectId })),
    roles: Type.Optional(Type.Array(Type.Object({ name: Type.String() }))),
  }),
});
const validated = parser(Validated, "Keystone's answer");

export interface KeystoneOptions extends KeystoneServerOptions {
  readonly account: KeystoneAccountOptions;
  /** For how long a good token is not asked about again. */
  readonly cacheMs: number;
  readonly nowMs?: () => number;
}

/** Tokens of OpenStack's Keystone (Identity API v3): asked about once, and remembered for a while. */
export class KeystoneTokens implements TokenKeeper {
  readonly #server: KeystoneServer;
  readonly #account: KeystoneAccount;
  readonly #cache: TokenCache;
  readonly #nowMs: () => number;
  /** Whoever sends a token that is being asked about waits for that answer. */
  readonly #asked = new Map<string, Promise<TokenOwner | null>>();

  constructor({ account, cacheMs, nowMs = Date.now, ...server }: KeystoneOptions) {
    this.#nowMs = nowMs;
    this.#server = new KeystoneServer(server);
    this.#account = new KeystoneAccount(this.#server, account, nowMs);
    this.#cache = new TokenCache(cacheMs, nowMs);
  }

  get challenge(): string {
    return `Keystone uri="${this.#server.url}"`;
  }

  ownerOf(token: string, tokenHash: string): TokenOwner | null | Promise<TokenOwner | null> {
    const known = this.#cache.get(tokenHash);
    if (known !== undefined) return known;
    const asked = this.#asked.get(tokenHash);
    if (asked !== undefined) return asked;
    if (this.#asked.size >= MAX_ASKED)
      throw new BerthError("E_KEYSTONE", `Keystone has ${MAX_ASKED} tokens to look at already`);
    const asking = this.#look(token, tokenHash).finally(() => this.#asked.delete(tokenHash));
    this.#asked.set(tokenHash, asking);
    return asking;
  }

  async close(): Promise<void> {
    await this.#server.close();
  }

  async #look(token: string, tokenHash: string): Promise<TokenOwner | null> {
    const body = await this.#validate(token);
    if (body === null) {
      this.#cache.keep(tokenHash, null);
      return null;
    }
    if (!validated.check(body))
      throw new BerthError("E_KEYSTONE", "Keystone's answer about a token is not understood", {
        details: { faults: validated.faults(body) },
      });
    const { expires_at, user, project, roles = [] } = body.token;
    const expiresAtMs = Date.parse(expires_at);
    if (!(expiresAtMs > this.#nowMs())) return null;
    const names = roles.map(({ name }) => name);
    const owner = ownerFrom(user.id, project?.id ?? null, names);
    this.#cache.keep(tokenHash, { owner, expiresAtMs });
    return owner;
  }

  /** null: no such token, or not any more. Berth's own token may have ended or been revoked: then once more with a new one. */
  async #validate(token: string): Promise<unknown> {
    for (let tries = 0; tries < 2; tries++) {
      const own = await this.#account.token();
      const headers = { "x-auth-token": own.reveal(), "x-subject-token": token };
      const { status, body } = await this.#server.exchange("GET", headers, null);
      if (status === 200) return body;
      if (status === 404) return null;
      if (status !== 401) throw new BerthError("E_KEYSTONE", explained(status));
      this.#account.forget(own);
    }
    throw new BerthError("E_KEYSTONE", "Keystone refuses the token that it just gave to Berth's own account");
  }
}

function explained(status: number): string {
  if (status === 403)
    return "Keystone does not let Berth's own account look at tokens: give it the role service, or admin";
  return `Keystone cannot tell whose a token is (HTTP ${status})`;
}
