import type { Bus, Served } from "#shared/bus.ts";
import { BerthError } from "#shared/errors.ts";
import { heartbeatCall } from "#shared/protocol/heartbeat.ts";
import { awaitedCall } from "#shared/protocol/job.ts";
import { progressCall } from "#shared/protocol/progress.ts";
import { resultCall } from "#shared/protocol/result.ts";
import { ALL_ZONES, subjects } from "#shared/protocol/subjects.ts";
import {
  backendsCall,
  type ExpectedExport,
  exportsCall,
  measureCall,
  nudgeMessage,
  reportMessage,
} from "#shared/protocol/zone.ts";
import { isLetIn } from "../core/attachments.ts";
import { snapshotRef, volumeRef } from "../core/refs.ts";
import { backendState, openSide } from "../core/sides.ts";
import type { State } from "../core/state.ts";
import type { Engine } from "../engine.ts";

const EXPORTS_PER_PAGE = 500;

export interface AgentDeskOptions {
  readonly bus: Bus;
  readonly engine: Engine;
  readonly schedulerId: string;
  readonly heartbeatIntervalMs: number;
  readonly catalogueRevision: () => string;
}

/** Where agents are heard: their heartbeats, reports and results come in here, and what they ask is answered. */
export class AgentDesk {
  readonly #options: AgentDeskOptions;
  readonly #served: Served[] = [];
  readonly #measuring = new Map<number, Promise<void>>();
  /** Measurements that begin when the one under way is through. */
  readonly #measuringNext = new Map<number, Promise<void>>();

  constructor(options: AgentDeskOptions) {
    this.#options = options;
  }

  open(): void {
    const { bus, engine, schedulerId, heartbeatIntervalMs } = this.#options;
    this.#served.push(
      bus.serve(subjects.heartbeat(ALL_ZONES), heartbeatCall, async (heartbeat) => {
        const { refusal } = await engine.submit("agent.heartbeat", heartbeat);
        return {
          accepted: refusal === null,
          refusal,
          schedulerId,
          ledgerSeq: engine.durableSeq,
          catalogueRevision: this.#revision(),
          intervalMs: heartbeatIntervalMs,
        };
      }),
      bus.serve(subjects.result(ALL_ZONES), resultCall, async (result) => {
        await engine.submit("job.result", result);
        return { committed: true, ledgerSeq: engine.durableSeq };
      }),
      bus.serve(subjects.progress(ALL_ZONES), progressCall, (told) => engine.submit("job.progress", told)),
      bus.serve(subjects.backends(ALL_ZONES), backendsCall, async ({ zone }) => {
        const answer = {
          catalogueRevision: this.#revision(),
          backends: engine.state.catalogue.catalogue.backends.filter((backend) => backend.zone === zone),
          settings: engine.state.catalogue.zone(zone)?.settings ?? {},
          sides: [...engine.state.table("backend-state").values()].map((record) => ({
            backendId: record.backendId,
            ...openSide(record),
          })),
        };
        // A change of sides that no disk holds yet is told to nobody.
        await engine.durable();
        return answer;
      }),
      bus.serve(subjects.exports(ALL_ZONES), exportsCall, async ({ backendId, after, side = null }) => {
        const now = backendState(engine.state, backendId);
        if (now.failover !== null || now.side !== side) return { exports: [], more: false };
        return expectedExports(engine.state, backendId, after);
      }),
      bus.serve(subjects.awaited(ALL_ZONES), awaitedCall, async ({ jobId, attempt }) => ({
        awaited: engine.state.get("job", jobId)?.attempt === attempt,
      })),
      bus.subscribe(subjects.report(ALL_ZONES), reportMessage, ({ agentId, report }, subject) => {
        // Rejected only when the ledger has failed, and then the process is about to stop.
        engine.submit("report.received", { agentId, zone: zoneOf(subject), report }).catch(() => undefined);
      }),
    );
  }

  /** Tells a zone's agents to ask anew, at once: a scheduler began, or the catalogue changed. */
  nudge(zones: readonly string[]): void {
    const { bus, schedulerId } = this.#options;
    for (const zone of zones) bus.publish(subjects.nudge(zone), nudgeMessage, { schedulerId });
  }

  /**
   * Has an agent measure the backend now, and takes in the report. It is begun after it was asked for, so that it has seen
   * all that was done before; those who ask while one is under way share the next one.
   */
  async measure(backendId: number, timeoutMs: number): Promise<void> {
    const running = this.#measuring.get(backendId);
    if (running === undefined) return await this.#begin(backendId, timeoutMs);
    const waiting = this.#measuringNext.get(backendId);
    if (waiting !== undefined) return await waiting;
    const next = running
      .catch(() => undefined)
      .then(() => {
        this.#measuringNext.delete(backendId);
        return this.#begin(backendId, timeoutMs);
      });
    this.#measuringNext.set(backendId, next);
    await next;
  }

  #begin(backendId: number, timeoutMs: number): Promise<void> {
    const running = this.#measure(backendId, timeoutMs).finally(() => this.#measuring.delete(backendId));
    this.#measuring.set(backendId, running);
    return running;
  }

  async #measure(backendId: number, timeoutMs: number): Promise<void> {
    const { bus, engine } = this.#options;
    const backend = engine.state.backend(backendId);
    if (backend === undefined) throw new BerthError("E_NOT_FOUND", `Backend ${backendId} could not be found.`);
    const subject = subjects.measure(backend.zone, backend.host);
    const { agentId, report } = await bus.request(
      subject,
      measureCall,
      { backendId, ledgerSeq: engine.durableSeq },
      timeoutMs,
    );
    await engine.submit("report.received", { agentId, zone: backend.zone, report });
  }

  /** Agents ask anew when the catalogue changed, or the side or phase of any backend. */
  #revision(): string {
    const { engine, catalogueRevision } = this.#options;
    const changes = [...engine.state.table("backend-state").values()].map(({ changedSeq }) => changedSeq);
    return changes.length === 0 ? catalogueRevision() : `${catalogueRevision()}+${Math.max(...changes)}`;
  }

  async close(): Promise<void> {
    await Promise.all(this.#served.map((served) => served.stop()));
  }
}

