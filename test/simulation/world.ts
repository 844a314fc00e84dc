import { DEFAULT_SETTINGS } from "#scheduler/catalogue/settings.ts";
import { isLetIn } from "#scheduler/core/attachments.ts";
import type { CommandKind, Commands } from "#scheduler/core/commands.ts";
import { objectIdOf } from "#scheduler/core/refs.ts";
import { BerthError } from "#shared/errors.ts";
import type { BackendReport } from "#shared/model/capacity.ts";
import { CATALOGUE_VERSION, type Catalogue } from "#shared/model/catalogue.ts";
import type { Job, Outcome } from "#shared/model/job.ts";
import type { OperationKind } from "#shared/model/operation.ts";
import type { Quota } from "#shared/model/quota.ts";
import type { Volume } from "#shared/model/volume.ts";
import { PROTOCOL_VERSION } from "#shared/protocol/message.ts";
import type { JobResult } from "#shared/protocol/result.ts";
import { gibToBytes } from "#shared/units.ts";
import { backendOf, GOLD_ID, SILVER_ID } from "#test/kit/catalogue.ts";
import { uuid } from "#test/kit/records.ts";
import type { Bug } from "./bugs.ts";
import type { Faults } from "./faults.ts";
import { Operator } from "./operator.ts";
import { Random } from "./random.ts";
import { Crashed, LookedAway, SimulatedScheduler } from "./scheduler.ts";
import { SimulatedBackend } from "./storage.ts";

interface Queued {
  readonly job: Job;
  inHand: boolean;
}

interface InFlight<T> {
  readonly atMs: number;
  readonly body: T;
}

/**
 * Scheduler, queue, agents and storage of one zone in simulated time. Every step takes one thing that may happen next,
 * drawn by the seed: messages arrive in any order, get lost or come twice, agents and the scheduler die.
 */
export class World {
  readonly random: Random;
  readonly scheduler: SimulatedScheduler;
  readonly backends: SimulatedBackend[];
  faults: Faults;
  nowMs = 1_000_000;
  /** One message a job id: a second is refused while it is there. */
  readonly #queue = new Map<string, Queued>();
  /** Attempts that the queue refused: offered again while they are current. */
  #refused: Job[] = [];
  #results: InFlight<JobResult>[] = [];
  #reports: InFlight<BackendReport>[] = [];
  #lateCopies: InFlight<Job>[] = [];
  #lateCalls: InFlight<Job>[] = [];
  #away: InFlight<{ readonly simulated: SimulatedBackend; readonly id: string; readonly bytes: number }>[] = [];
  /** Objects of volumes and snapshots that a backend lost. */
  readonly lost = new Set<string>();
  /** Volumes that a late call may have grown although the extension was given up. */
  readonly grownLate = new Set<string>();
  readonly operator: Operator;
  /** A job that was over ran again: until it is mended, space is taken that nobody reserved. */
  strayed = false;
  #agentSeq = 0;
  /** Volumes and snapshots whose delete was accepted: they must be gone in the end. */
  readonly deleted = new Set<string>();
  /** Rounds of placing whose hints were looked at. */
  readonly hinted = new Set<string>();
  /** Volumes that were asked to be deleted in a state in which their data are their user's to delete. */
  readonly givenUp = new Set<string>();
  /** Snapshots that cannot be adopted. */
  readonly homeless = new Set<string>();
  /** Data of others, and of volumes that were let go of: whatever happens, they are somewhere. */
  readonly foreignData = new Set<string>();
  readonly log: string[] = [];
  readonly #bug: Bug | null;
  /** What its users do mostly. */
  leaning: Leaning = "all";
  /** Volume → what stands in it, by what its users wrote last. */
  readonly written = new Map<string, number>();
  #versions = 0;
  /** Volumes that were to be elsewhere. */
  readonly moved = new Set<string>();

