import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { type BerthClient, Refusal, type SeenVolume } from "./berth-client.ts";
import { until } from "./until.ts";

/** Longer than any restart: what is not accepted until then is a failure. */
const ACCEPT_BOUND_MS = 30_000;
/** Of what a user made, every so manieth goes again. */
const DELETE_EVERY = 3;
/** So that an outage does not gather thousands of requests, which would only take time afterwards. */
const BREATH_MS = 10;

export type StreamClient = Pick<BerthClient, "createVolume" | "deleteVolume">;

/**
 * Users who create and delete one after another, through whatever breaks. A request without an answer is sent again with
 * its Idempotency-Key, as a careful client does; so it is known of each volume whether it must be there.
 */
export class Stream implements AsyncDisposable {
  readonly #client: StreamClient;
  readonly #zones: readonly string[];
  readonly #users: Promise<void>[] = [];
  readonly #accepted = new Map<string, SeenVolume>();
  readonly #deleted = new Set<string>();
  #stopped = false;
  #failure: unknown = null;

  constructor(client: StreamClient, users: number, zones: readonly string[]) {
    this.#client = client;
    this.#zones = zones;
    for (let user = 0; user < users; user++)
      this.#users.push(
        this.#work(user).catch((error: unknown) => {
          this.#failure ??= error;
        }),
      );
  }

  /** How many requests have been answered with 202 so far. */
  get answered(): number {
    return this.#accepted.size + this.#deleted.size;
  }

  /** Resolves when so many more requests have been answered. Throws what the users met. */
  async goesOnBy(requests: number): Promise<void> {
    const wanted = this.answered + requests;
    await until(`${requests} more requests are answered`, () => {
      if (this.#failure !== null) return true;
      return this.answered >= wanted;
    });
    if (this.#failure !== null) throw this.#failure;
  }

  /** Ends it and gives the ids of the volumes that must be there, all others being gone. */
  async end(): Promise<string[]> {
    this.#stopped = true;
    await Promise.all(this.#users);
    if (this.#failure !== null) throw this.#failure;
    return [...this.#accepted.keys()].filter((id) => !this.#deleted.has(id)).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#users);
  }

  async #work(user: number): Promise<void> {
    const mine: string[] = [];
    for (let turn = 1; !this.#stopped; turn++) {
      await pause(BREATH_MS);
      const zone = this.#zones[(user + turn) % this.#zones.length] ?? "";
      mine.push(await this.#create(`user-${user}-${turn}`, zone));
      const [oldest] = mine;
      if (turn % DELETE_EVERY !== 0 || oldest === undefined) continue;
      mine.shift();
      await this.#delete(oldest);
    }
  }

  async #create(name: string, zone: string): Promise<string> {
    const key = { "idempotency-key": randomUUID() };
    const volume = await this.#insist(name, () =>
      this.#client.createVolume({ name, size: 1, availability_zone: zone }, key),
    );
    this.#accepted.set(volume.id, volume);
    return volume.id;
  }

  async #delete(id: string): Promise<void> {
    await this.#insist(`delete ${id}`, async () => {
      try {
        await this.#client.deleteVolume(id);
      } catch (error) {
        // Accepted the first time, though the answer was lost.
        if (!(error instanceof Refusal && error.status === 404)) throw error;
      }
      return true;
    });
    this.#deleted.add(id);
  }

  /** Only what got no answer, or found no leader, is sent again; a refusal is not what these users expect. */
  async #insist<T extends object | true>(what: string, send: () => Promise<T>): Promise<T> {
    const { answer } = await until(
      `${what} is answered`,
      async () => {
        try {
          return { answer: await send() };
        } catch (error) {
          if (error instanceof Refusal && error.code !== "E_NOT_LEADER") return { answer: error };
          throw error;
        }
      },
      ACCEPT_BOUND_MS,
    );
    if (answer instanceof Refusal) throw answer;
    return answer;
  }
}
