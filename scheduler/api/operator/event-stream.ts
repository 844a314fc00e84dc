import { Readable } from "node:stream";
import { BerthError } from "#shared/errors.ts";
import { type BerthEvent, type EventPlace, eventId } from "#shared/events/event.ts";
import { gapBefore } from "#shared/events/gap.ts";
import type { EventLog } from "../../event-log.ts";

/** Each holds a socket. */
const READERS_AT_MOST = 64;
const EVENTS_AT_ONCE = 100;
/** So that both sides and what is between them see that the other lives. */
const HEARTBEAT_MS = 15_000;
/** A reader that takes nothing for so long is not there, or does not read. */
const STALLED_MS = 60_000;
/** What is prepared for a reader that does not take it; the socket has its own buffer. */
const BUFFERED_BYTES = 16 * 1024;

export interface Watching {
  /** Behind this event; null: from the first that is kept. */
  readonly from: EventPlace | null;
  readonly wanted: (event: BerthEvent) => boolean;
}

/**
 * Streams of events to those who watch over HTTP: Server-Sent Events, made as they are read. A reader has a place in the
 * event log and nothing else, so that a slow one costs nothing; what it is too late for it is told as a gap, and one that
 * takes nothing at all is cut.
 */
export class EventStreams {
  readonly #events: EventLog;
  readonly #open = new Set<Readable>();
  readonly #timings: { readonly heartbeatMs: number; readonly stalledMs: number };
  #missed = 0;
  #cut = 0;

  constructor(events: EventLog, timings = { heartbeatMs: HEARTBEAT_MS, stalledMs: STALLED_MS }) {
    this.#events = events;
    this.#timings = timings;
  }

  get counts(): { readonly readers: number; readonly missed: number; readonly cut: number } {
    return { readers: this.#open.size, missed: this.#missed, cut: this.#cut };
  }

  /** Throws E_UNAVAILABLE when too many read. */
  open(watching: Watching): Readable {
    if (this.#open.size >= READERS_AT_MOST)
      throw new BerthError("E_UNAVAILABLE", `${READERS_AT_MOST} programs watch events already, and more cannot`);
    const ended = new AbortController();
    const taken = { atMs: performance.now() };
    const texts = this.#texts(watching, taken, ended.signal);
    const stream = new Readable({
      highWaterMark: BUFFERED_BYTES,
      read() {
        texts.next().then(
          ({ done, value }) => stream.push(done === true ? null : value),
          (error: Error) => stream.destroy(error),
        );
      },
      // Whoever waits for news is woken: else all of it would hang until the next heartbeat.
      destroy(error, done) {
        ended.abort();
        done(error);
      },
    });
    this.#open.add(stream);
    const looking = setInterval(() => {
      if (performance.now() - taken.atMs < this.#timings.stalledMs + this.#timings.heartbeatMs) return;
      this.#cut += 1;
      stream.destroy(new BerthError("E_UNAVAILABLE", "who watches events does not take them"));
    }, this.#timings.heartbeatMs);
    stream.once("close", () => {
      clearInterval(looking);
      this.#open.delete(stream);
    });
    return stream;
  }

  /** Ends all of them, so that whoever reads goes on elsewhere. */
  close(): void {
    for (const stream of this.#open) stream.destroy();
  }

  async *#texts(
    { from, wanted }: Watching,
    taken: { atMs: number },
    signal: AbortSignal,
  ): AsyncGenerator<string, undefined> {
    let place = from;
    // At once, for whoever waits for the head of the answer.
    yield placeText(place);
    while (!signal.aborted) {
      taken.atMs = performance.now();
      const { events, missed } = this.#events.behind(place, EVENTS_AT_ONCE);
      const [first] = events;
      if (first === undefined) {
        if (!(await this.#news(place, signal)) && !signal.aborted) yield placeText(place);
        continue;
      }
      place = events.at(-1) ?? place;
      if (missed !== 0) this.#missed += missed ?? 0;
      const gap = missed === 0 ? "" : textOf(gapBefore(first, missed));
      const text = gap + events.filter(wanted).map(textOf).join("");
      if (text !== "") yield text;
    }
  }

  /** false: nothing came within a heartbeat. */
  async #news(place: EventPlace | null, signal: AbortSignal): Promise<boolean> {
    return await new Promise<boolean>((resolve) => {
      const end = (isNew: boolean): void => {
        forget();
        clearTimeout(timer);
        signal.removeEventListener("abort", aborted);
        resolve(isNew);
      };
      const aborted = (): void => end(false);
      const forget = this.#events.onNews(() => end(true));
      const timer = setTimeout(() => end(false), this.#timings.heartbeatMs);
      signal.addEventListener("abort", aborted);
      if (signal.aborted || this.#events.behind(place, 1).events.length > 0) end(!signal.aborted);
    });
  }
}

/** Where the reader is, and no event: so it can go on from here though nothing came that it wanted. */
function placeText(place: EventPlace | null): string {
  return `id: ${eventId(place ?? { seq: 0, n: 0 })}\n\n`;
}

function textOf(event: BerthEvent): string {
  return `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
