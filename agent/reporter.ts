import type { Bus, Served } from "#shared/bus.ts";
import { BerthError, fullMessage } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import type { BackendReport } from "#shared/model/capacity.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { PROTOCOL_VERSION } from "#shared/protocol/message.ts";
import { subjects } from "#shared/protocol/subjects.ts";
import { measureCall, reportMessage } from "#shared/protocol/zone.ts";
import type { Backends } from "./backends.ts";
import { Deadline, withinDeadline } from "./deadline.ts";
import { ALWAYS_HELD, type Driver, DriverError, NO_PROGRESS } from "./drivers/driver.ts";

/** After work a system is measured for so small a part of the time: one that takes long to tell is asked less often. */
const MEASURED_SHARE = 0.1;
/** A neighbour that is about to measure the same array gets this share of the interval to do so first. */
const NEIGHBOUR_SHARE = 0.25;

export interface ReporterOptions {
  readonly bus: Pick<Bus, "publish" | "serve" | "subscribe">;
  readonly backends: Pick<Backends, "open" | "side"> & {
    driver(backendId: number, signal: AbortSignal): Promise<Pick<Driver, "measure">>;
  };
  readonly knownSeq: () => number;
  readonly agentId: string;
  readonly zone: string;
  readonly host: string;
  readonly intervalMs: number;
  readonly afterWorkMs: number;
  readonly measureTimeoutMs: number;
  readonly log: Logger;
}

/**
 * Measures the open backends and publishes what it finds. The zone's agents hear each other's reports: what a neighbour
 * has just measured is not polled again, and what a neighbour found down is looked at from here too.
 */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #plans = new Map<number, Plan>();
  readonly #served: Served[] = [];
  #stopped = false;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  start(): void {
    const { bus, zone, host } = this.#options;
    this.#served.push(
      bus.subscribe(subjects.report(zone), reportMessage, ({ agentId, report }) => this.#heard(agentId, report)),
    );
    for (const subject of [subjects.measure(zone, null), subjects.measure(zone, host)])
      this.#served.push(
        bus.serve(subject, measureCall, (asked) => this.#answer(asked.backendId, asked.ledgerSeq), "agents"),
      );
  }

  /** A backend opened: its first report is due at once. */
  opened(backend: Backend): void {
    this.#plan(backend.id, 0);
  }

  closed(backendId: number): void {
    const plan = this.#plans.get(backendId);
    if (plan !== undefined) clearTimeout(plan.timer);
    this.#plans.delete(backendId);
  }

  /** It could not be opened: that is a report too. */
  failed(backend: Backend, code: string, message: string): void {
    this.#publish({
      backendId: backend.id,
      asOf: this.#options.knownSeq(),
      side: this.#options.backends.side(backend.id),
      durationMs: 0,
      result: { state: "down", code, message },
    });
  }

  /** Work changed what stands there. Many jobs make one report, and while they go on one each `afterWorkMs`. */
  worked(backendId: number): void {
    const plan = this.#plans.get(backendId);
    if (plan === undefined) return;
    plan.wantedSeq = this.#options.knownSeq();
    const inMs = this.#afterWorkMs(plan.tookMs);
    if (plan.dueMs > performance.now() + inMs) this.#plan(backendId, inMs);
  }

  /** A scheduler that has no reports yet. */
  reportAll(): void {
    for (const backend of this.#options.backends.open()) this.#plan(backend.id, 0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const backendId of [...this.#plans.keys()]) this.closed(backendId);
    await Promise.all(this.#served.map((served) => served.stop()));
  }

  #afterWorkMs(tookMs: number): number {
    const { afterWorkMs, intervalMs } = this.#options;
    return Math.max(afterWorkMs, Math.min(tookMs / MEASURED_SHARE, intervalMs));
  }

  #plan(backendId: number, inMs: number, tookMs?: number): void {
    if (this.#stopped) return;
    const before = this.#plans.get(backendId);
    if (before !== undefined) clearTimeout(before.timer);
    const timer = setTimeout(() => void this.#run(backendId), inMs);
    this.#plans.set(backendId, {
      timer,
      dueMs: performance.now() + inMs,
      wantedSeq: before?.wantedSeq ?? 0,
      tookMs: tookMs ?? before?.tookMs ?? 0,
    });
  }

  async #run(backendId: number): Promise<void> {
    const report = await this.#measure(backendId);
    if (this.#stopped || !this.#plans.has(backendId)) return;
    this.#publish(report);
    this.#planNext(backendId, report, 0);
  }

  #heard(agentId: string, report: BackendReport): void {
    if (agentId === this.#options.agentId || !this.#plans.has(report.backendId)) return;
    if (report.result.state === "down") {
      this.#plan(report.backendId, this.#options.afterWorkMs);
      return;
    }
    this.#planNext(report.backendId, report, this.#options.intervalMs * NEIGHBOUR_SHARE);
  }

  /** After a report: the next is due an interval later, or soon if it has not seen the last work yet. */
  #planNext(backendId: number, report: BackendReport, courtesyMs: number): void {
    const wantedSeq = this.#plans.get(backendId)?.wantedSeq ?? 0;
    const behind = report.asOf < wantedSeq;
    const { durationMs } = report;
    const inMs = behind ? this.#afterWorkMs(durationMs) : this.#options.intervalMs + courtesyMs;
    this.#plan(backendId, inMs, durationMs);
  }

  async #answer(backendId: number, ledgerSeq: number): Promise<{ agentId: string; report: BackendReport }> {
    if (!this.#plans.has(backendId))
      throw new BerthError("E_BACKEND_NOT_OPEN", `backend ${backendId} is not open at agent ${this.#options.agentId}`);
    const report = await this.#measure(backendId, ledgerSeq);
    return { agentId: this.#options.agentId, report };
  }

  /** `asOf` is known before measuring begins: only what was committed by then has surely been seen. */
  async #measure(backendId: number, asOf = this.#options.knownSeq()): Promise<BackendReport> {
    const { backends, measureTimeoutMs, log } = this.#options;
    const side = backends.side(backendId);
    const startedMs = performance.now();
    const deadline = new Deadline(measureTimeoutMs);
    try {
      const driver = await backends.driver(backendId, deadline.signal);
      const context = { guard: ALWAYS_HELD, progress: NO_PROGRESS, signal: deadline.signal, log };
      const measurement = await withinDeadline(driver.measure(context), deadline.signal);
      return { backendId, asOf, side, durationMs: performance.now() - startedMs, result: { state: "up", measurement } };
    } catch (error) {
      log.warn({ err: error, backendId }, "a backend could not be measured");
      const code = error instanceof DriverError ? error.code : "E_BACKEND_FAILED";
      const message = fullMessage(error).slice(0, 1000);
      return {
        backendId,
        asOf,
        side,
        durationMs: performance.now() - startedMs,
        result: { state: "down", code, message },
      };
    } finally {
      deadline.end();
    }
  }

  #publish(report: BackendReport): void {
    const { bus, zone, agentId } = this.#options;
    bus.publish(subjects.report(zone), reportMessage, { version: PROTOCOL_VERSION, agentId, report });
  }
}

interface Plan {
  readonly timer: NodeJS.Timeout;
  readonly dueMs: number;
  /** The last commit whose effect must be measured. */
  wantedSeq: number;
  /** How long the last measurement took, whoever made it. */
  readonly tookMs: number;
}
