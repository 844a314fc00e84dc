import { describe, expect, test } from "vitest";
import { EventLog } from "#scheduler/event-log.ts";
import { type CommittedEvents, type EventFacts, matchesType, parseEventId } from "#shared/events/event.ts";
import { gapBefore } from "#shared/events/gap.ts";
import type { Change } from "#shared/model/records.ts";

function facts(count: number, atMs = 0): EventFacts[] {
  return Array.from({ length: count }, (_, index) => ({
    type: "agent.up" as const,
    atMs,
    projectId: null,
    userId: null,
    requestId: null,
    object: { kind: "agent" as const, id: `agent-${index}` },
    error: null,
  }));
}

/** A log over a ledger that is a map: each commit writes what the log says, then tells it. */
class Stand {
  log: EventLog;
  readonly disk = new Map<string, CommittedEvents>();
  readonly #kept: number;

  constructor(kept: number) {
    this.#kept = kept;
    this.log = new EventLog(kept);
  }

  commit(seq: number, count: number, atMs = 0): void {
    const { changes, commit } = this.log.write(seq, facts(count, atMs));
    this.#apply(changes);
    this.log.tell(commit);
  }

  /** As after a crash, perhaps before the commit was told. */
  reopen(): void {
    this.log = EventLog.of([...this.disk.values()], this.#kept);
  }

  #apply(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind !== "event") throw new Error(`a ${change.kind} is no event`);
      if (change.record === null) this.disk.delete(change.id);
      else this.disk.set(change.id, change.record);
    }
  }

  ids(): string[] {
    return this.log.behind(null, 1_000).events.map(({ id }) => id);
  }
}

describe("the event log", () => {
  test("numbers events without a gap, over commits and restarts", () => {
    const stand = new Stand(100);
    stand.commit(3, 2);
    stand.commit(7, 1);
    expect(stand.ids()).toEqual(["3-1", "3-2", "7-3"]);
    stand.reopen();
    expect(stand.ids()).toEqual(["3-1", "3-2", "7-3"]);
    stand.commit(8, 1);
    expect(stand.log.end).toEqual({ seq: 8, n: 4 });
  });

  test("keeps so many and no more, in the ledger as in memory", () => {
    const stand = new Stand(10);
    for (let seq = 1; seq <= 5_000; seq++) stand.commit(seq, (seq % 3) + 1);
    const ids = stand.ids();
    expect(ids.length).toBeLessThanOrEqual(10);
    expect(ids.length).toBeGreaterThan(10 - 3);
    expect([...stand.disk.values()].reduce((sum, { events }) => sum + events.length, 0)).toBe(ids.length);
    stand.reopen();
    expect(stand.ids()).toEqual(ids);
    // One commit with more than are kept at all.
    stand.commit(6_000, 25);
    expect(stand.ids()).toHaveLength(10);
    expect(stand.disk.size).toBe(1);
  });

  test("gives what is behind a place, in pieces, and says what is missed", () => {
    const stand = new Stand(10);
    for (let seq = 1; seq <= 4; seq++) stand.commit(seq, 2);
    const ids = (from: string, limit = 100) => stand.log.behind(parseEventId(from), limit).events.map(({ id }) => id);
    expect(ids("2-3")).toEqual(["2-4", "3-5", "3-6", "4-7", "4-8"]);
    expect(ids("2-4", 3)).toEqual(["3-5", "3-6", "4-7"]);
    expect(ids("4-8")).toEqual([]);
    expect(stand.log.behind(parseEventId("2-3"), 9).missed).toBe(0);

    for (let seq = 5; seq <= 20; seq++) stand.commit(seq, 1);
    const late = stand.log.behind(parseEventId("2-3"), 100);
    const [first] = late.events;
    if (first === undefined) throw new Error("there is nothing to read");
    expect([late.missed, first.n]).toEqual([first.n - 4, 15]);
    expect(gapBefore(first, late.missed)).toMatchObject({
      id: `${first.seq}-${first.n - 1}`,
      type: "events.gap",
      object: { missed: 11 },
    });
    // Read on behind the gap, nothing is missed.
    expect(stand.log.behind(parseEventId(gapBefore(first, 11).id), 100)).toMatchObject({ missed: 0 });
    // A place of a history that a restored backup has undone.
    expect(stand.log.behind({ seq: 3, n: 99 }, 1).missed).toBe(null);
  });

  test("finds the instant from which on somebody wants to read", () => {
    const stand = new Stand(10);
    for (let seq = 1; seq <= 4; seq++) stand.commit(seq, 1, seq * 1_000);
    expect(stand.log.before(3_000)).toEqual({ seq: 2, n: 2 });
    expect(stand.log.before(1_000)).toBe(null);
    expect(stand.log.before(9_000)).toEqual({ seq: 4, n: 4 });
  });
});

describe("patterns of types", () => {
  test.each([
    ["volume.*", "volume.create.end", true],
    ["volume.*", "snapshot.create.end", false],
    ["*.error", "volume.create.error", true],
    ["*.error", "volume.create.end", false],
    ["*", "agent.up", true],
    ["volume.*.end", "volume.create.end", true],
    ["volume.create*create.end", "volume.create.end", false],
    ["*.create.*", "group_snapshot.create.start", true],
    ["agent.up", "agent.up", true],
    ["agent.u", "agent.up", false],
  ])("%s and %s: %s", (pattern, type, matches) => {
    expect(matchesType(pattern, type)).toBe(matches);
  });
});
