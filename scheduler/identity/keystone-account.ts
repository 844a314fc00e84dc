import { readFileSync } from "node:fs";
import { Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import { parser } from "#shared/schema.ts";
import { Secret } from "#shared/secret.ts";
import type { KeystoneServer } from "./keystone-server.ts";

/** For so much of its life a token is used: it must last for the call. */
const USED_PART = 0.9;

/** How Berth logs in itself: by name and password, or by an application credential. */
export interface KeystoneAccountOptions {
  readonly user: string;
  readonly project: string;
  /** The id of the domain of both. */
  readonly domain: string;
  /** null: by user and project. */
  readonly applicationCredential: string | null;
  /** Read at each log-in, so that a new password needs no restart. */
  readonly passwordFile: string;
}

const Issued = Type.Object({ token: Type.Object({ expires_at: Type.String() }) });
const issued = parser(Issued, "Keystone's answer");

interface OwnToken {
  readonly token: Secret;
  readonly usableUntilMs: number;
}

/** Berth's own account at Keystone, which asks about others' tokens. */
export class KeystoneAccount {
  readonly #server: KeystoneServer;
  readonly #options: KeystoneAccountOptions;
  readonly #nowMs: () => number;
  #known: OwnToken | null = null;
  #loggingIn: Promise<OwnToken> | null = null;

  constructor(server: KeystoneServer, options: KeystoneAccountOptions, nowMs: () => number) {
    this.#server = server;
    this.#options = options;
    this.#nowMs = nowMs;
  }

  /** All who need a new one at once wait for the same. Throws E_KEYSTONE. */
  async token(): Promise<Secret> {
    const known = this.#known;
    if (known !== null && known.usableUntilMs > this.#nowMs()) return known.token;
    this.#loggingIn ??= this.#logIn().finally(() => {
      this.#loggingIn = null;
    });
    return (await this.#loggingIn).token;
  }

  /** It was refused: the next one is new. */
  forget(token: Secret): void {
    if (this.#known?.token === token) this.#known = null;
  }

  async #logIn(): Promise<OwnToken> {
    const { status, subjectToken, body } = await this.#server.exchange("POST", {}, this.#logInBody());
    if (status !== 201 || subjectToken === null || !issued.check(body))
      throw new BerthError("E_KEYSTONE", `Keystone does not take Berth's own account (HTTP ${status})`);
    const nowMs = this.#nowMs();
    const lifeMs = (Date.parse(body.token.expires_at) || 0) - nowMs;
    // One that ends at once, by whichever clock is wrong, is used for what it was fetched for.
    const usableUntilMs = nowMs + Math.max(lifeMs * USED_PART, 1_000);
    this.#known = { token: new Secret(subjectToken), usableUntilMs };
    return this.#known;
  }

  #logInBody(): object {
    const { user, project, domain, applicationCredential } = this.#options;
    const password = this.#password();
    if (applicationCredential !== null)
      return {
        auth: {
          identity: {
            methods: ["application_credential"],
            application_credential: { id: applicationCredential, secret: password },
          },
        },
      };
    return {
      auth: {
        identity: { methods: ["password"], password: { user: { name: user, domain: { id: domain }, password } } },
        scope: { project: { name: project, domain: { id: domain } } },
      },
    };
  }

  #password(): string {
    const { passwordFile } = this.#options;
    try {
      return readFileSync(passwordFile, "utf8").trim();
    } catch (cause) {
      throw new BerthError("E_KEYSTONE", `BERTH_KEYSTONE_PASSWORD_FILE cannot be read: ${passwordFile}`, { cause });
    }
  }
}
