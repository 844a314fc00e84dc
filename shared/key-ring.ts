import { readFileSync } from "node:fs";
import { BerthError } from "./errors.ts";
import { keyIdOf, type Sealing, SealingKey } from "./sealed.ts";
import type { Secret } from "./secret.ts";

/** So many keys are looked at: two while one is exchanged for another, a few more if that was not finished. */
const MAX_KEYS = 16;

/**
 * The keys that this program knows. They come from a file: 32 bytes, or lines of 43 letters (base64url), the newest
 * first; or from the environment, the same as text. The file is read again when a secret comes that was sealed with a
 * key that is not known yet, so that a new key reaches a running program.
 */
export class KeyRing implements Sealing {
  readonly #read: () => readonly SealingKey[];
  #keys: readonly SealingKey[];

  constructor(read: () => readonly SealingKey[]) {
    this.#read = read;
    this.#keys = read();
  }

  /** Throws E_CONFIG, naming the setting. */
  static open({ secretKey, secretKeyFile }: { readonly secretKey: string; readonly secretKeyFile: string }): KeyRing {
    return new KeyRing(() => {
      try {
        return parseKeys(secretKey === "" ? readFileSync(secretKeyFile) : Buffer.from(secretKey));
      } catch (cause) {
        const where = secretKey === "" ? `the key file ${secretKeyFile} (BERTH_SECRET_KEY_FILE)` : "BERTH_SECRET_KEY";
        throw new BerthError("E_CONFIG", `${where} cannot be used`, { cause });
      }
    });
  }

  get keyIds(): readonly string[] {
    return this.#keys.map(({ id }) => id);
  }

  seal(secret: Secret): string {
    const [newest] = this.#keys;
    if (newest === undefined) throw new BerthError("E_CONFIG", "there is no key to seal with");
    return newest.seal(secret);
  }

  open(sealed: string): Secret {
    const id = keyIdOf(sealed);
    if (!this.keyIds.includes(id)) this.reload();
    const key = this.#keys.find((candidate) => candidate.id === id);
    if (key !== undefined) return key.open(sealed);
    throw new BerthError(
      "E_CONFIG",
      `a secret was sealed with key ${id}, and this program has ${this.keyIds.join(", ")}: give it that key as well`,
    );
  }

  reload(): void {
    this.#keys = this.#read();
  }
}

/** 32 bytes, or lines (or words between commas) of base64url; `#` begins a remark. */
export function parseKeys(bytes: Buffer): readonly SealingKey[] {
  if (bytes.length === 32) return [new SealingKey(bytes)];
  const lines = bytes
    .toString("utf8")
    .split(/[\n,]/)
    .map((line) => line.replace(/#.*$/, "").trim())
    .filter((line) => line !== "");
  if (lines.length === 0 || lines.length > MAX_KEYS)
    throw new BerthError("E_CONFIG", `there are ${lines.length} keys in it; 1 to ${MAX_KEYS} can be used`);
  return lines.map((line, n) => {
    const key = Buffer.from(line, "base64url");
    if (key.length !== 32 || key.toString("base64url") !== line.replace(/=+$/, ""))
      throw new BerthError("E_CONFIG", `line ${n + 1} of it is no key: 43 letters of base64url, or 32 bytes in all`);
    return new SealingKey(key);
  });
}

/** A file's bytes as a line, to stand behind a new key. */
export function keyLine(key: Buffer): string {
  return key.toString("base64url");
}
