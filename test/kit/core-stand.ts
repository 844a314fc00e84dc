import type {
  CommandKind,
  Commands,
  CreateGroup,
  CreateVolume,
  DryRun,
  DryRunVolume,
} from "#scheduler/core/commands.ts";
import { decide } from "#scheduler/core/decide.ts";
import type { Effect } from "#scheduler/core/effects.ts";
import { dryRun } from "#scheduler/core/place-volume.ts";
import { type CoreSettings, DEFAULT_CORE_SETTINGS } from "#scheduler/core/settings.ts";
import { State } from "#scheduler/core/state.ts";
import type { EventFacts } from "#shared/events/event.ts";
import type { Attachment } from "#shared/model/attachment.ts";
import type { Measurement } from "#shared/model/capacity.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import { type Group, type GroupSnapshot, MAX_GROUP_MEMBERS } from "#shared/model/group.ts";
import type { HistoryEntry } from "#shared/model/history.ts";
import type { Job, Outcome } from "#shared/model/job.ts";
import type { PlacementRecord } from "#shared/model/placement.ts";
import { type Change, recordParsers } from "#shared/model/records.ts";
import type { Volume } from "#shared/model/volume.ts";
import { PROTOCOL_VERSION } from "#shared/protocol/message.ts";
import { gibToBytes } from "#shared/units.ts";
import { sampleCatalogue } from "./catalogue.ts";
import { EventBook } from "./event-book.ts";
import { uuid } from "./records.ts";

/** Thick storage of 100 GiB, empty, that can do everything. */
export function measurementOf(fields: Partial<Measurement> = {}): Measurement {
  return {
    poolId: "pool",
    totalBytes: gibToBytes(100),
    freeBytes: gibToBytes(100),
    provisioned: { scope: "pool", bytes: 0 },
    backendLimitBytes: null,
    thin: false,
    costs: { volume: "full", snapshot: "full", clone: "full" },
    objectCount: 0,
    maxObjects: null,
    capabilities: [
      "snapshot",
      "create-from-snapshot",
      "clone",
      "extend",
      "online-extend",
      "connect",
      "manage",
      "revert",
      "group-snapshot",
      "multiattach",
      "attach-snapshot",
      "copy",
    ],
    ...fields,
  };
}

/** Sealed with no key: the core opens none. */
export const CHAP = { username: "user", sealedSecret: "sealed" };

/** The core alone, with a clock that is set by hand; every command is one commit. Agents and reports are what a test says. */
export class CoreStand {
  readonly state: State;
  nowMs = 1_000_000;
  seq = 0;
  /** Jobs given out, in order. */
  readonly sent: Job[] = [];
  readonly effects: Effect[] = [];
  /** What programs that watch would be told, in order; refused when it does not fit to what was told before. */
  readonly events: EventFacts[] = [];
  readonly eventBook = new EventBook();
  readonly placements: PlacementRecord[] = [];
  readonly #history = new Map<string, HistoryEntry>();
  #nextId = 100;

  constructor(catalogue: Catalogue = sampleCatalogue(), settings: Partial<CoreSettings> = {}) {
    this.state = new State({ ...DEFAULT_CORE_SETTINGS, ...settings }, catalogue);
  }

  /** With an agent in each zone, and every backend measured as its own empty pool. */
  static ready(catalogue?: Catalogue, settings?: Partial<CoreSettings>): CoreStand {
    const stand = new CoreStand(catalogue, settings);
    for (const zone of stand.state.catalogue.catalogue.zones) stand.beat(zone.name);
    for (const { id } of stand.state.catalogue.catalogue.backends) stand.report(id);
    return stand;
  }

  send<K extends CommandKind>(kind: K, input: Commands[K]["input"]): Commands[K]["reply"] {
    const moment = { nowMs: this.nowMs, seq: this.seq + 1 };
    const { reply, changes, effects, events } = this.state.transact(() => decide(this.state, kind, input, moment));
    if (changes.length > 0) this.seq += 1;
    for (const event of events) {
      this.eventBook.take(event);
      this.events.push(event);
    }
    for (const effect of effects) {
      this.effects.push(effect);
      if (effect.kind === "send-job") this.sent.push(effect.job);
    }
    for (const change of changes) this.#keepDetail(change);
    return reply;
  }

  beat(zone: string, agentId = `${zone}-1`, host = "host-1", leaving = false): void {
    this.send("agent.heartbeat", {
      version: PROTOCOL_VERSION,
      agentId,
      zone,
      host,
      pid: 1,
      program: "test",
      startedAtMs: 0,
      backends: [],
      jobsInHand: 0,
      leaving,
    });
  }

