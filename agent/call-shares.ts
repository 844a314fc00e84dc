import type { Bus, Served } from "#shared/bus.ts";
import type { Logger } from "#shared/log.ts";
import { PROTOCOL_VERSION } from "#shared/protocol/message.ts";
import { type Presence, presenceMessage } from "#shared/protocol/presence.ts";
import { subjects } from "#shared/protocol/subjects.ts";
import type { CallLimit, CallShare } from "./transport/call-limit.ts";

/** In intervals: for so long a newcomer listens who is there before it makes calls. */
const LISTENS = 1.5;
/** Who has not heard itself for so long makes no more calls. */
const CUT_OFF = 2;
/** Who never hears itself in so long has a NATS user that may not. */
const DEAF = 5;
/** Who was not heard for so long is gone: later than it has stopped by itself. */
const GONE = 3;

export interface CallSharesOptions {
  readonly bus: Pick<Bus, "publish" | "subscribe" | "onReconnect">;
  readonly agentId: string;
  readonly zone: string;
  readonly intervalMs: number;
  /** Monotonic. */
  readonly nowMs: () => number;
  readonly log: Logger;
}

interface Neighbour {
  readonly heardMs: number;
  readonly intervalMs: number;
  readonly among: Presence["among"];
}

/**
 * How a zone's agents share a storage system's limit of calls, so that all of them together keep to it. Each tells the
 * others at an interval that it is there and among how many it divides (`among`), and takes that part of each limit,
 * rounded down, but one call at the least. Nobody divides among fewer than those that it hears of. So it holds at any
 * moment, for
 *
 * - a newcomer makes no calls until it has listened who is there, and all of them divide among enough to leave it room:
 *   they say so only when no more of their calls are under way than their new part;
 * - who leaves says so when its last call is over; who is silent is counted for longer than it goes on by itself, as it
 *   hears its own messages as well, and stops when it does not.
 *
 * It does not hold for calls of an agent that died or was cut off in their midst: the storage system may be at work on
 * them yet. Nor where there are more agents than calls.
 */
export class CallShares implements CallShare {
  readonly #options: CallSharesOptions;
  readonly #neighbours = new Map<string, Neighbour>();
  readonly #busy = new Set<CallLimit>();
  #among: number | null = null;
  #heardSelfMs: number | null = null;
  #listenedSinceMs: number | null = null;
  #served: Served | null = null;
  #timer: NodeJS.Timeout | null = null;
  #forgetReconnect: () => void = () => undefined;

  constructor(options: CallSharesOptions) {
    this.#options = options;
  }

  start(): void {
    const { bus, zone, intervalMs, log } = this.#options;
    this.#served = bus.subscribe(subjects.present(zone), presenceMessage, (told) => this.#heard(told));
    this.#forgetReconnect = bus.onReconnect(() => this.#tell());
    let beats = 0;
    this.#timer = setInterval(() => {
      this.#tell();
      this.#settle();
      if (++beats === DEAF && this.#heardSelfMs === null)
        log.error(
          { subject: subjects.present(zone) },
          "this agent does not hear itself, and calls no storage system: its NATS user must be allowed to publish and subscribe",
        );
    }, intervalMs);
    this.#tell();
  }

  /** When all calls are over. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#forgetReconnect();
    this.#among = null;
    this.#tell(true);
    await this.#served?.stop();
  }

  of(atOnce: number): number {
    if (this.#among === null || this.#isCutOff()) return 0;
    return partOf(atOnce, Math.max(this.#among, this.#present()));
  }

  busy(limit: CallLimit): void {
    this.#busy.add(limit);
  }

  idle(limit: CallLimit): void {
    this.#busy.delete(limit);
  }

  ended(): void {
    if (this.#among !== this.#present()) this.#settle();
  }

  #present(): number {
    return this.#neighbours.size + 1;
  }

  #heard({ agentId, among, intervalMs, leaving }: Presence): void {
    const heardMs = this.#options.nowMs();
    if (agentId === this.#options.agentId) {
      if (this.#isCutOff()) this.#beginAnew();
      this.#heardSelfMs = heardMs;
      this.#listenedSinceMs ??= heardMs;
    } else if (leaving) {
      this.#neighbours.delete(agentId);
    } else {
      const isNew = !this.#neighbours.has(agentId);
      this.#neighbours.set(agentId, { heardMs, intervalMs, among });
      if (isNew) this.#tell();
    }
    this.#settle();
  }

  #isCutOff(): boolean {
    const { nowMs, intervalMs } = this.#options;
    return this.#heardSelfMs !== null && nowMs() - this.#heardSelfMs > CUT_OFF * intervalMs;
  }

  /** Who was cut off may have missed who came meanwhile. */
  #beginAnew(): void {
    if (this.#among !== null)
      this.#options.log.warn("this agent was cut off from its zone; its calls wait for a moment");
    this.#among = null;
    this.#listenedSinceMs = null;
    this.#neighbours.clear();
  }

  #settle(): void {
    if (this.#isCutOff()) {
      this.#beginAnew();
      return;
    }
    const nowMs = this.#options.nowMs();
    for (const [id, { heardMs, intervalMs }] of this.#neighbours)
      if (nowMs - heardMs > GONE * intervalMs) this.#neighbours.delete(id);
    const present = this.#present();
    if (this.#among === present || !this.#hasListened(nowMs)) return;
    const leaveRoom = [...this.#neighbours.values()].every(({ among }) => among === null || among >= present);
    const narrower = this.#among !== null && this.#among < present;
    if (!narrower && !leaveRoom) return;
    // Those that are under way yet are let finish; no others begin.
    if ([...this.#busy].some(({ atOnce, running }) => running > partOf(atOnce, present))) return;
    this.#options.log.info({ agents: present }, "the zone's agents share the calls to storage systems");
    this.#among = present;
    this.#tell();
    for (const limit of [...this.#busy]) limit.admit();
  }

  #hasListened(nowMs: number): boolean {
    const sinceMs = this.#listenedSinceMs;
    return sinceMs !== null && nowMs - sinceMs >= LISTENS * this.#options.intervalMs;
  }

  #tell(leaving = false): void {
    const { bus, zone, agentId, intervalMs } = this.#options;
    const told = { version: PROTOCOL_VERSION, agentId, among: this.#among, intervalMs, leaving } as const;
    bus.publish(subjects.present(zone), presenceMessage, told);
  }
}

function partOf(atOnce: number, agents: number): number {
  return Math.max(1, Math.floor(atOnce / agents));
}
