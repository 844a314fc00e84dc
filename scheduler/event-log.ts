import {
  type BerthEvent,
  type CommittedEvents,
  type EventFacts,
  type EventPlace,
  eventAt,
} from "#shared/events/event.ts";
import { type Change, detailId, EVENTS_OWNER } from "#shared/model/records.ts";
import type { Ledger } from "./ledger/ledger.ts";

export const DEFAULT_EVENTS_KEPT = 10_000;

/** What a reader gets next. */
export interface EventsBehind {
  readonly events: readonly BerthEvent[];
  /** Events that it can have no more; null: some, and nobody knows how many. 0: it missed nothing. */
  readonly missed: number | null;
}

/**
 * The last events, in memory as in the ledger. They are written with the commit from which they follow, so that neither is
 * without the other, and who was away reads on from where it was. There are never more than `kept`: a reader that comes too
 * late is told what it missed, and nobody ever waits for a reader.
 */
export class EventLog {
  readonly #kept: number;
  /** Oldest first; those before `#start` are gone. */
  #commits: CommittedEvents[] = [];
  #start = 0;
  #count = 0;
  /** The number that the next event gets. */
  #next = 1;
  readonly #listeners = new Set<() => void>();
  #told = 0;

  constructor(kept = DEFAULT_EVENTS_KEPT) {
    this.#kept = kept;
  }

  /** As a ledger has it. */
  static async open(ledger: Pick<Ledger, "readDetails">, kept: number): Promise<EventLog> {
    return EventLog.of(await ledger.readDetails("event", EVENTS_OWNER), kept);
  }

  /** Of what was written, oldest first. */
  static of(commits: readonly CommittedEvents[], kept: number): EventLog {
    const log = new EventLog(kept);
    for (const commit of commits) log.#add(commit);
    return log;
  }

  /** Events that were told since the start of this scheduler. */
  get told(): number {
    return this.#told;
  }

  /** Where it ends: behind the last event; null: there is none. */
  get end(): EventPlace | null {
    const last = this.#commits.at(-1);
    return last === undefined ? null : { seq: last.seq, n: last.first + last.events.length - 1 };
  }

  /** The last event before that instant, by the scheduler's clock; null: all that are kept came later. */
  before(atMs: number): EventPlace | null {
    for (let at = this.#commits.length - 1; at >= this.#start; at--) {
      const commit = this.#commits[at];
      const index = commit?.events.findLastIndex((facts) => facts.atMs < atMs) ?? -1;
      if (commit !== undefined && index >= 0) return { seq: commit.seq, n: commit.first + index };
    }
    return null;
  }

  /** What commit `seq` must write for these to be kept, and for those that are too many to go. To be told by `tell` when it is durable. */
  write(
    seq: number,
    facts: readonly EventFacts[],
  ): { readonly changes: readonly Change[]; readonly commit: CommittedEvents } {
    // Numbers that are left out say that there were more than can be kept at once.
    const events = facts.slice(-this.#kept);
    const first = this.#next + facts.length - events.length;
    const commit = { seq, first, events };
    const changes: Change[] = [changeOf(seq, commit)];
    for (let at = this.#start, left = this.#count + events.length; left > this.#kept; at++) {
      const oldest = this.#commits[at];
      if (oldest === undefined) break;
      changes.push(changeOf(oldest.seq, null));
      left -= oldest.events.length;
    }
    return { changes, commit };
  }

  /** They are durable. */
  tell(commit: CommittedEvents): void {
    this.#add(commit);
    this.#told += commit.events.length;
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` after each commit with events; ended by what it returns. */
  onNews(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The first events behind `place`, at most `limit`. null: from the first that is kept. */
  behind(place: EventPlace | null, limit: number): EventsBehind {
    const events: BerthEvent[] = [];
    for (let at = this.#firstAt(place); at < this.#commits.length && events.length < limit; at++) {
      const commit = this.#commits[at];
      if (commit === undefined) break;
      for (const [index, facts] of commit.events.entries()) {
        const n = commit.first + index;
        if (place !== null && commit.seq === place.seq && n <= place.n) continue;
        if (events.length === limit) break;
        events.push(eventAt(facts, { seq: commit.seq, n }));
      }
    }
    const [first] = events;
    return { events, missed: place === null || first === undefined ? 0 : missedBetween(place, first) };
  }

  /** Where the commit of `place`, or the first one after it, stands. */
  #firstAt(place: EventPlace | null): number {
    if (place === null) return this.#start;
    let low = this.#start;
    let high = this.#commits.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#commits[middle]?.seq ?? 0) < place.seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #add(commit: CommittedEvents): void {
    this.#commits.push(commit);
    this.#count += commit.events.length;
    this.#next = commit.first + commit.events.length;
    while (this.#count > this.#kept) {
      const oldest = this.#commits[this.#start];
      if (oldest === undefined) break;
      this.#count -= oldest.events.length;
      this.#start += 1;
    }
    if (this.#start < 1_000 || this.#start * 2 < this.#commits.length) return;
    this.#commits = this.#commits.slice(this.#start);
    this.#start = 0;
  }
}

/** A number lower than the reader's is of another history: before it a backup was restored. */
function missedBetween({ n }: EventPlace, first: BerthEvent): number | null {
  return first.n > n ? first.n - n - 1 : null;
}

function changeOf(seq: number, record: CommittedEvents | null): Change {
  return { kind: "event", id: detailId(EVENTS_OWNER, seq), record };
}
