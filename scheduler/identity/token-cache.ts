import type { TokenOwner } from "./tokens.ts";

const MAX_TOKENS = 20_000;
/** So that one bad token, sent again and again, is not asked about each time; short, for it may be of this second. */
const BAD_FOR_MS = 10_000;

interface Entry {
  /** null: nobody's. */
  readonly owner: TokenOwner | null;
  readonly untilMs: number;
}

/** What was found out of tokens, by their hashes, for a while. Full, it forgets what was not asked for the longest. */
export class TokenCache {
  readonly #entries = new Map<string, Entry>();
  readonly #goodForMs: number;
  readonly #nowMs: () => number;

  constructor(goodForMs: number, nowMs: () => number) {
    this.#goodForMs = goodForMs;
    this.#nowMs = nowMs;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** undefined: not known, or not any more. */
  get(tokenHash: string): TokenOwner | null | undefined {
    const entry = this.#entries.get(tokenHash);
    if (entry === undefined) return undefined;
    this.#entries.delete(tokenHash);
    if (entry.untilMs <= this.#nowMs()) return undefined;
    this.#entries.set(tokenHash, entry);
    return entry.owner;
  }

  /** Never for longer than the token itself is good. */
  keep(tokenHash: string, found: { readonly owner: TokenOwner; readonly expiresAtMs: number } | null): void {
    const nowMs = this.#nowMs();
    const entry =
      found === null
        ? { owner: null, untilMs: nowMs + BAD_FOR_MS }
        : { owner: found.owner, untilMs: Math.min(nowMs + this.#goodForMs, found.expiresAtMs) };
    this.#entries.delete(tokenHash);
    this.#entries.set(tokenHash, entry);
    if (this.#entries.size <= MAX_TOKENS) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
