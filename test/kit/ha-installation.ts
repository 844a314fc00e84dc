import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Catalogue } from "#shared/model/catalogue.ts";
import { SealingKey } from "#shared/sealed.ts";
import { type ApiDoor, BerthClient } from "./berth-client.ts";
import { freePort } from "./free-port.ts";
import { type NatsCluster, startNatsCluster } from "./nats-cluster.ts";
import { type NatsServer, startNatsServer } from "./nats-server.ts";
import { HERE, type Place } from "./place.ts";
import { Program } from "./program.ts";
import { commonSettings, PROGRAMS } from "./programs.ts";
import { until } from "./until.ts";

/** Long enough for a busy machine to renew it in time. */
export const LEASE_MS = 3_000;
/** Three nats-servers that begin on a busy machine hold several elections of 8 s each. */
const LEADER_BOUND_MS = 60_000;
/** Whoever was stopped in the midst of answering is not waited for. */
const CLIENT_DEADLINE_MS = 3_000;

export interface Scheduler {
  readonly program: Program;
  /** Of this one alone: a standby hands on to the leader. */
  readonly client: BerthClient;
}

export interface HaOptions {
  readonly catalogue: (folder: string) => Catalogue;
  /** 3: a cluster, and three copies of everything. */
  readonly natsServers?: 1 | 3;
  readonly schedulers?: number;
  readonly agentsPerZone?: number;
  /** Where each runs: `nats-0`…, `scheduler-1`…, `north-1`…; without it all here. */
  readonly placeOf?: (name: string) => Promise<Place>;
  /** By their names in the environment, for all programs. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Several schedulers over one ledger on nats-server, and agents, as real processes. `await using` ends all of it. */
export class HaInstallation implements AsyncDisposable {
  readonly folder: string;
  readonly natsServers: readonly NatsServer[];
  /** Of a cluster, in the same order. */
  readonly natsMonitorUrls: readonly string[];
  readonly schedulers: readonly Scheduler[];
  readonly agents: readonly Program[];
  /** A careful user's: of whoever answers, and nothing is sent twice by itself. */
  readonly client: BerthClient;
  readonly #parts: AsyncDisposableStack;

  private constructor(
    made: Pick<HaInstallation, "folder" | "natsServers" | "natsMonitorUrls" | "schedulers" | "agents" | "client">,
    parts: AsyncDisposableStack,
  ) {
    this.folder = made.folder;
    this.natsServers = made.natsServers;
    this.natsMonitorUrls = made.natsMonitorUrls;
    this.schedulers = made.schedulers;
    this.agents = made.agents;
    this.client = made.client;
    this.#parts = parts;
  }

  static async start({
    catalogue,
    natsServers = 1,
    schedulers = 3,
    agentsPerZone = 2,
    placeOf = async () => HERE,
    settings = {},
  }: HaOptions): Promise<HaInstallation> {
    await using parts = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), "berth-ha-"));
    parts.defer(() => rm(folder, { recursive: true, force: true }));
    const declared = catalogue(folder);
    await writeFile(join(folder, "catalogue.json"), JSON.stringify(declared));
    await writeFile(join(folder, "secret.key"), SealingKey.generate(), { mode: 0o600 });
    const nats: NatsCluster | NatsServer = parts.use(
      natsServers === 3 ? await startNatsCluster(placeOf) : await startNatsServer({ place: await placeOf("nats-0") }),
    );
    const environment = { ...commonSettings(folder, nats.url), ...settings };
    const shared = {
      BERTH_LEDGER: "nats",
      BERTH_NATS_REPLICAS: String(natsServers),
      BERTH_LEASE_MS: settings.BERTH_LEASE_MS ?? String(LEASE_MS),
      BERTH_CATALOGUE: join(folder, "catalogue.json"),
      BERTH_SECRET_KEY_FILE: join(folder, "secret.key"),
    };
    const begun: Scheduler[] = [];
    const doors: ApiDoor[] = [];
    for (let number = 1; number <= schedulers; number++) {
      const port = await freePort();
      const name = `scheduler-${number}`;
      const place = await placeOf(name);
      const reached = { BERTH_API_HOST: place.address, BERTH_API_PORT: String(port) };
      const own = { ...environment, ...shared, ...reached, BERTH_DATA: join(folder, name) };
      const program = parts.use(new Program({ name, file: PROGRAMS.scheduler, environment: own, place }));
      program.start();
      const door = { url: `http://${place.address}:${port}`, socketPath: await place.door(port) };
      doors.push(door);
      begun.push({ program, client: parts.use(new BerthClient([door])) });
    }
    const agents: Program[] = [];
    for (const { name: zone } of declared.zones)
      for (let number = 1; number <= agentsPerZone; number++) {
        const name = `${zone}-${number}`;
        const own = { ...environment, BERTH_ZONE: zone, BERTH_AGENT_ID: name };
        const agent = parts.use(
          new Program({ name, file: PROGRAMS.agent, environment: own, place: await placeOf(name) }),
        );
        agent.start();
        agents.push(agent);
      }
    const [first, ...others] = doors;
    if (first === undefined) throw new Error("an installation has a scheduler");
    const made = new HaInstallation(
      {
        folder,
        natsServers: "servers" in nats ? nats.servers : [nats],
        natsMonitorUrls: "servers" in nats ? nats.monitorUrls : [],
        schedulers: begun,
        agents,
        client: parts.use(new BerthClient([first, ...others], CLIENT_DEADLINE_MS)),
      },
      parts.move(),
    );
    try {
      await made.ready(declared.backends.length);
      return made;
    } catch (error) {
      made.tellLogs();
      await made[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** For whoever looks for what went wrong. */
  tellLogs(): void {
    for (const program of [...this.schedulers.map((scheduler) => scheduler.program), ...this.agents])
      process.stderr.write(`${program.lastWords()}\n`);
  }

  /** The one that leads, once all that run agree who it is. */
  async leader(): Promise<Scheduler> {
    return await until(
      "one leads",
      async () => {
        const leading: Scheduler[] = [];
        for (const scheduler of this.schedulers) {
          if (!scheduler.program.isRunning) continue;
          const { role } = await scheduler.client.health();
          if (role === "leader") leading.push(scheduler);
        }
        return leading.length === 1 ? leading[0] : undefined;
      },
      LEADER_BOUND_MS,
    );
  }

  async ready(backends: number): Promise<void> {
    await this.leader();
    await until("every backend is reported", async () => {
      const found = await this.client.backends();
      return found.length === backends && found.every(({ reportAgeMs }) => reportAgeMs !== null);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }
}
