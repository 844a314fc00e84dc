import type { BackendReport } from "#shared/model/capacity.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { type Heartbeat, MOST_HELD_JOBS, type OpenBackend } from "#shared/protocol/heartbeat.ts";

/** An agent as its last heartbeat told. */
export interface AgentState {
  readonly id: string;
  readonly heartbeat: Heartbeat;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly up: boolean;
}

/** The last report of a backend, and when the scheduler got it: its age is counted by the scheduler's clock alone. */
export interface ReceivedReport {
  readonly report: BackendReport;
  readonly agentId: string;
  readonly receivedMs: number;
}

/** Who is there and what they said. Not durable: after a restart everybody tells it anew within a heartbeat. */
export class Fleet {
  readonly agents = new Map<string, AgentState>();
  readonly reports = new Map<number, ReceivedReport>();
  /** Agents that are up, by `zone` and by `zone/host`: placing asks this for each backend. */
  readonly #upCounts = new Map<string, number>();

  beat(heartbeat: Heartbeat, nowMs: number): { readonly cameUp: boolean } {
    const before = this.agents.get(heartbeat.agentId);
    const cameUp = before === undefined || !before.up;
    if (before?.up) this.#count(before.heartbeat, -1);
    this.#count(heartbeat, +1);
    this.agents.set(heartbeat.agentId, {
      id: heartbeat.agentId,
      heartbeat,
      firstSeenMs: before?.firstSeenMs ?? nowMs,
      lastSeenMs: nowMs,
      up: true,
    });
    return { cameUp };
  }

  down(agentId: string): void {
    const agent = this.agents.get(agentId);
    if (agent === undefined || !agent.up) return;
    this.#count(agent.heartbeat, -1);
    this.agents.set(agentId, { ...agent, up: false });
  }

  forget(agentId: string): void {
    this.down(agentId);
    this.agents.delete(agentId);
  }

  /** Is there an agent that can do this backend's work? */
  serves(backend: Backend): boolean {
    const key = backend.host === null ? backend.zone : `${backend.zone}/${backend.host}`;
    return (this.#upCounts.get(key) ?? 0) > 0;
  }

  /** Has one of the zone's agents this job in hand, for a while? null: there is none, or not all tell. */
  holds(zone: string, jobId: string): boolean | null {
    const here = [...this.agents.values()].filter((agent) => agent.up && agent.heartbeat.zone === zone);
    if (here.some(({ heartbeat }) => heartbeat.heldJobs?.includes(jobId))) return true;
    const isTold = here.every(
      ({ heartbeat: { heldJobs } }) => heldJobs !== undefined && heldJobs.length < MOST_HELD_JOBS,
    );
    return here.length > 0 && isTold ? false : null;
  }

  /** What the zone's living agents say of a backend. */
  *openings(backend: Backend): Iterable<{ readonly agentId: string; readonly opening: OpenBackend }> {
    for (const agent of this.agents.values()) {
      if (!agent.up || agent.heartbeat.zone !== backend.zone) continue;
      const opening = agent.heartbeat.backends.find((open) => open.id === backend.id);
      if (opening !== undefined) yield { agentId: agent.id, opening };
    }
  }

  #count({ zone, host }: Heartbeat, sign: 1 | -1): void {
    for (const key of [zone, `${zone}/${host}`]) this.#upCounts.set(key, (this.#upCounts.get(key) ?? 0) + sign);
  }
}
