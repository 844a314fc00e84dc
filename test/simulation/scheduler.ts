import type { CommandKind, Commands } from "#scheduler/core/commands.ts";
import { decide } from "#scheduler/core/decide.ts";
import type { Effect } from "#scheduler/core/effects.ts";
import { type CoreSettings, DEFAULT_CORE_SETTINGS } from "#scheduler/core/settings.ts";
import { State } from "#scheduler/core/state.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import type { Job } from "#shared/model/job.ts";
import { type Change, changeOf, type RecordKind, recordParsers } from "#shared/model/records.ts";
import { EventBook } from "#test/kit/event-book.ts";
import { type Bug, forget, misread } from "./bugs.ts";

/**
 * The scheduler of a simulation: the real core over a ledger that is a map of JSON texts. Each command is a commit;
 * it can crash before the commit (nothing happened) or after it and before its effects (they are lost).
 */
export class SimulatedScheduler {
  readonly #catalogue: Catalogue;
  readonly #settings: CoreSettings;
  /** What is durable, in order of creation. */
  readonly #disk = new Map<string, { readonly kind: RecordKind; readonly id: string; readonly json: string }>();
  seq = 0;
  state: State;
  /** Another scheduler, which follows each commit and takes over at every other crash. */
  standby: State;
  incarnation = 1;
  readonly sent: Job[] = [];
  /** Refuses events that do not fit together. */
  readonly eventBook = new EventBook();
  readonly #bug: Bug | null;

  constructor(catalogue: Catalogue, settings: Partial<CoreSettings> = {}, bug: Bug | null = null) {
    this.#bug = bug;
    this.#catalogue = catalogue;
    this.#settings = { ...DEFAULT_CORE_SETTINGS, ...settings };
    this.state = new State(this.#settings, catalogue);
    this.standby = new State(this.#settings, catalogue);
  }

  submit<K extends CommandKind>(
    kind: K,
    input: Commands[K]["input"],
    nowMs: number,
    crash: "none" | "before-commit" | "before-effects" = "none",
  ): Commands[K]["reply"] {
    const read = misread(this.#bug, this.state, this.seq, kind, input);
    if (read === null) throw new LookedAway();
    const { reply, changes, effects, events } = this.state.transact(() => {
      const decided = decide(this.state, kind, read, { nowMs, seq: this.seq + 1 });
      forget(this.#bug, this.state);
      return decided;
    });
    if (crash === "before-commit") {
      if (this.#bug === "acts-before-writing") for (const effect of effects) this.#carryOut(effect);
      this.restart(nowMs);
      throw new Crashed();
    }
    if (changes.length > 0) {
      this.seq += 1;
      for (const change of changes) this.#write(change);
      for (const event of events) this.eventBook.take(event);
      this.standby.follow(changes.map(asRead));
    }
    if (crash === "before-effects") {
      this.restart(nowMs);
      throw new Crashed();
    }
    for (const effect of effects) this.#carryOut(effect);
    return reply;
  }

  /** As after kill -9: all but the disk is forgotten; or the standby leads from here on. */
  restart(nowMs: number): void {
    this.incarnation += 1;
    this.state = this.incarnation % 2 === 0 ? this.recount() : this.standby;
    this.standby = this.recount();
    this.submit("resume", {}, nowMs);
  }

  /** The ledger's file is gone, the catalogue is there. */
  loseLedger(nowMs: number): void {
    this.#disk.clear();
    this.seq = 0;
    // Whoever followed it has lost it too.
    this.standby = this.recount();
    this.restart(nowMs);
  }

  /** A state made from the disk alone, to compare indexes with. */
  recount(): State {
    const state = new State(this.#settings, this.#catalogue);
    state.load(this.#read());
    return state;
  }

  *#read(): Iterable<Change> {
    for (const { kind, id, json } of this.#disk.values()) {
      const record: unknown = JSON.parse(json);
      yield parseChange(kind, id, record);
    }
  }

  #write(change: Change): void {
    const key = `${change.kind} ${change.id}`;
    if (change.record === null) this.#disk.delete(key);
    else {
      const faults = recordParsers[change.kind].faults(change.record);
      if (faults.length > 0) throw new Error(`${key} is not as its schema says: ${JSON.stringify(faults)}`);
      this.#disk.set(key, { kind: change.kind, id: change.id, json: JSON.stringify(change.record) });
    }
  }

  #carryOut(effect: Effect): void {
    if (effect.kind !== "send-job") return;
    // What is forgotten at once is never given out.
    if (this.#bug?.startsWith("forgets-") && this.state.get("job", effect.job.id) === undefined) return;
    this.sent.push(effect.job);
  }
}

/** Of a planted bug: the scheduler answered as if all were well, and did nothing. */
export class LookedAway extends Error {}

/** The scheduler died in the middle of a command: its caller never heard. */
export class Crashed extends Error {}

/** As it comes from the ledger to a standby. */
function asRead({ kind, id, record }: Change): Change {
  return record === null ? changeOf(kind, id, null) : parseChange(kind, id, JSON.parse(JSON.stringify(record)));
}

function parseChange(kind: RecordKind, id: string, record: unknown): Change {
  switch (kind) {
    case "volume":
      return changeOf(kind, id, recordParsers.volume.parse(record));
    case "snapshot":
      return changeOf(kind, id, recordParsers.snapshot.parse(record));
    case "attachment":
      return changeOf(kind, id, recordParsers.attachment.parse(record));
    case "group":
      return changeOf(kind, id, recordParsers.group.parse(record));
    case "group-snapshot":
      return changeOf(kind, id, recordParsers["group-snapshot"].parse(record));
    case "job":
      return changeOf(kind, id, recordParsers.job.parse(record));
    case "leftover":
      return changeOf(kind, id, recordParsers.leftover.parse(record));
    case "tombstone":
      return changeOf(kind, id, recordParsers.tombstone.parse(record));
    case "idempotency":
      return changeOf(kind, id, recordParsers.idempotency.parse(record));
    case "message":
      return changeOf(kind, id, recordParsers.message.parse(record));
    case "event":
      return changeOf(kind, id, recordParsers.event.parse(record));
    case "placement":
      return changeOf(kind, id, recordParsers.placement.parse(record));
    case "backend-state":
      return changeOf(kind, id, recordParsers["backend-state"].parse(record));
    case "transfer":
      return changeOf(kind, id, recordParsers.transfer.parse(record));
    case "history":
      return changeOf(kind, id, recordParsers.history.parse(record));
  }
}
