import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BerthError } from "#shared/errors.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import { SealingKey } from "#shared/sealed.ts";
import { BerthClient, type SeenVolume, type WantedVolume } from "./berth-client.ts";
import { freePort } from "./free-port.ts";
import { type NatsCluster, startNatsCluster } from "./nats-cluster.ts";
import { type NatsServer, startNatsServer } from "./nats-server.ts";
import { HERE, type Place } from "./place.ts";
import { Program } from "./program.ts";
import { PROGRAMS, SHORT_SETTINGS } from "./programs.ts";
import { until } from "./until.ts";

/** Long enough for a busy machine to renew it in time. */
export const LEASE_MS = 3_000;
/** Three nats-servers that begin on a busy machine hold several elections of 8 s each. */
const LEADER_BOUND_MS = 60_000;

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
  readonly #parts: AsyncDisposableStack;
  #current = 0;

  private constructor(
    made: Pick<HaInstallation, "folder" | "natsServers" | "natsMonitorUrls" | "schedulers" | "agents">,
    parts: AsyncDisposableStack,
  ) {
    this.folder = made.folder;
    this.natsServers = made.natsServers;
    this.natsMonitorUrls = made.natsMonitorUrls;
    this.schedulers = made.schedulers;
    this.agents = made.agents;
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
    const environment = { ...SHORT_SETTINGS, BERTH_NATS_URL: nats.url, BERTH_DATA: folder, ...settings };
    const shared = {
      BERTH_LEDGER: "nats",
      BERTH_NATS_REPLICAS: String(natsServers),
      BERTH_LEASE_MS: String(LEASE_MS),
      BERTH_CATALOGUE: join(folder, "catalogue.json"),
      BERTH_SECRET_KEY_FILE: join(folder, "secret.key"),
    };
    const begun: Scheduler[] = [];
    for (let number = 1; number <= schedulers; number++) {
      const port = await freePort();
      const name = `scheduler-${number}`;
      const place = await placeOf(name);
      const reached = { BERTH_API_HOST: place.address, BERTH_API_PORT: String(port) };
      const own = { ...environment, ...shared, ...reached, BERTH_DATA: join(folder, name) };
      const program = parts.use(new Program({ name, file: PROGRAMS.scheduler, environment: own, place }));
      program.start();
      begun.push({
        program,
        client: parts.use(new BerthClient(`http://${place.address}:${port}`, await place.door(port))),
      });
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
    const made = new HaInstallation(
      {
        folder,
        natsServers: "servers" in nats ? nats.servers : [nats],
        natsMonitorUrls: "servers" in nats ? nats.monitorUrls : [],
        schedulers: begun,
        agents,
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

  /** Everybody's: of whoever answers. After a failure the next request goes to the next scheduler. */
  get client(): BerthClient {
    return this.#scheduler(this.#current).client;
  }

  /** As a careful client has it: connects to the next after a failure, and sends nothing twice by itself. */
  get anywhere(): Pick<BerthClient, "createVolume" | "deleteVolume"> {
    return {
      createVolume: (wanted: WantedVolume, headers?: Readonly<Record<string, string>>): Promise<SeenVolume> =>
        this.#orNext((client) => client.createVolume(wanted, headers)),
      deleteVolume: (id: string): Promise<void> => this.#orNext((client) => client.deleteVolume(id)),
    };
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

  async #orNext<T>(ask: (client: BerthClient) => Promise<T>): Promise<T> {
    try {
      return await ask(this.client);
    } catch (error) {
      this.#current = (this.#current + 1) % this.schedulers.length;
      throw error;
    }
  }

  #scheduler(index: number): Scheduler {
    const found = this.schedulers[index];
    if (found === undefined) throw new BerthError("E_NOT_FOUND", `there is no scheduler ${index}`);
    return found;
  }
}
