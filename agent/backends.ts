import { isDeepStrictEqual } from "node:util";
import { findDriver } from "#shared/drivers/index.ts";
import { fullMessage } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import type { Backend, Zone } from "#shared/model/catalogue.ts";
import type { Side } from "#shared/model/replication.ts";
import type { OpenBackend } from "#shared/protocol/heartbeat.ts";
import type { BackendSide } from "#shared/protocol/zone.ts";
import { Deadline, withinDeadline } from "./deadline.ts";
import { ALWAYS_HELD, type CallContext, type Driver, DriverError, NO_PROGRESS } from "./drivers/driver.ts";
import { createDriver } from "./drivers/registry.ts";
import type { DriverTools } from "./drivers/tools.ts";

const REOPEN_FIRST_MS = 1_000;
const REOPEN_LAST_MS = 60_000;

export interface BackendsOptions {
  readonly host: string;
  readonly tools: DriverTools;
  readonly openTimeoutMs: number;
  readonly log: Logger;
  readonly onOpen: (backend: Backend) => void;
  readonly onFailed: (backend: Backend, code: string, message: string) => void;
  readonly onClosed: (backendId: number) => void;
}

/** The zone's backends that this agent serves: opened at start, kept, opened again when they fail or change. */
export class Backends {
  readonly #options: BackendsOptions;
  readonly #entries = new Map<number, Entry>();

  constructor(options: BackendsOptions) {
    this.#options = options;
  }

