import { randomUUID } from "node:crypto";
import { type Static, Type } from "typebox";
import type { Cell } from "#shared/bus/cell.ts";
import { fullMessage } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import { Nullable } from "#shared/model/nullable.ts";
import { parser } from "#shared/schema.ts";

const Holder = Type.Object({ schedulerId: Type.String(), apiUrl: Type.String() });
/** A scheduler that leads: who, and where the others reach its API. */
export type Holder = Static<typeof Holder>;

/** `term` is new each time somebody takes the lease; `holder` null: it was given back. */
const LeaseValue = parser(Type.Object({ term: Type.String(), holder: Nullable(Holder) }), "the leader's lease");

/** A server that is asked often may be slow once. */
const SHORTEST_WRITE_MS = 500;

interface Seen {
  readonly term: string;
  readonly holder: Holder | null;
  readonly revision: number;
}

export interface LeaseOptions {
  readonly cell: Pick<Cell, "read" | "write">;
  /** Who does not renew for so long has lost it. Renewed each third. */
  readonly leaseMs: number;
  readonly holder: Holder;
  readonly log: Logger;
  /** Monotonic, and going on while the process is paused; for tests. */
  readonly nowMs?: () => number;
}

/**
 * Who leads. The lease is a value with compare-and-set that its holder writes again and again; whoever has seen the same
 * revision for a whole lease, by its own monotonic clock and with the server answering all the time, may write itself over
 * it. So no clocks are compared, and an outage of nats-server makes nobody lose it. It says who should lead; that no two
 * can write is the ledger's own doing.
 */
export class Lease {
  readonly #cell: Pick<Cell, "read" | "write">;
  readonly #leaseMs: number;
  readonly #holder: Holder;
  readonly #log: Logger;
  readonly #nowMs: () => number;
  #term = "";
  #revision = 0;
  /** Until then nobody else can have taken it. */
  #validUntilMs = 0;
  #leader: Holder | null = null;

  constructor({ cell, leaseMs, holder, log, nowMs = () => performance.now() }: LeaseOptions) {
    this.#cell = cell;
    this.#leaseMs = leaseMs;
    this.#holder = holder;
    this.#log = log;
    this.#nowMs = nowMs;
  }

  /** Who leads, as last seen; null: nobody, or nobody knows. */
  get leader(): Holder | null {
    return this.#leader;
  }

  /** This scheduler leads, and nobody can have taken over yet. */
  get isCurrent(): boolean {
    return this.#nowMs() < this.#validUntilMs;
  }

  /** For how long somebody else may have taken over, unseen. */
  get overdueMs(): number {
    return Math.max(0, this.#nowMs() - this.#validUntilMs);
  }

  /** Resolves with true once this scheduler holds it, and with false at `signal`. */
  async acquire(signal: AbortSignal): Promise<boolean> {
    this.#term = randomUUID();
    let seen: { readonly revision: number; readonly sinceMs: number } | null = null;
    while (!signal.aborted) {
      try {
        const found = await this.#read();
        this.#leader = found?.holder ?? null;
        if (seen === null || seen.revision !== (found?.revision ?? 0))
          seen = { revision: found?.revision ?? 0, sinceMs: this.#nowMs() };
        const isFree = found === null || found.holder === null || found.term === this.#term;
        if ((isFree || this.#nowMs() - seen.sinceMs >= this.#leaseMs) && (await this.#take(seen.revision))) return true;
      } catch (error) {
        // The holder may be renewing all the same, unseen.
        seen = null;
        this.#log.debug({ err: error }, "the leader's lease cannot be read");
      }
      await this.#beat(signal);
    }
    return false;
  }

  /** Renews it; resolves when another has it, or at `signal`. */
  async hold(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#beat(signal);
      if (signal.aborted) return;
      try {
        if ((await this.#take(this.#revision)) || (await this.#isStillOurs())) continue;
        this.#validUntilMs = 0;
        return;
      } catch (error) {
        this.#log.warn({ why: fullMessage(error) }, "the leader's lease was not renewed, trying again");
      }
    }
  }

  /** Gives it back, so that another need not wait for its end. */
  async release(): Promise<void> {
    this.#validUntilMs = 0;
    this.#leader = null;
    await this.#write(null, this.#revision).catch((error) => {
      this.#log.debug({ err: error }, "the leader's lease was not given back");
    });
  }

  async #take(over: number): Promise<boolean> {
    const begunMs = this.#nowMs();
    const revision = await this.#write(this.#holder, over);
    if (revision === null) return false;
    this.#revision = revision;
    this.#validUntilMs = begunMs + this.#leaseMs;
    this.#leader = this.#holder;
    return true;
  }

  /** A renewal whose answer was lost has moved the revision: then the next one goes over that. */
  async #isStillOurs(): Promise<boolean> {
    const found = await this.#read();
    this.#leader = found?.holder ?? null;
    if (found === null || found.term !== this.#term) return false;
    this.#revision = found.revision;
    return true;
  }

  async #read(): Promise<Seen | null> {
    const found = await this.#cell.read();
    if (found === null) return null;
    const { term, holder } = LeaseValue.parse(JSON.parse(Buffer.from(found.body).toString("utf8")));
    return { term, holder, revision: found.revision };
  }

  async #write(holder: Holder | null, over: number): Promise<number | null> {
    const body = Buffer.from(JSON.stringify({ term: this.#term, holder }));
    return await this.#cell.write(body, over, Math.max(this.#leaseMs / 3, SHORTEST_WRITE_MS));
  }

  async #beat(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const go = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", go);
        resolve();
      };
      const timer = setTimeout(go, this.#leaseMs / 3);
      signal.addEventListener("abort", go);
      if (signal.aborted) go();
    });
  }
}
