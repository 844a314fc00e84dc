import type { Bus } from "#shared/bus.ts";
import { BerthError } from "#shared/errors.ts";
import type { ListedObject, Listing, ListPage } from "#shared/model/listing.ts";
import { subjects } from "#shared/protocol/subjects.ts";
import { listCall } from "#shared/protocol/zone.ts";
import { type BackendAudit, booksOf, compareBooks } from "../core/audit.ts";
import type { AuditMemory } from "../core/audit-memory.ts";
import { backendState, openSide } from "../core/sides.ts";
import type { Engine } from "../engine.ts";

/** Asks the zones' agents what stands on a backend, and compares it with the ledger. */
export class Auditor {
  readonly #bus: Pick<Bus, "request">;
  readonly #engine: Engine;
  readonly #pageTimeoutMs: number;
  readonly #memory: AuditMemory;

  constructor(bus: Pick<Bus, "request">, engine: Engine, pageTimeoutMs: number, memory: AuditMemory) {
    this.#memory = memory;
    this.#bus = bus;
    this.#engine = engine;
    this.#pageTimeoutMs = pageTimeoutMs;
  }

  async audit(backendId: number): Promise<BackendAudit> {
    const { state } = this.#engine;
    // The books are taken before the first page is asked for and after the last has come: see `compareBooks`.
    const before = booksOf(state, backendId);
    const listing = await this.list(backendId);
    const audit = compareBooks(state, backendId, before, listing, booksOf(state, backendId));
    this.#memory.note(audit, Date.now());
    return audit;
  }

  async list(backendId: number): Promise<Listing> {
    const backend = this.#engine.state.backend(backendId);
    if (backend === undefined) throw new BerthError("E_NOT_FOUND", `there is no backend ${backendId} in the catalogue`);
    if (!this.#engine.state.fleet.serves(backend))
      throw new BerthError("E_NO_AGENT", `no agent is up that could look at backend ${backend.name}`);
    const { side } = openSide(backendState(this.#engine.state, backendId));
    const subject = subjects.list(backend.zone, backend.host);
    const objects: ListedObject[] = [];
    const foreign: string[] = [];
    for (let after: string | null = null, more = true; more; ) {
      const page: ListPage = await this.#bus.request(
        subject,
        listCall,
        { backendId, after, side },
        this.#pageTimeoutMs,
      );
      for (const object of page.objects) objects.push(object);
      for (const name of page.foreign) foreign.push(name);
      if (page.next !== null && after !== null && page.next <= after)
        throw new BerthError("E_BACKEND_FAILED", `the listing of backend ${backend.name} does not come to an end`);
      after = page.next;
      more = after !== null;
    }
    return { objects, foreign };
  }
}
