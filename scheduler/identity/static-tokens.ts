import { readFileSync, statSync } from "node:fs";
import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import { ProjectId, UserId } from "#shared/model/names.ts";
import { type Fault, parser, sentence } from "#shared/schema.ts";
import { FileWatch } from "../catalogue/watch.ts";
import { type LocatedFault, locate, readJson } from "../located-json.ts";
import { ownerFrom, type TokenKeeper, type TokenOwner, tokenHashOf } from "./tokens.ts";

const LOOK_EVERY_MS = 2_000;
/** Ten thousand tokens are 2 MB; what is far larger is not such a file. */
const MAX_BYTES = 16 * 1024 * 1024;
const SHOWN_FAULTS = 10;

const Entry = Type.Object(
  {
    /** The token itself, or its SHA-256 (`printf %s TOKEN | sha256sum`); one of the two. */
    token: Type.Optional(
      Type.String({ pattern: "^[\\x21-\\x7e]{16,8192}$", description: "at least 16 characters without blanks" }),
    ),
    sha256: Type.Optional(Type.String({ pattern: "^[0-9a-f]{64}$", description: "64 hexadecimal digits" })),
    user: UserId,
    project: ProjectId,
    roles: Type.Array(
      Type.Union([Type.Literal("admin"), Type.Literal("member"), Type.Literal("reader"), Type.Literal("service")]),
      { minItems: 1 },
    ),
  },
  { additionalProperties: false },
);
const TokenFile = Type.Object({ tokens: Type.Array(Entry) }, { additionalProperties: false });
const tokenFiles = parser(TokenFile, "tokens");

/**
 * Tokens of a file that people edit. An edit is taken in within seconds; a broken one is told with its line, and what was
 * there before stays in force. What is in memory are hashes.
 */
export class StaticTokens implements TokenKeeper {
  readonly challenge = 'Token realm="berth"';
  readonly #path: string;
  readonly #log: Logger;
  readonly #watch: FileWatch;
  #owners: ReadonlyMap<string, TokenOwner>;
  /** As last read, be it good or not; null: it could not be read. */
  #text: string | null;
  #isBroken = false;

  /** Throws E_CONFIG with every fault's place. */
  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
    this.#text = readText(path);
    this.#owners = ownersIn(path, this.#text);
    if ((statSync(path).mode & 0o007) !== 0)
      log.warn({ file: path }, "the file with the tokens can be read by others on this machine: chmod o=");
    this.#watch = new FileWatch({
      path,
      intervalMs: LOOK_EVERY_MS,
      look: () => this.#look(),
      restless: () => this.#isBroken,
    });
  }

  ownerOf(_token: string, tokenHash: string): TokenOwner | null {
    return this.#owners.get(tokenHash) ?? null;
  }

  async close(): Promise<void> {
    this.#watch.close();
  }

  #look(): void {
    const before = this.#text;
    try {
      this.#text = null;
      const text = readText(this.#path);
      this.#text = text;
      if (text === before) return;
      this.#owners = ownersIn(this.#path, text);
      this.#isBroken = false;
      this.#log.info({ file: this.#path, tokens: this.#owners.size }, "tokens read again");
    } catch (error) {
      if (!this.#isBroken)
        this.#log.error({ err: error }, "the file with the tokens is not taken in; the old ones stay");
      this.#isBroken = true;
    }
  }
}

function readText(path: string): string {
  try {
    const { size } = statSync(path);
    if (size > MAX_BYTES) throw new BerthError("E_CONFIG", `${path}:1:1 the file is too large (${size} bytes)`);
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (cause instanceof BerthError) throw cause;
    throw new BerthError("E_CONFIG", `the file with the tokens cannot be read: ${path}`, { cause });
  }
}

function ownersIn(path: string, text: string): ReadonlyMap<string, TokenOwner> {
  const read = readJson(text);
  if (!("value" in read)) throw invalid(path, read.faults);
  const { value } = read;
  if (!tokenFiles.check(value))
    throw invalid(
      path,
      locate(text, tokenFiles.faults(value)).map((fault) => ({ ...fault, message: sentence(fault) })),
    );
  const owners = new Map<string, TokenOwner>();
  const faults: Fault[] = [];
  for (const [n, entry] of value.tokens.entries()) {
    const hash = hashOf(entry);
    const message = hash === null ? "has neither token nor sha256, or both" : "is the token of another entry";
    if (hash === null || owners.has(hash)) faults.push({ path: `/tokens/${n}`, message: `/tokens/${n} ${message}` });
    else owners.set(hash, ownerFrom(entry.user, entry.project, entry.roles));
  }
  if (faults.length > 0) throw invalid(path, locate(text, faults));
  return owners;
}

function hashOf({ token, sha256 }: Static<typeof Entry>): string | null {
  if (token !== undefined && sha256 === undefined) return tokenHashOf(token);
  return token === undefined ? (sha256 ?? null) : null;
}

function invalid(path: string, faults: readonly LocatedFault[]): BerthError {
  const shown = faults
    .slice(0, SHOWN_FAULTS)
    .map(({ line, column, message }) => `${path}:${line}:${column} ${message}`);
  return new BerthError("E_CONFIG", shown.join("; "));
}
