import type { EventFacts } from "#shared/events/event.ts";
import type { Attachment } from "#shared/model/attachment.ts";
import type { Backend, Catalogue, Flavor } from "#shared/model/catalogue.ts";
import { HISTORY_KEPT, type HistoryEntry } from "#shared/model/history.ts";
import type { PlacementRecord } from "#shared/model/placement.ts";
import {
  type Change,
  type ChangeOf,
  changeOf,
  type DetailKind,
  detailId,
  isDetail,
  type RecordTypes,
  type StateKind,
} from "#shared/model/records.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Volume } from "#shared/model/volume.ts";
import { CatalogueIndex } from "./catalogue-index.ts";
import type { Effect } from "./effects.ts";
import { Fleet } from "./fleet.ts";
import { JobQueues } from "./job-queues.ts";
import type { PlacementView } from "./placement.ts";
import type { JobStanding } from "./progress.ts";
import { type ClaimEntry, evictionKey, indexEntry } from "./record-index.ts";
import type { CoreSettings } from "./settings.ts";
import { ShortIds } from "./short-ids.ts";
import { closedToNew } from "./sides.ts";
import { Space } from "./space.ts";
import { Usage } from "./usage.ts";

/** A decision, seen from its end. */
export interface Decision {
  /** Every record that it touched, as it was before; null: there was none. */
  readonly before: readonly Change[];
  readonly changes: readonly Change[];
  readonly effects: readonly Effect[];
}

export interface Transaction<R> {
  readonly reply: R;
  /** What must be committed. */
  readonly changes: Change[];
  /** What may leave then. */
  readonly effects: Effect[];
  readonly events: EventFacts[];
}

type Tables = { [K in StateKind]: Map<string, RecordTypes[K]> };

/**
 * Everything the scheduler decides by. The deciders of this folder read it and change it through `put` and `remove`
 * only, so that each change is in the journal (what the ledger must commit) and in every index, or in none: a decider
 * that throws leaves it as it was (`transact`). No I/O, no clock, no randomness here: ids and times come with the event.
 */
