import { setTimeout as pause } from "node:timers/promises";
import type { OperationKind } from "#shared/model/operation.ts";
import { type BerthClient, Refusal } from "#test/kit/berth-client.ts";
import { Random } from "#test/simulation/random.ts";
import type { Book, BookedSnapshot, BookedVolume } from "./book.ts";
import type { Performed } from "./timeline.ts";

/** Far longer than any outage that is made here: what is not answered or done by then is stuck. */
const ANSWER_BOUND_MS = 120_000;
const DONE_BOUND_MS = 120_000;

const LOOK_EVERY_MS = 10;
const LOOK_AT_MOST_MS = 200;

/** What a user may do on something of theirs. */
export interface Task {
  readonly zone: string;
  /** What it is done on; null: something new. */
  readonly id: string | null;
  readonly perform: () => Promise<void>;
}

/** It did not come to its good end, and not by a refusal. */
export class Stuck extends Error {}
export class Ended extends Error {}

export interface UserOptions {
  readonly number: number;
  readonly seed: number;
  readonly book: Book;
  /** One a scheduler. After a failure the next is asked. */
  readonly clients: readonly BerthClient[];
}

/**
 * Does one operation after another, each to its end, through whatever breaks. Like a careful client, it sends a request
 * that got no answer again, with its Idempotency-Key where there is one, and looks first where there is none.
 */
export class User {
  readonly random: Random;
  readonly book: Book;
  readonly volumes: BookedVolume[] = [];
  readonly snapshots: BookedSnapshot[] = [];
  readonly host: string;
  readonly #options: UserOptions;
  #current = 0;
  #names = 0;
  #worksOn: string[] = [];
  #askedMs = 0;
  #acceptedMs = 0;

  constructor(options: UserOptions) {
    this.#options = options;
    this.random = new Random(options.seed + options.number * 7919);
    this.book = options.book;
    this.host = `iqn.2026-01.test.host:user-${options.number}`;
  }

  /** Unique in the run: the name of what is asked for, and its Idempotency-Key. */
  newName(): string {
    this.#names += 1;
    return `soak-${this.#options.number}-${this.#names}`;
  }

  /** What was asked for by that name was accepted and has this id. */
  accept(name: string, id: string): void {
    this.book.accept(name, id);
    this.#worksOn.push(id);
  }

  get client(): BerthClient {
    const { clients } = this.#options;
    const client = clients[this.#current % clients.length];
    if (client === undefined) throw new Error("a user needs a client");
    return client;
  }

  /** One operation to its end; what goes wrong is in the book then. */
  async perform(kind: OperationKind, task: Task): Promise<Performed> {
    const beganMs = performance.now();
    this.#worksOn = task.id === null ? [] : [task.id];
    this.#askedMs = beganMs;
    this.#acceptedMs = beganMs;
    const outcome = await this.#outcomeOf(kind, task);
    const { zone } = task;
    const [askedMs, acceptedMs] = [this.#askedMs, this.#acceptedMs];
    return { kind, ids: this.#worksOn, zone, outcome, beganMs, askedMs, acceptedMs, endedMs: performance.now() };
  }

  /**
   * Asks until there is an answer. `again`: an earlier request may have been carried out though its answer was lost.
   * Throws the Refusal that was the answer.
   */
  async insist<T>(what: string, send: (client: BerthClient, again: boolean) => Promise<T>): Promise<T> {
    const endMs = performance.now() + ANSWER_BOUND_MS;
    for (let again = false; ; again = true) {
      this.#askedMs = performance.now();
      try {
        const answer = await send(this.client, again);
        this.#acceptedMs = performance.now();
        return answer;
      } catch (error) {
        if (error instanceof Refusal && error.status < 500) throw error;
        if (performance.now() > endMs) throw new Stuck(`${what} was never answered: ${textOf(error)}`);
        this.#current += 1;
        await pause(this.random.between(20, 150));
      }
    }
  }

  /** Waits until `look` finds something, through outages; ever more patiently, for what takes long is not made faster. */
  async until<T>(what: string, look: (client: BerthClient) => Promise<T | null>): Promise<T> {
    const endMs = performance.now() + DONE_BOUND_MS;
    let cause = "";
    for (let looks = 0; ; looks++) {
      try {
        const found = await look(this.client);
        if (found !== null) return found;
      } catch (error) {
        if (error instanceof Ended) throw error;
        cause = ` (${textOf(error)})`;
        this.#current += 1;
      }
      if (performance.now() > endMs) throw new Stuck(`not within ${DONE_BOUND_MS} ms: ${what}${cause}`);
      await pause(Math.min(LOOK_EVERY_MS * 1.3 ** looks, LOOK_AT_MOST_MS));
    }
  }

  async #outcomeOf(kind: OperationKind, { perform }: Task): Promise<Performed["outcome"]> {
    try {
      await perform();
      return "done";
    } catch (error) {
      // No room while space may be counted twice: it was refused as a whole, and the next report tells.
      if (error instanceof Refusal && error.code === "E_NO_CAPACITY") return "refused";
      const what = `${kind} of ${this.#worksOn.join() || "something new"}: ${textOf(error)}`;
      const isLost = error instanceof Refusal && error.status === 404;
      this.book.fault(error instanceof Stuck ? "stuck" : isLost ? "lost" : "wrong", what);
      for (const id of this.#worksOn) this.#giveUp(id);
      return "failed";
    }
  }

  #giveUp(id: string): void {
    this.book.giveUp(id);
    for (const list of [this.volumes, this.snapshots]) {
      const index = list.findIndex((one) => one.id === id);
      if (index !== -1) list.splice(index, 1);
    }
  }
}

function textOf(error: unknown): string {
  if (error instanceof Refusal) return `${error.status} ${error.code} ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