  /** Follows the catalogue: opens what is new, closes what is gone, opens again what changed. */
  follow(backends: readonly Backend[], sides: readonly BackendSide[] = [], settings: Zone["settings"] = {}): void {
    const sideOf = new Map(sides.map((told) => [told.backendId, told]));
    const mine = backends.filter((backend) => backend.host === null || backend.host === this.#options.host);
    for (const [id, entry] of this.#entries) {
      const next = mine.find((backend) => backend.id === id);
      const told = sideOf.get(id);
      const sameSide = entry.side === (told?.side ?? null) && entry.mayOpen === (told?.open ?? true);
      const sameZone = !usesZone(entry.backend) || isDeepStrictEqual(entry.zoneSettings, settings);
      if (next !== undefined && sameSide && sameZone && sameConnection(next, entry.backend)) {
        entry.backend = next;
        continue;
      }
      this.#entries.delete(id);
      // Nothing that is under way on a side may go on there when another takes over.
      if (next !== undefined && !sameSide) entry.abandon();
      void entry.close();
      this.#options.onClosed(id);
    }
    for (const backend of mine) {
      if (this.#entries.has(backend.id)) continue;
      const { side = null, open = true } = sideOf.get(backend.id) ?? {};
      const entry = new Entry(backend, { side, mayOpen: open, zoneSettings: settings }, this.#options);
      this.#entries.set(backend.id, entry);
      if (open) void entry.open();
    }
  }

  open(): Backend[] {
    return [...this.#entries.values()].filter((entry) => entry.state === "open").map((entry) => entry.backend);
  }

  /**
   * The driver, once it is open; waits for an opening under way. Throws a DriverError `not-done` when it cannot be
   * opened, and `BackendNotServed` when this agent has not heard of the backend.
   */
  async driver(backendId: number, signal: AbortSignal): Promise<Driver> {
    return await this.#entry(backendId).ready(signal);
  }

  /**
   * The same of one side only: throws `BackendNotServed` while this agent has another one open, for one of the two, the
   * asker or this agent, has not heard yet. `gone` is aborted when the side is left.
   */
  async onSide(
    backendId: number,
    side: Side,
    signal: AbortSignal,
  ): Promise<{ readonly driver: Driver; readonly gone: AbortSignal }> {
    const entry = this.#entry(backendId);
    if (entry.mayOpen && entry.side !== side) throw new BackendNotServed(backendId);
    return { driver: await entry.ready(signal), gone: entry.gone };
  }

  /** Which side of it this agent has to do with. */
  side(backendId: number): Side {
    return this.#entries.get(backendId)?.side ?? null;
  }

  #entry(backendId: number): Entry {
    const entry = this.#entries.get(backendId);
    if (entry === undefined) throw new BackendNotServed(backendId);
    return entry;
  }

  status(): OpenBackend[] {
    return [...this.#entries.values()].map(({ backend, state, error }) => ({ id: backend.id, state, error }));
  }

  async close(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(entries.map((entry) => entry.close()));
  }
}

/** The catalogue has changed and this agent knows only the old one: that says nothing of the backend itself. */
export class BackendNotServed extends DriverError {
  constructor(backendId: number) {
    super("not-done", `backend ${backendId} is not one of this agent's`, { code: "E_BACKEND_NOT_OPEN" });
    this.name = "BackendNotServed";
  }
}

class Entry {
  backend: Backend;
  state: OpenBackend["state"] = "opening";
  error: OpenBackend["error"] = null;
  readonly side: Side;
  /** It may not while the backend is being failed over. */
  readonly mayOpen: boolean;
  readonly zoneSettings: NonNullable<Zone["settings"]>;
  readonly #gone = new AbortController();
  readonly #options: BackendsOptions;
  #driver: Driver | null = null;
  #opening: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #delayMs = REOPEN_FIRST_MS;
  #closed = false;

  constructor(
    backend: Backend,
    { side, mayOpen, zoneSettings }: Pick<Entry, "side" | "mayOpen" | "zoneSettings">,
    options: BackendsOptions,
  ) {
    this.backend = backend;
    this.side = side;
    this.mayOpen = mayOpen;
    this.zoneSettings = zoneSettings;
    this.#options = options;
    if (mayOpen) return;
    this.state = "failed";
    this.error = { code: "E_BACKEND_NOT_OPEN", message: "it is being failed over" };
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  abandon(): void {
    this.#gone.abort(new Error("the backend is being failed over"));
  }

  open(): Promise<void> {
    this.state = "opening";
    this.#opening = this.#tryOpen();
    return this.#opening;
  }

  async ready(signal: AbortSignal): Promise<Driver> {
    if (this.#driver !== null) return this.#driver;
    await withinDeadline(this.#opening, signal);
    if (this.#driver !== null) return this.#driver;
    // Of work that was given out for the side that is left it cannot be told how far another agent came with it.
    const outcome = this.mayOpen ? "not-done" : "unknown";
    throw new DriverError(outcome, `backend ${this.backend.name} is not open: ${this.error?.message ?? "closed"}`, {
      code: "E_BACKEND_NOT_OPEN",
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const driver = this.#driver;
    this.#driver = null;
    await driver?.close().catch((error) => this.#options.log.warn({ err: error }, "a backend did not close cleanly"));
  }

  async #tryOpen(): Promise<void> {
    const { tools, openTimeoutMs, log, onOpen, onFailed } = this.#options;
    const { backend } = this;
    const deadline = new Deadline(openTimeoutMs);
    const { signal } = deadline;
    const context: CallContext = { guard: ALWAYS_HELD, progress: NO_PROGRESS, signal, log };
    try {
      const driver = createDriver({ backend, side: this.side, zoneSettings: this.zoneSettings, tools });
      await withinDeadline(driver.open(context), signal);
      if (this.#closed) {
        await driver.close();
        return;
      }
      this.#driver = driver;
      this.state = "open";
      this.error = null;
      this.#delayMs = REOPEN_FIRST_MS;
      log.info({ backendId: backend.id, backend: backend.name, driver: backend.driver }, "backend open");
      onOpen(backend);
    } catch (error) {
      if (this.#closed) return;
      const code = error instanceof DriverError ? error.code : "E_BACKEND_FAILED";
      const message = fullMessage(error).slice(0, 1000);
      if (this.error?.message !== message)
        log.error({ err: error, backendId: backend.id, backend: backend.name }, "backend cannot be opened");
      this.state = "failed";
      this.error = { code, message };
      onFailed(backend, code, message);
      this.#timer = setTimeout(() => void this.open(), this.#delayMs);
      this.#delayMs = Math.min(this.#delayMs * 2, REOPEN_LAST_MS);
    } finally {
      deadline.end();
    }
  }
}

function usesZone({ driver }: Backend): boolean {
  return findDriver(driver)?.zoneSettings !== undefined;
}

/** Only what reaches the driver asks for a new connection; a changed limit or admission does not. */
function sameConnection(one: Backend, other: Backend): boolean {
  return (
    one.driver === other.driver &&
    one.name === other.name &&
    isDeepStrictEqual(one.parameters, other.parameters) &&
    isDeepStrictEqual(one.replicationTargets, other.replicationTargets)
  );
}