  constructor(
    seed: number,
    faults: Faults,
    bug: Bug | null = null,
    capacitiesGib: readonly number[] = [40, 40, 60, 20],
  ) {
    this.random = new Random(seed);
    this.faults = faults;
    this.#bug = bug;
    const catalogue = simulatedCatalogue(capacitiesGib.length);
    const settings = {
      operationDeadlineMs: 10_000,
      placementDeadlineMs: 8_000,
      retryMaxMs: 4_000,
      tombstoneTtlMs: 100_000,
    };
    this.scheduler = new SimulatedScheduler(catalogue, settings, bug);
    const peer = (id: number): SimulatedBackend | undefined => this.backends.find(({ backend }) => backend.id === id);
    this.backends = catalogue.backends.map((backend, n) => new SimulatedBackend(backend, capacitiesGib[n] ?? 10, peer));
    this.operator = new Operator(this);
    for (const { foreign, backend } of this.backends)
      for (let n = 1; n <= FOREIGN_DISKS; n++) {
        const identity = `disk ${n} of ${backend.id}`;
        foreign.set(`disk-${n}.img`, { bytes: gibToBytes(n) + n, identity });
        this.foreignData.add(identity);
      }
    this.beat();
    for (const backend of this.backends) this.measure(backend, true);
    this.deliverReports(true);
  }

  /** What a user or agent sends. A refusal and a crash of the scheduler are both just not done. */
  send<K extends CommandKind>(kind: K, input: Commands[K]["input"]): Commands[K]["reply"] | null {
    const crash = this.random.chance(this.faults.schedulerCrash)
      ? this.random.chance(0.5)
        ? "before-commit"
        : "before-effects"
      : "none";
    if (kind === "volume.delete" && "id" in input) {
      const status = this.scheduler.state.get("volume", String(input.id))?.status;
      if (status !== undefined && !/manag/.test(status)) this.givenUp.add(String(input.id));
    }
    // A group may go with its volumes.
    if (kind === "group.delete" && "id" in input)
      for (const { id } of this.scheduler.state.membersOf(String(input.id))) this.givenUp.add(id);
    try {
      const reply = this.scheduler.submit(kind, input, this.nowMs, crash);
      if (kind.endsWith(".delete") && "id" in input) this.deleted.add(String(input.id));
      return reply;
    } catch (error) {
      if (error instanceof Crashed || error instanceof BerthError) return null;
      // Answered as if all were well.
      if (error instanceof LookedAway) return undefined;
      throw error;
    } finally {
      this.#enqueueSent();
    }
  }

  beat(): void {
    for (const zone of ZONES) this.#beatIn(zone);
    this.#agentSeq = this.scheduler.seq;
  }

