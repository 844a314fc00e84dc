import type { CommandKind, Commands } from "#scheduler/core/commands.ts";
import { objectIdOf } from "#scheduler/core/refs.ts";
import { backendState, openSide } from "#scheduler/core/sides.ts";
import { BerthError } from "#shared/errors.ts";
import { CATALOGUE_VERSION, type Catalogue } from "#shared/model/catalogue.ts";
import type { Job, Outcome } from "#shared/model/job.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import type { Operation } from "#shared/model/operation.ts";
import { NO_QUOTAS } from "#shared/model/quota.ts";
import type { Side } from "#shared/model/replication.ts";
import { PROTOCOL_VERSION } from "#shared/protocol/message.ts";
import { gibToBytes } from "#shared/units.ts";
import { backendOf, GOLD_ID, SILVER_ID } from "#test/kit/catalogue.ts";
import { measurementOf } from "#test/kit/core-stand.ts";
import { Random } from "./random.ts";
import { Crashed, SimulatedScheduler } from "./scheduler.ts";

const BACKEND_ID = 1;
/** Another, which is not mirrored here: to move to, and from. */
const OTHER_ID = 2;
const SILENT_MS = 5_000;
const WHO = { userId: "user", requestId: "req-1" };

/** One of two agents: which side it has open by what it heard last, and the job that it is in. */
interface Agent {
  side: Side;
  open: boolean;
  inHand: Job | null;
  heardMs: number;
}

/** A mirrored backend as it stands: two sides, of which the own one brings what is replicated to the other. */
class TwoSides {
  /** What stands on the other backend, by its name there. */
  readonly elsewhere = new Map<string, number>();
  /** Objects that were made to be filled, and are not yet: whose volume comes to be one of these is lost. */
  readonly #hollow = new Set<string>();
  readonly own = new Map<string, number>();
  readonly target = new Map<string, number>();
  readonly #replicated = new Set<string>();
  readonly #changedThere = new Set<string>();
  #takenOver = false;
  linkBroken = false;

  on(side: Side): Map<string, number> {
    return side === null ? this.own : this.target;
  }

  perform(side: Side, operation: Operation): Outcome {
    if (operation.kind === "backend.failover") return this.#takeOver(side);
    if (!("volume" in operation)) return "not-done";
    const { id } = operation.volume;
    const here = this.on(side);
    if (operation.kind === "volume.copy") return this.#fill(side, operation, here);
    if (operation.kind === "volume.create") {
      if (operation.volume.spec?.replication === true) this.#replicated.add(id);
      here.set(id, operation.volume.sizeBytes);
    } else if (operation.kind === "volume.delete") {
      here.delete(id);
    } else if (!here.has(id)) return "not-done";
    else if (operation.kind === "volume.extend") here.set(id, operation.newSizeBytes);
    if (side !== null) this.#changedThere.add(id);
    else if (!this.linkBroken) this.#copy(id, this.own, this.target);
    return "done";
  }

  /** On the other backend; what is copied from this one is read from the side that `open` says. */
  performElsewhere(operation: Operation, open: Side | undefined): Outcome {
    if (!("volume" in operation)) return "not-done";
    const { id, sizeBytes } = operation.volume;
    if (operation.kind === "volume.copy")
      return open === undefined ? "unknown" : this.#fill(open, operation, this.elsewhere);
    if (operation.kind === "volume.create") this.elsewhere.set(id, sizeBytes);
    else if (operation.kind === "volume.delete") this.elsewhere.delete(id);
    else if (!this.elsewhere.has(id)) return "not-done";
    else if (operation.kind === "volume.extend") this.elsewhere.set(id, operation.newSizeBytes);
    return "done";
  }

  /** Made to be filled, and nobody has. */
  isHollow(objectId: string): boolean {
    return this.#hollow.has(objectId);
  }

  expectFilled(objectId: string): void {
    this.#hollow.add(objectId);
  }

  #fill(
    side: Side,
    { volume, source }: Extract<Operation, { kind: "volume.copy" }>,
    into: Map<string, number>,
  ): Outcome {
    if (source.kind !== "local") return "not-done";
    const from = source.backendId === OTHER_ID ? this.elsewhere : this.on(side);
    if (!from.has(source.volume.id) || !into.has(volume.id) || this.#hollow.has(source.volume.id)) return "not-done";
    this.#hollow.delete(volume.id);
    return "done";
  }

  #takeOver(side: Side): Outcome {
    if (side === null && this.#takenOver) {
      for (const id of this.#changedThere) this.#copy(id, this.target, this.own);
      this.#changedThere.clear();
    }
    this.#takenOver = side !== null;
    return "done";
  }

  #copy(id: string, from: Map<string, number>, to: Map<string, number>): void {
    if (!this.#replicated.has(id)) return;
    const bytes = from.get(id);
    if (bytes === undefined) to.delete(id);
    else to.set(id, bytes);
  }
}

