import { type BackendAudit, type Books, booksOf, compareBooks, objectOf } from "#scheduler/core/audit.ts";
import type { ResetEvidence } from "#scheduler/core/commands.ts";
import { objectIdOf } from "#scheduler/core/refs.ts";
import { buriedUnder, resetGround } from "#scheduler/core/reset.ts";
import type { State } from "#scheduler/core/state.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Volume } from "#shared/model/volume.ts";
import type { SimulatedBackend } from "./storage.ts";
import type { World } from "./world.ts";

const PER_PAGE = 3;

interface Audit {
  readonly simulated: SimulatedBackend;
  readonly state: State;
  readonly before: Books;
  readonly objects: ListedObject[];
  after: string | null;
}

/**
 * The sweep, and a person with `berth audit` and `berth volume reset`: looks at backends page by page, while all goes
 * on. What an audit says must be true, whatever happened between its pages.
 */
export class Operator {
  readonly #world: World;
  #audit: Audit | null = null;

  constructor(world: World) {
    this.#world = world;
  }

  /** The next page of an audit, or the first of a new one; at its end, what it found is acted upon. */
  look(simulated: SimulatedBackend | undefined = this.#world.random.pick(this.#world.backends)): boolean {
    const { state } = this.#world.scheduler;
    if (simulated === undefined) return true;
    // With the scheduler's process its audit dies.
    if (this.#audit === null || this.#audit.state !== state)
      this.#audit = { simulated, state, before: booksOf(state, simulated.backend.id), objects: [], after: null };
    const audit = this.#audit;
    const page = audit.simulated.list(audit.after, PER_PAGE);
    audit.objects.push(...page.objects);
    audit.after = page.next;
    if (page.next !== null) return false;
    this.#audit = null;
    const { id } = audit.simulated.backend;
    const listing = { objects: audit.objects, foreign: [] };
    this.#conclude(compareBooks(state, id, audit.before, listing, booksOf(state, id)));
    return true;
  }

  /** Each backend once, to its last page. */
  lookEverywhere(): void {
    this.#audit = null;
    for (const simulated of this.#world.backends) while (!this.look(simulated));
  }

  /** Everything that the ledger does not know becomes a record. */
  adoptAll(): void {
    for (const { backend, objects } of this.#world.backends) {
      const { state } = this.#world.scheduler;
      const { objects: listed } = this.#backend(backend.id).list(null, objects.size + 1);
      const books = booksOf(state, backend.id);
      const { orphans } = compareBooks(state, backend.id, books, { objects: listed, foreign: [] }, books);
      const wanted = orphans.filter(({ origin }) => origin === "unknown").map(({ object }) => object);
      this.#world.send("audit.adopt", { backendId: backend.id, objects: wanted, requestId: "req-adopt" });
    }
  }

  #conclude({ backendId, orphans, missing, differing, exposed }: BackendAudit): void {
    const { lost, grownLate, strayed, homeless } = this.#world;
    const wrong = [
      ...orphans
        .filter(({ origin, object }) => origin === "unknown" && !homeless.has(object.id))
        .map(({ object }) => `${object.id} as never known`),
      ...missing.filter((recorded) => !lost.has(objectOf(recorded))).map(({ record }) => `${record.id} as missing`),
      // An extension that failed while the disk was away may be done by a late copy when it is back.
      ...differing
        .filter(({ object: { id } }) => !lost.has(id) && !grownLate.has(id))
        .map(({ object }) => `${object.id} as differing`),
      ...exposed.filter(() => !strayed).map(({ recorded }) => `${recorded.record.id} as open to ${backendId}`),
    ];
    if (wrong.length > 0)
      throw new Error(`an audit of backend ${backendId} told ${wrong.join(", ")}: that is not true`);
    this.#claimBack(
      backendId,
      orphans.map(({ object }) => object),
    );
    // The sweep takes what was deleted; a person repairs the rest, once the volume was not claimed back.
    const objects = orphans.filter(({ origin }) => origin !== "unknown").map(({ object }) => object);
    this.#world.send("audit.remove", { backendId, objects, reason: "sweep", requestId: "req-sweep" });
    const hosts = exposed.flatMap(({ recorded, letIn }) =>
      letIn.map((initiator) => ({ objectId: recorded.record.id, initiator, attachmentId: this.#world.random.uuid() })),
    );
    this.#world.send("audit.close", { backendId, hosts: hosts.slice(0, 1), requestId: "req-sweep" });
    for (const { kind, record } of missing)
      if (kind === "volume") this.#sayOf(record, "error");
      else this.#sayOfSnapshot(record, "error");
    for (const { recorded } of differing) if (recorded.kind === "volume") this.#sayOf(recorded.record, "available");
  }

  /** Now and then a person says of a volume in `error` that it stands: the late call has made it after all. */
  #claimBack(backendId: number, objects: readonly ListedObject[]): void {
    const { random, scheduler } = this.#world;
    for (const object of objects) {
      const snapshot = scheduler.state.get("snapshot", object.id);
      if (snapshot?.status === "error" && random.chance(0.5)) this.#sayOfSnapshot(snapshot, "available");
      const volume = scheduler.state.volumeOfObject(object.id);
      if (volume?.status !== "error" || random.chance(0.5)) continue;
      const evidence = { ...resetGround(scheduler.state, volume), found: this.#evidence(objectIdOf(volume)) };
      if (!evidence.found.some((found) => found.backendId === backendId)) continue;
      this.#reset(volume, "available", evidence);
    }
  }

  /** A person says of a volume that it is lost, or as large as it stands. */
  #sayOf(volume: Volume, to: "available" | "error"): void {
    this.#world.send("attachment.disconnect", {
      scope: null,
      id: volume.id,
      userId: "user",
      requestId: "req-reset",
      connector: null,
    });
    const now = this.#world.scheduler.state.get("volume", volume.id);
    if (now === undefined) return;
    const ground = resetGround(this.#world.scheduler.state, now);
    this.#reset(now, to, { ...ground, found: this.#evidence(objectIdOf(now)) });
  }

  /** The same of a snapshot. */
  #sayOfSnapshot(snapshot: Snapshot, to: "available" | "error"): void {
    const away = { scope: null, userId: "user", requestId: "req-reset", connector: null };
    if (to === "error") this.#world.send("snapshot.disconnect", { ...away, id: snapshot.id, force: true });
    const { state } = this.#world.scheduler;
    const now = state.get("snapshot", snapshot.id);
    if (now === undefined) return;
    // One of a group is whole with the others or nothing.
    if (to === "error" && now.groupSnapshotId !== null) {
      for (const { id } of state.snapshotsOfGroup(now.groupSnapshotId))
        this.#world.send("snapshot.disconnect", { ...away, id, force: true });
      const taken = { scope: null, id: now.groupSnapshotId, userId: "user", requestId: "req-reset" };
      this.#world.send("group-snapshot.delete", taken);
      return;
    }
    const buried = buriedUnder(state, snapshot.id);
    const { objects } = this.#backend(snapshot.backendId).list(null, Number.MAX_SAFE_INTEGER);
    const found = objects.find(({ id }) => id === snapshot.id) ?? null;
    const on = { scope: null, id: snapshot.id, userId: "operator", requestId: "req-reset" };
    const evidence = { snapshot: now, buried, found };
    this.#world.send("snapshot.reset", { ...on, to, by: "operator", reason: "simulated", evidence });
  }

  #reset({ id }: Volume, to: "available" | "error", evidence: ResetEvidence): void {
    const on = { scope: null, id, userId: "user", requestId: "req-reset" };
    this.#world.send("volume.reset", { ...on, to, by: "operator", reason: "simulated", evidence });
  }

  #evidence(id: string): ResetEvidence["found"] {
    return this.#world.backends.flatMap((simulated) => {
      const { objects } = simulated.list(null, simulated.objects.size + 1);
      const object = objects.find((candidate) => candidate.id === id);
      return object === undefined ? [] : [{ backendId: simulated.backend.id, object }];
    });
  }

  #backend(id: number): SimulatedBackend {
    const found = this.#world.backends.find(({ backend }) => backend.id === id);
    if (found === undefined) throw new Error(`there is no backend ${id}`);
    return found;
  }
}