export class State {
  readonly settings: CoreSettings;
  readonly fleet = new Fleet();
  readonly space = new Space();
  readonly queues = new JobQueues();
  readonly usage = new Usage();
  catalogue: CatalogueIndex;
  readonly #tables: Tables = {
    volume: new Map(),
    snapshot: new Map(),
    attachment: new Map(),
    group: new Map(),
    "group-snapshot": new Map(),
    job: new Map(),
    transfer: new Map(),
    "backend-state": new Map(),
    leftover: new Map(),
    tombstone: new Map(),
    idempotency: new Map(),
    message: new Map(),
  };
  readonly #dependents = new Map<string, Set<string>>();
  readonly #users = new Map<number, Set<string>>();
  /** Objects on backends under another id than their volume's → the volume's. */
  readonly #owners = new Map<string, string>();
  /** By which EC2's ids are found again. */
  readonly shortIds: { readonly [K in StateKind]?: ShortIds } & Readonly<Record<"volume" | "snapshot", ShortIds>> = {
    volume: new ShortIds(),
    snapshot: new ShortIds(),
  };
  /** Volumes that are being moved. */
  readonly moving = new Set<string>();
  /** How far long jobs are, as their agents told last. Not in the ledger; it goes with the job. */
  readonly progress = new Map<string, JobStanding>();
  /** Volumes in `creating` without a backend: they wait for one to heal. */
  readonly waiting = new Set<string>();
  /** Groups whose state follows from that of their members, and volumes that go after their snapshots, until they are at rest. */
  readonly unsettled = new Set<string>();
  /** By backend: when it is looked again for volumes that can leave it, after none could. */
  readonly evacuationLooks = new Map<number, number>();
  /** When everything in hand is offered to the queues again. */
  nextOfferMs = 0;
  /** When this scheduler began: what agents it has not heard of do, it cannot know for a while. */
  resumedMs = 0;
  #journal: Change[] = [];
  #undo: (() => void)[] = [];
  #effects: Effect[] = [];
  #touched = new Map<string, Change>();
  #events: EventFacts[] = [];

  constructor(settings: CoreSettings, catalogue: Catalogue) {
    this.settings = settings;
    this.catalogue = new CatalogueIndex(catalogue);
  }

  get placementView(): PlacementView {
    return {
      fleet: this.fleet,
      space: this.space,
      reportMaxAgeMs: this.settings.reportMaxAgeMs,
      closedToNew: (id) => closedToNew(this, id),
    };
  }

  table<K extends StateKind>(kind: K): ReadonlyMap<string, RecordTypes[K]> {
    return this.#tables[kind];
  }

  get<K extends StateKind>(kind: K, id: string): RecordTypes[K] | undefined {
    return this.#tables[kind].get(id);
  }

  put<K extends StateKind>(kind: K, record: RecordTypes[K] & { readonly id: string }): void {
    this.#set(kind, record.id, record);
  }

  remove(kind: StateKind, id: string): void {
    this.#set(kind, id, null);
  }

  /** Written with the commit, read on demand only. */
  addPlacement(record: PlacementRecord): void {
    this.#journal.push({ kind: "placement", id: detailId(record.volumeId, record.round), record });
  }

  forgetPlacements(volumeId: string, rounds: number): void {
    for (let round = 1; round <= rounds; round++)
      this.#journal.push({ kind: "placement", id: detailId(volumeId, round), record: null });
  }

  /** Written with the commit, read on demand only; the oldest of too many goes. */
  addHistory(entry: HistoryEntry): void {
    this.#journal.push({ kind: "history", id: detailId(entry.objectId, entry.n), record: entry });
    const tooOld = entry.n - HISTORY_KEPT;
    if (tooOld > 0) this.#journal.push({ kind: "history", id: detailId(entry.objectId, tooOld), record: null });
  }

  forgetHistory(objectId: string, count: number): void {
    for (let n = Math.max(1, count - HISTORY_KEPT + 1); n <= count; n++)
      this.#journal.push({ kind: "history", id: detailId(objectId, n), record: null });
  }

  emit(effect: Effect): void {
    this.#effects.push(effect);
  }

  /** What programs that watch are told of the decision under way, once it is durable. */
  tell(event: EventFacts): void {
    this.#events.push(event);
  }

  /** What the decision under way came to so far. */
  get decision(): Decision {
    return { before: [...this.#touched.values()], changes: this.#journal, effects: this.#effects };
  }

  /** Runs one decider. Returns its reply with what must be committed and what may then leave; if it throws, nothing happened. */
  transact<R>(decide: () => R): Transaction<R> {
    this.#journal = [];
    this.#undo = [];
    this.#effects = [];
    this.#touched = new Map();
    this.#events = [];
    try {
      const reply = decide();
      return { reply, changes: this.#journal, effects: this.#effects, events: this.#events };
    } catch (error) {
      for (const undo of this.#undo.reverse()) undo();
      throw error;
    }
  }

  /** Takes in what the ledger holds; only at start. */
  load(changes: Iterable<Change>): void {
    this.transact(() => {
      // Snapshots are counted under their volumes' flavors: volumes come first, whatever the ledger's order.
      const snapshots: ChangeOf<"snapshot">[] = [];
      for (const change of changes) {
        if (isDetailChange(change) || change.record === null) continue;
        if (change.kind === "snapshot") snapshots.push(change);
        else this.#load(change);
      }
      for (const change of snapshots) this.#load(change);
    });
  }

  /** Takes in what the leader has committed, in the order in which it was decided; in a standby. */
  follow(changes: readonly Change[]): void {
    this.transact(() => {
      for (const change of changes) if (!isDetailChange(change)) this.#load(change);
    });
  }

  #load<K extends StateKind>(change: ChangeOf<K>): void {
    this.#apply(change.kind, change.id, change.record);
  }

  /** Ids of what stands on a volume and keeps it: snapshots, copies being made from it, attachments. */
  dependents(id: string): readonly string[] {
    return [...(this.#dependents.get(id) ?? [])];
  }

  /** `kind id` of each record that is on a backend. */
  users(backendId: number): readonly string[] {
    return [...(this.#users.get(backendId) ?? [])];
  }

  userCount(backendId: number): number {
    return this.#users.get(backendId)?.size ?? 0;
  }

  /** Of a volume, or of a snapshot. */
  attachmentsOf(objectId: string): Attachment[] {
    return this.dependents(objectId).flatMap((id) => this.get("attachment", id) ?? []);
  }

  /** Those of an object that were detached by force and may be let in yet. */
  evictionsOf(objectId: string): Attachment[] {
    return this.dependents(evictionKey(objectId)).flatMap((id) => this.get("attachment", id) ?? []);
  }

  snapshotsOf(volumeId: string): Snapshot[] {
    return this.dependents(volumeId).flatMap((id) => this.get("snapshot", id) ?? []);
  }

  membersOf(groupId: string): Volume[] {
    return this.dependents(groupId).flatMap((id) => this.get("volume", id) ?? []);
  }

  snapshotsOfGroup(groupSnapshotId: string): Snapshot[] {
    return this.dependents(groupSnapshotId).flatMap((id) => this.get("snapshot", id) ?? []);
  }

  /** Whose object on a backend this is, or is about to be; one that a volume has moved out of is nobody's. */
  volumeOfObject(objectId: string): Volume | undefined {
    const volume = this.get("volume", this.#owners.get(objectId) ?? objectId);
    return volume !== undefined && objectsOf(volume).includes(objectId) ? volume : undefined;
  }

  flavor(volume: Volume): Flavor | undefined {
    return this.catalogue.flavorById(volume.flavorId);
  }

  backend(backendId: number): Backend | undefined {
    return this.catalogue.backend(backendId);
  }

  #set<K extends StateKind>(kind: K, id: string, record: RecordTypes[K] | null): void {
    const before = this.#tables[kind].get(id) ?? null;
    if (before === null && record === null) return;
    this.#apply(kind, id, record);
    this.#undo.push(() => this.#apply(kind, id, before));
    const key = `${kind} ${id}`;
    if (!this.#touched.has(key)) this.#touched.set(key, changeOf(kind, id, before));
    this.#journal.push(changeOf(kind, id, record));
  }

  /** The only place where a table changes: every index is brought along here. */
  #apply<K extends StateKind>(kind: K, id: string, record: RecordTypes[K] | null): void {
    const table: Map<string, RecordTypes[K]> = this.#tables[kind];
    const before = table.get(id) ?? null;
    if (before !== null) this.#index(kind, before, false);
    if (record === null) {
      table.delete(id);
      this.shortIds[kind]?.remove(id);
      if (kind === "job") this.progress.delete(id);
    } else {
      table.set(id, record);
      if (before === null) this.shortIds[kind]?.add(id);
      this.#index(kind, record, true);
    }
  }

  #claim(backendId: number, claims: readonly ClaimEntry[], add: boolean): void {
    for (const { key, claim, object } of claims) {
      if (add) this.space.put(backendId, key, claim, object);
      else this.space.remove(backendId, key);
    }
  }

  #index<K extends StateKind>(kind: K, record: RecordTypes[K], add: boolean): void {
    const entry = indexEntry(kind, record);
    const { backendId, elsewhere } = entry;
    if (backendId !== null) this.#claim(backendId, entry.claims, add);
    if (backendId !== null && entry.usesBackend) toggle(this.#users, backendId, `${kind} ${entry.id}`, add);
    if (elsewhere !== null) {
      this.#claim(elsewhere.backendId, elsewhere.claims, add);
      toggle(this.#users, elsewhere.backendId, `${kind} ${entry.id}`, add);
    }
    for (const objectId of entry.objects) {
      if (add) this.#owners.set(objectId, entry.id);
      else this.#owners.delete(objectId);
    }
    if (entry.moves) {
      if (add) this.moving.add(entry.id);
      else this.moving.delete(entry.id);
    }
    for (const parent of entry.parents) toggle(this.#dependents, parent, entry.id, add);
    if (entry.job !== null) {
      if (add) this.queues.add(entry.job);
      else this.queues.remove(entry.job);
    }
    if (entry.usage !== null) {
      if (add) this.usage.add(entry.id, entry.usage, this.get("volume", entry.usage.volumeId)?.flavorId ?? "");
      else this.usage.remove(entry.id, entry.usage);
    }
    if (entry.waits) {
      if (add) this.waiting.add(entry.id);
      else this.waiting.delete(entry.id);
    }
    if (entry.settles) {
      if (add) this.unsettled.add(entry.id);
      else this.unsettled.delete(entry.id);
    }
  }
}

function objectsOf({ id, nameId, move }: Volume): string[] {
  return [nameId ?? id, ...(move?.target ? [move.target.id] : [])];
}

function isDetailChange(change: Change): change is ChangeOf<DetailKind> {
  return isDetail(change.kind);
}

function toggle<K>(sets: Map<K, Set<string>>, key: K, member: string, add: boolean): void {
  const set = sets.get(key);
  if (add) {
    if (set === undefined) sets.set(key, new Set([member]));
    else set.add(member);
  } else if (set?.delete(member) && set.size === 0) sets.delete(key);
}