  #beatIn(zone: string): void {
    this.send("agent.heartbeat", {
      version: PROTOCOL_VERSION,
      agentId: `agent-${zone}`,
      zone,
      host: "host-1",
      pid: 1,
      program: "simulation",
      startedAtMs: 0,
      backends: [],
      jobsInHand: 0,
      leaving: false,
    });
  }

  measure(simulated: SimulatedBackend, now = false): void {
    const report: BackendReport = {
      backendId: simulated.backend.id,
      asOf: this.#agentSeq,
      durationMs: 1,
      result: { state: "up", measurement: simulated.measure() },
    };
    if (this.random.chance(this.faults.loseMessage)) return;
    const arrivals = this.random.chance(this.faults.doubleMessage) ? 2 : 1;
    for (let n = 0; n < arrivals; n++)
      this.#reports.push({ atMs: now ? this.nowMs : this.nowMs + this.random.between(0, 2_000), body: report });
  }

  deliverReports(all = false): void {
    const due = this.#reports.filter((one) => all || one.atMs <= this.nowMs);
    this.#reports = this.#reports.filter((one) => !due.includes(one));
    for (const { body } of due) {
      const zone = this.backends.find(({ backend }) => backend.id === body.backendId)?.backend.zone ?? "";
      this.send("report.received", { agentId: `agent-${zone}`, zone, report: body });
    }
  }

  /** An agent takes a job and does it, or dies before, in between, or after. */
  work(): void {
    const waiting = [...this.#queue.values()].filter((queued) => !queued.inHand);
    const queued = this.random.pick(waiting);
    if (queued === undefined) return;
    const { job } = queued;
    const simulated = this.backends.find((candidate) => candidate.backend.id === job.backendId);
    if (simulated === undefined) return;
    if (this.random.chance(this.faults.agentCrash)) {
      if (job.operation.kind === "group-snapshot.create") simulated.perform(job.operation, true);
      if (job.operation.kind === "volume.copy" && this.#isAwaited(job)) simulated.spoil(job.operation.volume.id);
      return;
    }
    if (ASKS_FIRST.has(job.operation.kind) && !this.#isAwaited(job)) {
      queued.inHand = true;
      this.#results.push({ atMs: this.nowMs + this.random.between(0, 500), body: resultOf(job, "unknown") });
      return;
    }
    if (job.operation.kind === "volume.revert" && this.#isOver(job)) {
      this.#queue.delete(job.id);
      return;
    }
    const takes = job.operation.kind === "volume.manage";
    const creates = MAKES.has(job.operation.kind);
    if (!NEVER_LATE.has(job.operation.kind) && this.random.chance(this.faults.lateCall)) {
      this.#lateCalls.push({ atMs: this.nowMs + this.random.between(500, 25_000), body: job });
      return;
    }
    const refuses =
      (creates || takes || job.operation.kind === "volume.copy") && this.random.chance(this.faults.refuse);
    const halfMade = refuses && this.random.chance(0.5);
    simulated.refusing = refuses && !halfMade;
    const made = simulated.perform(job.operation);
    simulated.refusing = false;
    const outcome = halfMade ? "not-done" : made;
    this.log.push(`${job.operation.kind} ${job.id} on ${job.backendId}: ${outcome}`);
    if (this.random.chance(this.faults.agentCrash)) return;
    queued.inHand = true;
    const told: Outcome = this.random.chance(this.faults.loseAnswer) ? "unknown" : outcome;
    const arrivals = this.random.chance(this.faults.doubleMessage) ? 2 : 1;
    for (let n = 0; n < arrivals; n++)
      this.#results.push({ atMs: this.nowMs + this.random.between(0, 500), body: resultOf(job, told) });
  }

  /** An agent asks the scheduler before it takes away what was written. */
  #isOver(job: Job): boolean {
    const over = this.scheduler.state.get("job", job.id)?.attempt !== job.attempt;
    if (over && this.#bug === "reverts-unasked") throw new Error(`${job.id} is over and is done again: bytes are lost`);
    return over;
  }

  /** Results arrive; one that is lost is repeated by the agent, unless the agent dies: then the job comes again. */
  deliverResults(): void {
    const due = this.#results.filter((one) => one.atMs <= this.nowMs);
    this.#results = this.#results.filter((one) => !due.includes(one));
    for (const { body } of due) {
      if (this.random.chance(this.faults.loseMessage)) {
        this.#results.push({ atMs: this.nowMs + 500, body });
        continue;
      }
      const answer = this.send("job.result", body);
      const queued = this.#queue.get(body.jobId);
      // null: the scheduler crashed, so nobody answered that it is committed.
      if (answer === null) this.#results.push({ atMs: this.nowMs + 500, body });
      else if (queued?.inHand && queued.job.attempt === body.attempt) this.#queue.delete(body.jobId);
    }
    if (this.random.chance(this.faults.agentCrash)) this.agentDies();
  }

  /** Its jobs come again, and what it had to tell is lost. */
  agentDies(): void {
    for (const queued of this.#queue.values()) queued.inHand = false;
    this.#results = [];
  }

  tick(ms: number): void {
    this.nowMs += ms;
    this.#offerAgain();
    this.#deliverLateCopies();
    this.#landLateCalls();
    this.#loseObject();
    this.#bringBack();
    this.send("tick", {});
  }

  /** A host writes to the volume that it has. */
  write(volume: Volume): void {
    const objectId = objectIdOf(volume);
    const simulated = this.backends.find(({ backend }) => backend.id === volume.backendId);
    if (volume.status !== "in-use" || simulated?.connections.has(objectId) !== true) return;
    this.#versions += 1;
    simulated.contents.set(objectId, this.#versions);
    this.written.set(volume.id, this.#versions);
  }

  get quiet(): boolean {
    return (
      this.#lateCopies.length === 0 &&
      this.#lateCalls.length === 0 &&
      this.#away.length === 0 &&
      this.#queue.size === 0 &&
      this.#results.length === 0 &&
      this.#refused.length === 0
    );
  }

  /** What an agent asks the scheduler before it begins something that a late message must not do. */
  #isAwaited({ id, attempt }: Job): boolean {
    return this.scheduler.state.get("job", id)?.attempt === attempt;
  }

  #enqueueSent(): void {
    for (const job of this.scheduler.sent.splice(0)) {
      this.#offer(job);
      if (this.random.chance(this.faults.lateCopy))
        this.#lateCopies.push({ atMs: this.nowMs + this.random.between(500, 20_000), body: job });
    }
  }

  #deliverLateCopies(): void {
    const due = this.#lateCopies.filter((one) => one.atMs <= this.nowMs);
    this.#lateCopies = this.#lateCopies.filter((one) => !due.includes(one));
    for (const { body } of due) {
      if (this.#queue.has(body.id)) continue;
      this.#queue.set(body.id, { job: body, inHand: false });
      this.strayed = true;
    }
  }

  /** As agents do at an interval: what is recorded as connected is exported. */
  keepExports(): void {
    const { state } = this.scheduler;
    for (const attachment of state.table("attachment").values()) {
      const { volumeId, snapshotId, backendId, connector } = attachment;
      const id = snapshotId ?? volumeId;
      const simulated = this.backends.find(({ backend }) => backend.id === backendId);
      if (!isLetIn(attachment) || !simulated?.objects.has(id)) continue;
      const hosts = simulated.connections.get(id) ?? new Set();
      simulated.connections.set(id, hosts.add(connector?.initiator ?? ""));
    }
  }

  /** What hosts are connected to stays connected; nobody knows of it any more, so here it is cut. */
  loseLedger(): void {
    this.deleted.clear();
    for (const { connections } of this.backends) connections.clear();
    this.#reports = [];
    this.scheduler.loseLedger(this.nowMs);
    this.beat();
    for (const simulated of this.backends) this.measure(simulated, true);
    this.deliverReports(true);
  }

  /** The agent wakes in the midst of its call; it has lost the lease, so nobody hears of it. */
  #landLateCalls(): void {
    const due = this.#lateCalls.filter((one) => one.atMs <= this.nowMs);
    this.#lateCalls = this.#lateCalls.filter((one) => !due.includes(one));
    for (const { body: job } of due) {
      const outcome = this.backends.find(({ backend }) => backend.id === job.backendId)?.perform(job.operation);
      if (job.operation.kind === "volume.extend") this.grownLate.add(job.operation.volume.id);
      this.log.push(`${job.operation.kind} ${job.id} on ${job.backendId} lands late: ${outcome}`);
      this.strayed = true;
    }
  }

  #loseObject(): void {
    if (!this.random.chance(this.faults.loseObject)) return;
    const { state } = this.scheduler;
    const records = [...state.table("volume").values(), ...state.table("snapshot").values()];
    const lost = this.random.pick(records.filter(({ status }) => status === "available"));
    if (lost === undefined) return;
    const simulated = this.backends.find(({ backend }) => backend.id === lost.backendId);
    const objectId = "nameId" in lost ? objectIdOf(lost) : lost.id;
    const bytes = simulated?.objects.get(objectId);
    if (simulated === undefined || bytes === undefined) return;
    simulated.objects.delete(objectId);
    // A late connect may have let somebody in: a target serves nothing that is away.
    simulated.connections.delete(objectId);
    this.lost.add(objectId);
    this.log.push(`backend ${simulated.backend.id} loses ${objectId}`);
    if (this.random.chance(0.5))
      this.#away.push({
        atMs: this.nowMs + this.random.between(500, 25_000),
        body: { simulated, id: objectId, bytes },
      });
  }

  /** A disk that was away is back, with what was on it. */
  #bringBack(): void {
    const due = this.#away.filter((one) => one.atMs <= this.nowMs);
    this.#away = this.#away.filter((one) => !due.includes(one));
    for (const {
      body: { simulated, id, bytes },
    } of due) {
      if (simulated.usedBytes + bytes > simulated.capacityBytes) continue;
      simulated.objects.set(id, bytes);
      this.log.push(`${id} is back on backend ${simulated.backend.id}`);
      this.strayed = true;
    }
  }

  #offer(job: Job): void {
    if (!this.#queue.has(job.id)) this.#queue.set(job.id, { job, inHand: false });
    else if (job.attempt > 1 && this.#queue.get(job.id)?.job.attempt !== job.attempt) this.#refused.push(job);
  }

  #offerAgain(): void {
    const refused = this.#refused;
    this.#refused = [];
    for (const job of refused) {
      const now = this.scheduler.state.get("job", job.id);
      if (now?.attempt === job.attempt && now.dispatched) this.#offer(job);
    }
  }
}