  /** A report that has seen all that is committed, unless `asOf` says otherwise. */
  report(backendId: number, fields: Partial<Measurement> = {}, asOf = this.seq): void {
    const measurement = measurementOf({ poolId: `pool-${backendId}`, ...fields });
    const report = { backendId, asOf, durationMs: 1, result: { state: "up" as const, measurement } };
    this.send("report.received", { agentId: "test", zone: this.#zoneOf(backendId), report });
  }

  reportDown(backendId: number, message: string): void {
    const result = { state: "down" as const, code: "E_BACKEND_FAILED", message };
    const report = { backendId, asOf: this.seq, durationMs: 1, result };
    this.send("report.received", { agentId: "test", zone: this.#zoneOf(backendId), report });
  }

  tick(ms: number): void {
    this.nowMs += ms;
    this.send("tick", {});
  }

  createVolume(fields: Partial<CreateVolume> = {}): Volume {
    const id = fields.id ?? uuid(this.#nextId++);
    const { volume } = this.send("volume.create", {
      projectId: "default",
      userId: "tester",
      name: "",
      description: "",
      metadata: {},
      sizeGib: 1,
      flavor: "gold",
      zone: null,
      source: { kind: "blank" },
      idempotency: null,
      chap: CHAP,
      requestId: "req-1",
      ...fields,
      id,
    });
    return volume;
  }

  /** Empty and of flavor gold, unless it is said otherwise. */
  createGroup(fields: Partial<CreateGroup> = {}): Group {
    return this.send("group.create", {
      id: uuid(this.#nextId++),
      projectId: "default",
      userId: "tester",
      name: "",
      description: "",
      groupType: null,
      flavors: ["gold"],
      zone: null,
      source: { kind: "blank" },
      newMembers: this.#newIds().map((id) => ({ id, chap: CHAP })),
      requestId: "req-1",
      ...fields,
    });
  }

  createGroupSnapshot(groupId: string): GroupSnapshot {
    const id = uuid(this.#nextId++);
    const who = { scope: null, userId: "tester", requestId: "req-1" };
    const memberIds = this.#newIds();
    return this.send("group-snapshot.create", { ...who, id, groupId, name: "", description: "", memberIds });
  }

  #newIds(): string[] {
    return Array.from({ length: MAX_GROUP_MEMBERS }, () => uuid(this.#nextId++));
  }

  dryRun(request: DryRunVolume): DryRun {
    return dryRun(this.state, request, this.nowMs);
  }

  /** Created, and done. */
  availableVolume(fields: Partial<CreateVolume> = {}): Volume {
    const volume = this.createVolume(fields);
    this.finish(volume.id);
    return this.volume(volume.id);
  }

  /** The job in hand that this object owns; fails when there is none. */
  job(ownerId: string): Job {
    const found = [...this.state.table("job").values()].find((job) => job.owner.id === ownerId);
    if (found === undefined) throw new Error(`${ownerId} has no job`);
    return found;
  }

  /** An agent answers the object's job. */
  finish(ownerId: string, outcome: Outcome = "done", message = "as told by the test"): void {
    this.answer(this.job(ownerId), outcome, message);
  }

  answer(job: Job, outcome: Outcome, message = "as told by the test"): void {
    this.send("job.result", {
      version: PROTOCOL_VERSION,
      jobId: job.id,
      attempt: job.attempt,
      agentId: "test",
      backendId: job.backendId,
      operation: job.operation,
      outcome,
      error: outcome === "done" ? null : { code: "E_BACKEND_FAILED", message },
      providerId: null,
      properties: null,
      connectionInfo:
        job.operation.kind === "attachment.connect" && outcome === "done"
          ? { driverVolumeType: "test", data: {} }
          : null,
      durationMs: 1,
    });
  }

  /** The types of the events of one object, or of its attachments. */
  eventsOf(id: string): string[] {
    return this.events
      .filter(({ object }) => object.id === id || (object.kind === "attachment" && object.volumeId === id))
      .map(({ type }) => type);
  }

  /** Agents answer whatever is in hand, until nothing is: removals are done, the rest ends as it is said. */
  answerAll(outcome: "done" | "not-done"): void {
    for (let rounds = 0; rounds < 10; rounds++) {
      const jobs = [...this.state.table("job").values()].filter(({ dispatched }) => dispatched);
      for (const job of jobs) {
        // An answer may have ended or turned another one.
        const now = this.state.get("job", job.id);
        const isRemoval = /delete|disconnect|unmanage/.test(job.operation.kind);
        if (now !== undefined && now.attempt === job.attempt) this.answer(now, isRemoval ? "done" : outcome);
      }
      this.tick(1_000);
      for (const { name } of this.state.catalogue.catalogue.zones) this.beat(name);
      if (this.state.table("job").size === 0) return;
    }
  }

  attachment(id: string): Attachment {
    const attachment = this.state.get("attachment", id);
    if (attachment === undefined) throw new Error(`there is no attachment ${id}`);
    return attachment;
  }

  volume(id: string): Volume {
    const volume = this.state.get("volume", id);
    if (volume === undefined) throw new Error(`volume ${id} is gone`);
    return volume;
  }

  #zoneOf(backendId: number): string {
    return this.state.backend(backendId)?.zone ?? "";
  }

  #keepDetail(change: Change): void {
    if (change.kind === "placement" && change.record !== null) this.placements.push(change.record);
    if (change.kind !== "history") return;
    if (change.record === null) this.#history.delete(change.id);
    else this.#history.set(change.id, recordParsers.history.parse(change.record));
  }

  /** What the ledger then holds of histories, oldest first. */
  get history(): HistoryEntry[] {
    return [...this.#history.values()];
  }
}

export const ON = (id: string): { scope: null; id: string; userId: string; requestId: string } => ({
  scope: null,
  id,
  userId: "tester",
  requestId: "req-2",
});
