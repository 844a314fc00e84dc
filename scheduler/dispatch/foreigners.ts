import type { Bus } from "#shared/bus.ts";
import { asBerthError, BerthError } from "#shared/errors.ts";
import type { ForeignObject, ForeignPage } from "#shared/model/foreign.ts";
import { subjects } from "#shared/protocol/subjects.ts";
import { foreignCall } from "#shared/protocol/zone.ts";
import type { Engine } from "../engine.ts";

/** So many of a backend are told at most: it is somebody's folder, and may hold anything. */
const MOST_TOLD = 10_000;

/** One object is looked at quickly: an agent that is silent for so long has died or is paused, and another may be asked. */
const FIND_TRY_MS = 4_000;

/** Asks the zones' agents what others have on a backend. */
export class Foreigners {
  readonly #bus: Pick<Bus, "request">;
  readonly #engine: Engine;
  readonly #pageTimeoutMs: number;

  constructor(bus: Pick<Bus, "request">, engine: Engine, pageTimeoutMs: number) {
    this.#bus = bus;
    this.#engine = engine;
    this.#pageTimeoutMs = pageTimeoutMs;
  }

  async list(backendId: number): Promise<ForeignObject[]> {
    const found: ForeignObject[] = [];
    for (let after: string | null = null; ; ) {
      const page: ForeignPage = await this.#ask(backendId, after, null, this.#pageTimeoutMs);
      found.push(...page.objects);
      if (page.next === null || found.length >= MOST_TOLD) return found.slice(0, MOST_TOLD);
      if (after !== null && page.next <= after)
        throw new BerthError("E_BACKEND_FAILED", `the listing of backend ${backendId} does not come to an end`);
      after = page.next;
    }
  }

  /** null: there is none of that name. */
  async find(backendId: number, reference: string): Promise<ForeignObject | null> {
    for (let leftMs = this.#pageTimeoutMs; ; leftMs -= FIND_TRY_MS) {
      try {
        const { objects } = await this.#ask(backendId, null, reference, Math.min(leftMs, FIND_TRY_MS));
        return objects.find((object) => object.reference === reference) ?? null;
      } catch (error) {
        if (asBerthError(error).code !== "E_TIMEOUT" || leftMs <= FIND_TRY_MS) throw error;
      }
    }
  }

  async #ask(
    backendId: number,
    after: string | null,
    reference: string | null,
    timeoutMs: number,
  ): Promise<ForeignPage> {
    const backend = this.#engine.state.backend(backendId);
    if (backend === undefined) throw new BerthError("E_NOT_FOUND", `there is no backend ${backendId} in the catalogue`);
    if (!this.#engine.state.fleet.serves(backend))
      throw new BerthError("E_NO_AGENT", `no agent is up that could look at backend ${backend.name}`);
    const subject = subjects.foreign(backend.zone, backend.host);
    return await this.#bus.request(subject, foreignCall, { backendId, after, reference }, timeoutMs);
  }
}