function zoneOf(subject: string): string {
  return subject.split(".")[2] ?? "";
}

function expectedExports(state: State, backendId: number, after: string) {
  const all = [...attachedExports(state, backendId), ...copiedFrom(state, backendId)]
    .filter(({ attachmentId }) => attachmentId > after)
    .sort((one, other) => (one.attachmentId < other.attachmentId ? -1 : 1));
  return { exports: all.slice(0, EXPORTS_PER_PAGE), more: all.length > EXPORTS_PER_PAGE };
}

function attachedExports(state: State, backendId: number): ExpectedExport[] {
  return [...state.table("attachment").values()].flatMap((attachment) => {
    if (attachment.backendId !== backendId) return [];
    const volume = state.get("volume", attachment.volumeId);
    const taken = attachment.snapshotId === null ? null : (state.get("snapshot", attachment.snapshotId) ?? null);
    const { id: attachmentId, connector, access } = attachment;
    const chap = (taken ?? volume)?.chap ?? null;
    if (volume === undefined || chap === null || connector === null || !isLetIn(attachment)) return [];
    if ((taken ?? volume).aside !== undefined) return [];
    const snapshot = taken === null ? null : snapshotRef(taken, volume);
    return [{ attachmentId, volume: volumeRef(volume), snapshot, connector, chap, access }];
  });
}

/** What is let in to no attachment: who copies a volume from here to elsewhere. */
function copiedFrom(state: State, backendId: number): ExpectedExport[] {
  return [...state.moving].flatMap((id) => {
    const volume = state.get("volume", id);
    const copier = volume?.move?.copier ?? null;
    if (volume?.backendId !== backendId || copier === null || copier.info === null) return [];
    const { attachmentId, connector, chap } = copier;
    return [{ attachmentId, volume: volumeRef(volume), snapshot: null, connector, chap, access: "rw" }];
  });
}
