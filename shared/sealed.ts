import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { BerthError } from "./errors.ts";
import { Secret } from "./secret.ts";

const FORM = "v1";

/** What seals secrets and opens them again. */
export interface Sealing {
  /** Ids of the keys that are known; the first seals, all open. */
  readonly keyIds: readonly string[];
  seal(secret: Secret): string;
  /** Throws E_CONFIG for a secret of another key. */
  open(sealed: string): Secret;
  /** Takes in what the keys are now, where they may have changed. */
  reload(): void;
}

/** A key for secrets that must be kept or sent (CHAP): 32 bytes, known by the scheduler and the agents, in no message. */
export class SealingKey {
  readonly #key: Buffer;
  readonly id: string;

  constructor(key: Buffer) {
    if (key.length !== KEY_BYTES)
      throw new BerthError("E_CONFIG", `a sealing key has ${KEY_BYTES} bytes, not ${key.length}`);
    this.#key = key;
    this.id = createHash("sha256").update(key).digest("hex").slice(0, 8);
  }

  static generate(): Buffer {
    return randomBytes(KEY_BYTES);
  }

  /** AES-256-GCM with a new nonce each time. The text is `v1.<key id>.<nonce>.<tag>.<ciphertext>`, base64url. */
  seal(secret: Secret): string {
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonce);
    const body = Buffer.concat([cipher.update(secret.reveal(), "utf8"), cipher.final()]);
    return [
      FORM,
      this.id,
      nonce.toString("base64url"),
      cipher.getAuthTag().toString("base64url"),
      body.toString("base64url"),
    ].join(".");
  }

  open(sealed: string): Secret {
    const [form, keyId, nonce, tag, body] = sealed.split(".");
    if (form !== FORM || nonce === undefined || tag === undefined || body === undefined)
      throw new BerthError("E_CONFIG", "a sealed secret has a form that this version does not know");
    if (keyId !== this.id)
      throw new BerthError("E_CONFIG", `a secret was sealed with key ${keyId}, not with ${this.id}`);
    const decipher = createDecipheriv("aes-256-gcm", this.#key, Buffer.from(nonce, "base64url"), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAuthTag(Buffer.from(tag, "base64url"));
    return new Secret(
      Buffer.concat([decipher.update(Buffer.from(body, "base64url")), decipher.final()]).toString("utf8"),
    );
  }
}

/** With which key was it sealed? */
export function keyIdOf(sealed: string): string {
  return sealed.split(".")[1] ?? "";
}

const KEY_BYTES = 32;
const TAG_BYTES = 16;
