import { EventEmitter } from "node:events";
import { crashPoint } from "#shared/crash-point.ts";
import { BerthError } from "#shared/errors.ts";
import type { EventFacts } from "#shared/events/event.ts";
import type { Logger } from "#shared/log.ts";
import type { Change, DetailKind, RecordTypes, StateKind } from "#shared/model/records.ts";
import type { CommandKind, Commands, DryRun, DryRunVolume, Moment } from "./core/commands.ts";
import { decide } from "./core/decide.ts";
import type { Effect } from "./core/effects.ts";
import { dryRun } from "./core/place-volume.ts";
import type { State } from "./core/state.ts";
import { EventLog } from "./event-log.ts";
import type { Ledger } from "./ledger/ledger.ts";

interface Pending {
  readonly effects: readonly Effect[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export interface EngineOptions {
  /** The scheduler's clock; for tests. */
  readonly nowMs?: () => number;
  /**
   * Throws when this scheduler may not answer now, for another may lead. No commit of it would be taken then; but there are
   * answers that need no commit.
   */
  readonly guard?: () => void;
  /** As the ledger has it; absent: there were no events yet. */
  readonly events?: EventLog;
}

/**
 * Turns commands into decisions, decisions into commits, and lets replies and effects out only behind the commit that
 * holds them ("write, then act"). The decisions of one turn of the event loop are one commit; while one is under way
 * the next gathers. Reading is free, and the state in memory is at most one commit ahead of the disk: who tells others
 * what was read waits for `durable`.
 */
export class Engine {
  readonly state: State;
  /** What programs that watch are told; only what is durable. */
  readonly events: EventLog;
  readonly #ledger: Pick<Ledger, "commit" | "readDetails">;
  readonly #log: Logger;
  readonly #nowMs: () => number;
  readonly #guard: () => void;
  readonly #emitter = new EventEmitter({ captureRejections: false });
  #durableSeq: number;
  #changes: Change[] = [];
  #facts: EventFacts[] = [];
  #pending: Pending[] = [];
  #commitAnyway = false;
  /** Whoever waits for the commit that is under way. */
  #committing: Pending[] = [];
  #flushing = false;
  #scheduled = false;
  #failure: BerthError | null = null;

  constructor(
    state: State,
    ledger: Pick<Ledger, "commit" | "readDetails">,
    durableSeq: number,
    log: Logger,
    { nowMs = Date.now, guard = () => undefined, events = new EventLog() }: EngineOptions = {},
  ) {
    this.state = state;
    this.#ledger = ledger;
    this.#durableSeq = durableSeq;
    this.#log = log;
    this.#nowMs = nowMs;
    this.#guard = guard;
    this.events = events;
    this.#emitter.setMaxListeners(0);
  }

  /** The last commit that is on disk: what a measurement begun now has seen. */
  get durableSeq(): number {
    return this.#durableSeq;
  }

  /** Decides now, answers when it is durable. Rejects with a BerthError when refused; then nothing changed. */
  async submit<K extends CommandKind>(kind: K, input: Commands[K]["input"]): Promise<Commands[K]["reply"]> {
    if (this.#failure !== null) throw this.#failure;
    this.#guard();
    const moment: Moment = { nowMs: this.#nowMs(), seq: this.#durableSeq + (this.#flushing ? 2 : 1) };
    const { reply, changes, effects, events } = this.state.transact(() => decide(this.state, kind, input, moment));
    for (const event of events) this.#facts.push(event);
    if (changes.length === 0 && effects.length === 0 && this.#changes.length === 0 && !this.#flushing) return reply;
    await this.#enqueue(changes, effects);
    return reply;
  }

  /** Would it be decided now? Throws what `submit` would refuse it with; nothing is kept of it. */
  rehearse<K extends CommandKind>(kind: K, input: Commands[K]["input"]): void {
    const moment: Moment = { nowMs: this.#nowMs(), seq: this.#durableSeq + 1 };
    const over = new Error("rehearsed");
    try {
      this.state.transact(() => {
        decide(this.state, kind, input, moment);
        throw over;
      });
    } catch (error) {
      if (error !== over) throw error;
    }
  }

  /** What would be decided for this request now: the same function on the same state, nothing kept. */
  dryRun(request: DryRunVolume): DryRun {
    return dryRun(this.state, request, this.#nowMs());
  }

  /** What the ledger keeps with an object beside its record: the rounds of its placing, its history. */
  details<K extends DetailKind>(kind: K, ownerId: string): Promise<RecordTypes[K][]> {
    return this.#ledger.readDetails(kind, ownerId);
  }

  /**
   * Resolves when `settled` says so of the record (undefined: it is gone), with it; looks after each commit that touched it.
   * Throws E_TIMEOUT after `timeoutMs`; the work goes on.
   */
  async until<T>(kind: StateKind, id: string, look: () => T | undefined, timeoutMs: number): Promise<T> {
    const first = look();
    if (first !== undefined) return first;
    const event = `${kind} ${id}`;
    return await new Promise<T>((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer);
        this.#emitter.off(event, check);
      };
      const check = (): void => {
        const found = look();
        if (found === undefined) return;
        stop();
        resolve(found);
      };
      const timer = setTimeout(() => {
        stop();
        reject(new BerthError("E_TIMEOUT", `${kind} ${id} was not ready within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#emitter.on(event, check);
    });
  }

  /** `listener` gets each effect once its commit is durable. */
  onEffect(listener: (effect: Effect) => void): void {
    this.#emitter.on("effect", listener);
  }

  /** The ledger failed: nothing is accepted any more. All must begin again from what the ledger holds. */
  onFailure(listener: (error: BerthError) => void): void {
    this.#emitter.on("failure", listener);
  }

  /** Is the state in memory what the ledger holds? */
  get isDurable(): boolean {
    return this.#failure === null && this.#changes.length === 0 && this.#pending.length === 0 && !this.#flushing;
  }

  /** Resolves when everything decided so far is durable. Throws E_LEDGER, E_NOT_LEADER if it never will be. */
  async durable(): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    if (!this.isDurable) await this.#enqueue([], []);
  }

  /** Waits until everything decided so far is durable, or, if the ledger failed, never will be. */
  async drained(): Promise<void> {
    if (this.#failure === null) await this.durable();
  }

  /** Resolves when the ledger has taken a commit from now on, be it an empty one: so this scheduler still leads. */
  async confirm(): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    this.#commitAnyway = true;
    await this.#enqueue([], []);
  }

  /**
   * Tells all who wait for what is not durable yet that they need not: they are to ask again elsewhere. The commit that is
   * under way goes on, and if it is taken its effects leave.
   */
  sendAway(error: BerthError): void {
    for (const { reject } of [...this.#committing, ...this.#pending]) reject(error);
  }

  #enqueue(changes: readonly Change[], effects: readonly Effect[]): Promise<void> {
    for (const change of changes) this.#changes.push(change);
    return new Promise((resolve, reject) => {
      this.#pending.push({ effects, resolve, reject });
      if (this.#scheduled || this.#flushing) return;
      this.#scheduled = true;
      setImmediate(() => void this.#flush());
    });
  }

  async #flush(): Promise<void> {
    this.#scheduled = false;
    this.#flushing = true;
    const changes = this.#changes;
    const told = this.#facts.length === 0 ? null : this.events.write(this.#durableSeq + 1, this.#facts);
    if (told !== null) changes.push(...told.changes);
    const pending = this.#pending;
    const commitAnyway = this.#commitAnyway;
    this.#commitAnyway = false;
    this.#changes = [];
    this.#facts = [];
    this.#pending = [];
    this.#committing = pending;
    try {
      if (changes.length > 0 || commitAnyway) {
        crashPoint("decided");
        await this.#ledger.commit(this.#durableSeq + 1, changes);
        crashPoint("committed");
        this.#durableSeq += 1;
      }
    } catch (error) {
      this.#fail(error, pending);
      return;
    }
    this.#flushing = false;
    this.#committing = [];
    for (const { effects, resolve } of pending) {
      for (const effect of effects) this.#emitter.emit("effect", effect);
      resolve();
    }
    for (const change of changes) this.#emitter.emit(`${change.kind} ${change.id}`);
    if (told !== null) this.events.tell(told.commit);
    if (changes.length > 0) crashPoint("effects-left");
    if (this.#pending.length > 0 && !this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => void this.#flush());
    }
  }

  #fail(cause: unknown, pending: readonly Pending[]): void {
    const isFenced = cause instanceof BerthError && cause.code === "E_NOT_LEADER";
    this.#failure = isFenced ? cause : new BerthError("E_LEDGER", "the ledger did not take a commit", { cause });
    this.#log.error({ err: this.#failure }, "ledger failed");
    for (const { reject } of [...pending, ...this.#pending]) reject(this.#failure);
    this.#pending = [];
    this.#emitter.emit("failure", this.#failure);
  }
}