const MAKES: ReadonlySet<OperationKind> = new Set<OperationKind>([
  "volume.create",
  "volume.create-from-snapshot",
  "volume.clone",
  "snapshot.create",
]);
/**
 * A copy asks for its lease before each write; what a storage system does of a move by itself nobody can hold back. A mark
 * that lands late says what was true once, and nobody notices before the next change (a known limit).
 */
const NEVER_LATE: ReadonlySet<OperationKind> = new Set<OperationKind>([
  "volume.copy",
  "volume.migrate",
  "volume.retype",
  "mark.write",
]);
const ASKS_FIRST: ReadonlySet<OperationKind> = new Set<OperationKind>([
  "volume.copy",
  "volume.migrate",
  "volume.retype",
]);

function resultOf(job: Job, outcome: Outcome): JobResult {
  return {
    version: PROTOCOL_VERSION,
    jobId: job.id,
    attempt: job.attempt,
    agentId: "agent",
    backendId: job.backendId,
    operation: job.operation,
    outcome,
    error: outcome === "done" ? null : { code: "E_BACKEND_FAILED", message: `simulated ${outcome}` },
    providerId: null,
    properties: null,
    connectionInfo:
      (job.operation.kind === "attachment.connect" || job.operation.kind === "attachment.connect-snapshot") &&
      outcome === "done"
        ? { driverVolumeType: "simulated", data: { from: `${job.backendId} ${job.operation.volume.id}` } }
        : null,
    durationMs: 1,
  };
}

