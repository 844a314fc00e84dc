import type { Logger } from "#shared/log.ts";
import type { Engine } from "../engine.ts";
import type { Auditor } from "./auditor.ts";

/** Asks what stands on a side that has taken over, and tells the core; each tick wants it until it has been told. */
export class SideLookout {
  readonly #engine: Engine;
  readonly #auditor: Pick<Auditor, "list">;
  readonly #log: Logger;
  readonly #looking = new Set<number>();

  constructor(engine: Engine, auditor: Pick<Auditor, "list">, log: Logger) {
    this.#engine = engine;
    this.#auditor = auditor;
    this.#log = log;
  }

  look(backendId: number, token: number): void {
    if (this.#looking.has(backendId)) return;
    this.#looking.add(backendId);
    this.#tell(backendId, token)
      .catch((error) => this.#log.warn({ err: error, backendId }, "the side that took over could not be listed yet"))
      .finally(() => this.#looking.delete(backendId));
  }

  async #tell(backendId: number, token: number): Promise<void> {
    const { objects } = await this.#auditor.list(backendId);
    await this.#engine.submit("backend.listed", { backendId, token, objects });
    this.#log.warn({ backendId, objects: objects.length }, "another side of a backend is in force");
  }
}
