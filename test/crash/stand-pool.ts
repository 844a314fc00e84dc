import { type CrashStand, type LedgerKind, startCrashStand } from "./stand.ts";

/**
 * Installations side by side, each for one crash at a time. What a crash leaves behind, the next one on the same
 * installation finds. One on which a crash went wrong is taken down, for nothing after it would tell anything.
 */
export class StandPool implements AsyncDisposable {
  readonly #limits: Readonly<Record<LedgerKind, number>>;
  readonly #idle: Record<LedgerKind, CrashStand[]> = { embedded: [], nats: [] };
  readonly #taken: Record<LedgerKind, number> = { embedded: 0, nats: 0 };
  /** They are started one after another: all at once they would each take that much longer. */
  #starting: Promise<unknown> = Promise.resolve();
  readonly #waiting: Record<LedgerKind, (() => void)[]> = { embedded: [], nats: [] };

  constructor(limits: Readonly<Record<LedgerKind, number>>) {
    this.#limits = limits;
  }

  /** If `work` fails, the last words of all programs are printed. */
  async use<T>(ledger: LedgerKind, work: (stand: CrashStand) => Promise<T>): Promise<T> {
    while (this.#taken[ledger] >= this.#limits[ledger])
      await new Promise<void>((resolve) => this.#waiting[ledger].push(resolve));
    this.#taken[ledger] += 1;
    try {
      const stand = this.#idle[ledger].pop() ?? (await this.#start(ledger));
      try {
        const done = await work(stand);
        this.#idle[ledger].push(stand);
        return done;
      } catch (error) {
        for (const program of [...stand.schedulers, ...stand.agents]) process.stderr.write(`${program.lastWords()}\n`);
        await stand[Symbol.asyncDispose]();
        throw error;
      }
    } finally {
      this.#taken[ledger] -= 1;
      this.#waiting[ledger].shift()?.();
    }
  }

  async #start(ledger: LedgerKind): Promise<CrashStand> {
    const started = this.#starting.then(() => startCrashStand(ledger));
    this.#starting = started.catch(() => undefined);
    return await started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const idle = [...this.#idle.embedded.splice(0), ...this.#idle.nats.splice(0)];
    await Promise.all(idle.map((stand) => stand[Symbol.asyncDispose]()));
  }
}
