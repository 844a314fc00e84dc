import { setTimeout as pause } from "node:timers/promises";
import type { AppendLog } from "#shared/bus/append-log.ts";
import type { Bus } from "#shared/bus.ts";
import { BerthError } from "#shared/errors.ts";
import type { BerthEvent, EventPlace } from "#shared/events/event.ts";
import { parseEventId } from "#shared/events/event.ts";
import { gapBefore } from "#shared/events/gap.ts";
import type { Logger } from "#shared/log.ts";
import { events as names } from "#shared/protocol/subjects.ts";
import type { EventLog } from "../event-log.ts";

/** Of one event, repeated under its id meanwhile. */
const WRITE_LIMIT_MS = 5_000;
const AGAIN_MS = 1_000;
const EVENTS_AT_ONCE = 100;
/** How many messages that are none of ours are looked through for the last one that is. */
const STRANGERS_PASSED = 100;

export interface EventPublisherOptions {
  readonly bus: Bus;
  readonly events: EventLog;
  readonly log: Logger;
  /** How long, and how much of them, nats-server keeps. */
  readonly maxAgeMs: number;
  readonly maxBytes: number;
}

export interface PublishedEvents {
  readonly published: number;
  /** Too old to be kept any more when nats-server could take them. */
  readonly missed: number;
}

/**
 * Tells events on NATS, one after the other, from where the stream there ends: what a scheduler that died had not told, the
 * next one tells. Nothing waits for it. While nats-server takes nothing, events wait in the event log; those that drop out
 * of it meanwhile are told as a gap.
 */
export class EventPublisher {
  readonly #options: EventPublisherOptions;
  readonly #stream: AppendLog;
  readonly #stop = new AbortController();
  #published = 0;
  #missed = 0;
  #isTold = false;

  constructor(options: EventPublisherOptions) {
    this.#options = options;
    const { maxAgeMs, maxBytes } = options;
    this.#stream = options.bus.appendLog({ stream: names.stream, subject: names.all, keep: { maxAgeMs, maxBytes } });
  }

  get counts(): PublishedEvents {
    return { published: this.#published, missed: this.#missed };
  }

  start(): void {
    void this.#run();
  }

  /** What is not told yet, the next start tells. */
  stop(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#publishOn();
      } catch (error) {
        if (signal.aborted) return;
        // Once for each time of it: events are told late, and nothing else suffers.
        if (!this.#isTold) this.#options.log.warn({ err: error }, "events cannot be published now, trying on");
        this.#isTold = true;
        await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #publishOn(): Promise<void> {
    const { events } = this.#options;
    await this.#stream.ensure();
    let { position, place } = await this.#end();
    const { end } = events;
    // The stream knows what never was, by this ledger: it began anew.
    if (place !== null && (end === null || end.seq < place.seq)) place = null;
    while (!this.#stop.signal.aborted) {
      const { events: next, missed } = events.behind(place, EVENTS_AT_ONCE);
      const [first] = next;
      if (first !== undefined && missed !== 0) {
        position = await this.#publish(gapBefore(first, missed), position);
        this.#missed += missed ?? 0;
      }
      for (const event of next) {
        // What the stream has forgotten, or would at once, was told in its time.
        if (place !== null || !this.#isPast(event)) position = await this.#publish(event, position);
        place = event;
        if (this.#stop.signal.aborted) return;
      }
      if (next.length === 0) await this.#news(place);
    }
  }

  /** Where the stream ends: its last message, and the event that it is. */
  async #end(): Promise<{ position: number; place: EventPlace | null }> {
    const { first, last } = await this.#stream.ends();
    for (let at = last; at >= first && at > 0 && at > last - STRANGERS_PASSED; at--) {
      const message = await this.#stream.at(at);
      const place = message === null ? null : parseEventId(message.id);
      if (place !== null) return { position: last, place };
    }
    return { position: last, place: null };
  }

  async #publish(event: BerthEvent, after: number): Promise<number> {
    const body = Buffer.from(JSON.stringify(event));
    const message = { id: event.id, part: 1, parts: 1, body };
    const position = await this.#stream.append(
      message,
      after,
      WRITE_LIMIT_MS,
      names.subject(event.projectId, event.type),
    );
    if (position !== after + 1) throw new BerthError("E_UNAVAILABLE", `event ${event.id} was told a moment ago`);
    this.#published += 1;
    this.#isTold = false;
    return position;
  }

  #isPast({ at }: BerthEvent): boolean {
    return Date.parse(at) + this.#options.maxAgeMs < Date.now();
  }

  async #news(place: EventPlace | null): Promise<void> {
    const { events } = this.#options;
    const { signal } = this.#stop;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        forget();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const forget = events.onNews(done);
      signal.addEventListener("abort", done);
      if (signal.aborted || events.behind(place, 1).events.length > 0) done();
    });
  }
}