const FOREIGN_DISKS = 2;

/** The plain life of volumes; all that can be asked for; groups beside plain lives. So that none of them is rare. */
export type Leaning = "lives" | "all" | "groups";

/** It may have little; nobody else has a limit. */
export const LIMITED_PROJECT = "limited";
const ZONES = ["north", "south"];
const LIMITED: Quota = { volumes: 4, snapshots: 2, gib: 30, flavors: { silver: { gib: 15 } } };

/** Several hosts may have a volume of it. */
const SHARED = { extraSpecs: { multiattach: "<is> True" } };

function simulatedCatalogue(count: number): Catalogue {
  const settings = { ...DEFAULT_SETTINGS, maxConcurrent: 3 };
  // The last one is thin, and promises more than it has; it is in another zone.
  const backends = Array.from({ length: count }, (_, n) =>
    backendOf(n + 1, {
      settings: n + 1 === count ? { ...settings, maxOverSubscriptionRatio: 3 } : settings,
      zone: n < 3 ? "north" : "south",
    }),
  );
  const ids = backends.map(({ id }) => id);
  const promise = { description: "", backends: backends.map((backend) => backend.id) };
  return {
    version: CATALOGUE_VERSION,
    nextBackendId: count + 1,
    defaultFlavor: "gold",
    zones: ZONES.map((name) => ({ name, description: "" })),
    flavors: [
      { id: GOLD_ID, name: "gold", ...promise },
      { id: SILVER_ID, name: "silver", ...promise, backends: ids.slice(1), ...SHARED },
      {
        ...promise,
        id: uuid(0xf3),
        name: "iron",
        backends: ids.toReversed(),
        extraSpecs: { "provisioning:type": "thick" },
      },
      { ...promise, id: uuid(0xf4), name: "mist", extraSpecs: { thin_provisioning_support: "<is> True" } },
    ],
    backends,
    quotas: { default: {}, projects: { [LIMITED_PROJECT]: LIMITED } },
    qos: [],
    defaultFlavors: {},
  };
}