/**
 * A backend that goes over to its target and back at random, while users work on it, agents hear late and die, and the
 * scheduler dies. It throws where something is written to a side that is not in force.
 */
export class SidesWorld {
  readonly random: Random;
  readonly scheduler: SimulatedScheduler;
  readonly storage = new TwoSides();
  readonly #agents: readonly Agent[] = [0, 1].map(() => ({ side: null, open: true, inHand: null, heardMs: 0 }));
  /** One message a job id, until it is acknowledged. */
  readonly #queue = new Map<string, Job>();
  /** Those that were usable once and whose delete nobody asked for: none may be lost. */
  readonly kept = new Set<string>();
  /** Volumes that came to another backend, either way. */
  readonly moved = { there: 0, here: 0, stayed: 0 };
  nowMs = 1_000_000;
  calm = false;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.scheduler = new SimulatedScheduler(mirroredCatalogue(), { operationDeadlineMs: 20_000, retryMaxMs: 2_000 });
    this.#hear();
    this.#measure();
    this.#measureOther();
  }

  get state() {
    return this.scheduler.state;
  }

  get record() {
    return backendState(this.state, BACKEND_ID);
  }

  send<K extends CommandKind>(kind: K, input: Commands[K]["input"]): boolean {
    const crash =
      this.calm || !this.random.chance(0.005) ? "none" : this.random.chance(0.5) ? "before-commit" : "before-effects";
    const moving = new Map([...this.state.moving].map((id) => [id, this.state.get("volume", id)?.backendId]));
    try {
      this.scheduler.submit(kind, input, this.nowMs, crash);
      this.#countMoved(moving);
      return true;
    } catch (error) {
      if (error instanceof Crashed || error instanceof BerthError) return false;
      throw error;
    } finally {
      for (const job of this.scheduler.sent.splice(0)) if (!this.#queue.has(job.id)) this.#queue.set(job.id, job);
      for (const { move } of this.state.table("volume").values())
        if (move?.phase === "making" && move.target !== null) this.storage.expectFilled(move.target.id);
    }
  }

  #countMoved(before: ReadonlyMap<string, number | null | undefined>): void {
    for (const [id, backendId] of before) {
      const volume = this.state.get("volume", id);
      if (volume === undefined || volume.move !== null) continue;
      if (volume.backendId === backendId) this.moved.stayed += 1;
      else if (volume.backendId === OTHER_ID) this.moved.there += 1;
      else this.moved.here += 1;
    }
  }

  step(): void {
    const { random } = this;
    const doings: readonly (() => void)[] = [
      () => this.#userActs(),
      () => this.#userActs(),
      () => this.#take(),
      () => this.#take(),
      () => this.#finish(),
      () => this.#finish(),
      () => this.#workElsewhere(),
      () => this.#workElsewhere(),
      () => this.#measureOther(),
      () => this.#hear(),
      () => this.#measure(),
      () => this.#look(),
      () => this.tick(random.between(50, 1_500)),
      // Mostly it is let come to its end before it is asked elsewhere.
      () => {
        if (this.record.failover === null || random.chance(0.05)) this.failOver(random.chance(0.5) ? "dr" : null);
      },
      () => {
        this.storage.linkBroken = random.chance(0.3);
      },
      () => {
        if (random.chance(0.3)) this.#dieInTheMiddle();
      },
    ];
    random.pick(doings)?.();
    this.checkUsable();
  }

  failOver(to: Side): void {
    this.send("backend.failover", { backendId: BACKEND_ID, to, ...WHO });
  }

  tick(ms: number): void {
    this.nowMs += ms;
    // Who is silent for so long has lost its lease as well.
    for (const agent of this.#agents) if (this.nowMs - agent.heardMs > SILENT_MS) agent.inHand = null;
    this.send("tick", {});
  }

  /** Everybody is well, and hears in time. */
  settle(): void {
    for (let n = 0; n < 4; n++) {
      this.#hear();
      this.#take();
      this.#finish();
      this.#workElsewhere();
    }
    this.#measureOther();
    this.#measure();
    this.#look();
    this.tick(1_000);
  }

  /** What is told to be usable stands on the side in force, with its size. */
  checkUsable(): void {
    const { side, failover } = this.record;
    for (const volume of this.state.table("volume").values()) {
      if (volume.status === "error" && volume.lastError === null)
        throw new Error(`${volume.id} is lost without a word`);
      if (volume.aside !== undefined && volume.backendId !== BACKEND_ID)
        throw new Error(`${volume.id} is put aside and stands on backend ${volume.backendId}`);
      if (volume.status !== "available" || (failover !== null && volume.backendId === BACKEND_ID)) continue;
      this.kept.add(volume.id);
      const name = objectIdOf(volume);
      const standing = volume.backendId === OTHER_ID ? this.storage.elsewhere : this.storage.on(side);
      const bytes = standing.get(name);
      if (this.storage.isHollow(name)) throw new Error(`${volume.id} is available and was never filled`);
      if (bytes !== gibToBytes(volume.sizeGib))
        throw new Error(`${volume.id} is available with ${volume.sizeGib} GiB and has ${bytes} bytes on ${side}`);
    }
  }

  #userActs(): void {
    const { random } = this;
    const volume = random.pick([...this.state.table("volume").values()]);
    const on = volume === undefined ? null : { scope: null, id: volume.id, ...WHO };
    if (volume === undefined || on === null || random.chance(0.4)) this.#create();
    else if (random.chance(0.2)) this.send("volume.delete", on);
    else if (random.chance(0.6)) this.#moveOne();
    else if (random.chance(0.1)) this.send("volume.cancel-move", on);
    else this.send("volume.extend", { ...on, newSizeGib: volume.sizeGib + 1 });
    // Also one that the scheduler died in may have been taken.
    if (on !== null && ["deleting", undefined].includes(this.state.get("volume", on.id)?.status))
      this.kept.delete(on.id);
  }

  /** To the backend where it is not. */
  #moveOne(): void {
    const resting = [...this.state.table("volume").values()].filter(({ status }) => status === "available");
    const volume = this.random.pick(resting);
    if (volume === undefined) return;
    const on = { scope: null, id: volume.id, ...WHO };
    const backendId = volume.backendId === OTHER_ID ? BACKEND_ID : OTHER_ID;
    const chap = { username: "copier", sealedSecret: "sealed" };
    const means = {
      targetId: this.random.uuid(),
      attachmentId: this.random.uuid(),
      chap,
      bandwidthLimitBytesPerS: null,
    };
    this.send("volume.migrate", { ...on, ...means, to: { backend: String(backendId), zone: null }, forceCopy: false });
  }

  /** One of the other backend's jobs, by whichever agent lives. */
  #workElsewhere(): void {
    const { random } = this;
    const job = random.pick([...this.#queue.values()].filter(({ backendId }) => backendId === OTHER_ID));
    if (job === undefined) return;
    const reader = random.pick(this.#agents.filter(({ open }) => open));
    const outcome = this.storage.performElsewhere(job.operation, reader?.side);
    if (this.calm || !random.chance(0.1)) this.#tell(job, random.chance(0.1) ? "unknown" : outcome);
  }

  #create(): void {
    this.send("volume.create", {
      ...WHO,
      id: this.random.uuid(),
      projectId: "p",
      name: "",
      description: "",
      metadata: {},
      sizeGib: this.random.between(1, 3),
      flavor: this.random.chance(0.6) ? "silver" : "gold",
      zone: null,
      source: { kind: "blank" },
      idempotency: null,
      chap: { username: "born", sealedSecret: "sealed" },
    });
  }

  #hear(): void {
    const agent = this.random.pick(this.#agents);
    if (agent === undefined) return;
    const told = openSide(this.record);
    if (told.side !== agent.side || told.open !== agent.open) {
      const abandoned = agent.inHand;
      Object.assign(agent, told, { inHand: null });
      if (abandoned !== null) this.#tell(abandoned, "unknown");
    }
    this.#beat(agent);
  }

  #beat(agent: Agent): void {
    agent.heardMs = this.nowMs;
    const state = agent.open ? ("open" as const) : ("failed" as const);
    const n = this.#agents.indexOf(agent);
    this.send("agent.heartbeat", {
      version: PROTOCOL_VERSION,
      agentId: `agent-${n}`,
      zone: "north",
      host: `host-${n}`,
      pid: 1,
      program: "simulation",
      startedAtMs: 0,
      backends: [{ id: BACKEND_ID, state, error: null }],
      jobsInHand: 0,
      leaving: false,
    });
  }

  #measureOther(): void {
    const { capabilities } = measurementOf();
    const measurement = measurementOf({
      poolId: "other",
      totalBytes: "infinite",
      freeBytes: "infinite",
      capabilities: [...capabilities, "replication"],
    });
    const result = { state: "up" as const, measurement };
    const report = { backendId: OTHER_ID, asOf: this.scheduler.seq, side: null, durationMs: 1, result };
    this.send("report.received", { agentId: "agent-0", zone: "north", report });
  }

  #measure(): void {
    const { side, open } = this.random.pick(this.#agents) ?? { side: null, open: false };
    if (!open) return;
    const { capabilities } = measurementOf();
    const measurement = measurementOf({
      totalBytes: "infinite",
      freeBytes: "infinite",
      capabilities: [...capabilities, "replication"],
    });
    const result = { state: "up" as const, measurement };
    const report = { backendId: BACKEND_ID, asOf: this.scheduler.seq, side, durationMs: 1, result };
    this.send("report.received", { agentId: "agent-0", zone: "north", report });
  }

  /** As an agent does: what is not for the side that it has open goes back to the queue; while it has none, it says so. */
  #take(): void {
    // One that hears nothing is cut off from its queue as well: both are one connection.
    const able = this.#agents.filter(({ inHand, heardMs }) => inHand === null && this.nowMs - heardMs <= SILENT_MS);
    const agent = this.random.pick(able);
    const held = new Set(this.#agents.map(({ inHand }) => inHand?.id));
    const job = this.random.pick(
      [...this.#queue.values()].filter(({ id, backendId }) => backendId === BACKEND_ID && !held.has(id)),
    );
    if (agent === undefined || job === undefined) return;
    if (!agent.open) this.#tell(job, "unknown");
    else if ((job.side ?? null) === agent.side) agent.inHand = job;
    // It came so often to agents that have another side open that one of them gives it up.
    else if (this.random.chance(0.2)) this.#tell(job, "unknown");
  }

  #finish(): void {
    const agent = this.random.pick(this.#agents.filter(({ inHand }) => inHand !== null));
    const job = agent?.inHand;
    if (agent === undefined || job == null) return;
    this.#assertInForce(agent.side, job);
    const outcome = this.storage.perform(agent.side, job.operation);
    agent.inHand = null;
    if (this.calm || !this.random.chance(0.1)) this.#tell(job, this.random.chance(0.1) ? "unknown" : outcome);
  }

  #assertInForce(side: Side, job: Job): void {
    const { failover, side: inForce } = this.record;
    if (failover === null ? side === inForce : failover.phase === "closing" || failover.to === side) return;
    throw new Error(`${job.id} (${job.operation.kind}) is done on ${side}, and that is not in force`);
  }

  /** The queue keeps the job, and gives it to somebody else. */
  #dieInTheMiddle(): void {
    const agent = this.random.pick(this.#agents);
    if (agent !== undefined) agent.inHand = null;
  }

  #tell(job: Job, outcome: Outcome): void {
    const committed = this.send("job.result", {
      version: PROTOCOL_VERSION,
      jobId: job.id,
      attempt: job.attempt,
      agentId: "agent-0",
      backendId: job.backendId,
      operation: job.operation,
      outcome,
      error: outcome === "done" ? null : { code: "E_BACKEND_FAILED", message: `simulated ${outcome}` },
      providerId: null,
      properties: null,
      connectionInfo: null,
      durationMs: 1,
    });
    if (committed && this.#queue.get(job.id)?.attempt === job.attempt) this.#queue.delete(job.id);
  }

  /** What the side that took over holds, as an agent tells it that has it open. */
  #look(): void {
    const { failover, changedSeq } = this.record;
    if (failover?.phase !== "looking" || !this.#agents.some(({ open, side }) => open && side === failover.to)) return;
    const facts = { kind: "volume" as const, volumeId: null, mark: null, whole: true, ageMs: null, providerId: null };
    const objects = [...this.storage.on(failover.to)].map(([id, sizeBytes]): ListedObject => {
      return { ...facts, id, sizeBytes, properties: {} };
    });
    this.send("backend.listed", { backendId: BACKEND_ID, token: changedSeq, objects });
  }
}

function mirroredCatalogue(): Catalogue {
  const targets = { replicationTargets: [{ name: "dr", parameters: {} }] };
  return {
    version: CATALOGUE_VERSION,
    nextBackendId: 3,
    defaultFlavor: "gold",
    zones: [{ name: "north", description: "" }],
    flavors: [
      { id: GOLD_ID, name: "gold", description: "", backends: [1, 2] },
      {
        id: SILVER_ID,
        name: "silver",
        description: "",
        backends: [1, 2],
        extraSpecs: { replication_enabled: "<is> True" },
      },
    ],
    backends: [
      backendOf(1, { driver: "fake", parameters: { capacity_gib: "infinite" }, ...targets }),
      backendOf(2, { driver: "fake", parameters: { capacity_gib: "infinite" } }),
    ],
    quotas: NO_QUOTAS,
    qos: [],
    defaultFlavors: {},
  };
}
