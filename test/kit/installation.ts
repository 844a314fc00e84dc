import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFailed } from "vitest";
import { BerthError } from "#shared/errors.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import { SealingKey } from "#shared/sealed.ts";
import { type ApiAccess, BerthClient } from "./berth-client.ts";
import { freePort } from "./free-port.ts";
import { type NatsServer, startNatsServer } from "./nats-server.ts";
import { Program } from "./program.ts";
import { commonSettings, PROGRAMS } from "./programs.ts";
import { startTgtd, type Tgtd } from "./tgtd.ts";
import { until } from "./until.ts";

export interface InstallationOptions {
  /** `folder`: the data folder, for backends that need a place. */
  readonly catalogue: (folder: string) => Catalogue;
  /** In each zone of the catalogue; `north-1`, `north-2`… */
  readonly agentsPerZone?: number;
  /** By their names in the environment, for all programs. */
  readonly settings?: Readonly<Record<string, string>>;
  /** With an iSCSI target, so that volumes can be connected. */
  readonly tgt?: boolean;
  /** Of an administrator, where the settings ask who one is. With a `ca` the API is spoken to by HTTPS. */
  readonly access?: ApiAccess;
}

/**
 * All of Berth as real processes on loopback, with a data folder of its own. `await using` ends all of it and removes
 * the folder. If the test fails, the logs are printed.
 */
export class Installation implements AsyncDisposable {
  readonly folder: string;
  readonly nats: NatsServer;
  readonly tgtd: Tgtd | null;
  readonly scheduler: Program;
  readonly client: BerthClient;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #agents = new Map<string, Program>();

  private constructor(parts: {
    readonly folder: string;
    readonly nats: NatsServer;
    readonly tgtd: Tgtd | null;
    readonly apiPort: number;
    readonly settings: Readonly<Record<string, string>>;
    readonly access: ApiAccess;
  }) {
    const { folder, nats, tgtd, apiPort, settings, access } = parts;
    this.folder = folder;
    this.nats = nats;
    this.tgtd = tgtd;
    this.#environment = { ...commonSettings(folder, nats.url), ...settings };
    this.scheduler = new Program({
      name: "scheduler",
      file: PROGRAMS.scheduler,
      environment: { ...this.#environment, BERTH_API_PORT: String(apiPort) },
    });
    const scheme = access.ca === undefined ? "http" : "https";
    this.client = new BerthClient(`${scheme}://127.0.0.1:${apiPort}`, undefined, access);
  }

  static async start({
    catalogue,
    agentsPerZone = 2,
    settings = {},
    tgt = false,
    access = {},
  }: InstallationOptions): Promise<Installation> {
    const folder = await mkdtemp(join(tmpdir(), "berth-system-"));
    const declared = catalogue(folder);
    await writeFile(join(folder, "catalogue.json"), JSON.stringify(declared, null, 2));
    await writeFile(join(folder, "secret.key"), SealingKey.generate(), { mode: 0o600 });
    await using started = new AsyncDisposableStack();
    started.defer(() => rm(folder, { recursive: true, force: true }));
    const nats = started.use(await startNatsServer());
    const tgtd = tgt ? started.use(await startTgtd()) : null;
    const installation = started.use(
      new Installation({ folder, nats, tgtd, apiPort: await freePort(), settings, access }),
    );
    installation.scheduler.start();
    for (const { name } of declared.zones)
      for (let number = 1; number <= agentsPerZone; number++) installation.addAgent(`${name}-${number}`, name);
    await installation.ready();
    started.move();
    return installation;
  }

  get catalogueFile(): string {
    return join(this.folder, "catalogue.json");
  }

  /** As it stands in the file. */
  async readCatalogue(): Promise<string> {
    return await readFile(this.catalogueFile, "utf8");
  }

  get agents(): ReadonlyMap<string, Program> {
    return this.#agents;
  }

  agent(id: string): Program {
    const agent = this.#agents.get(id);
    if (agent === undefined) throw new BerthError("E_NOT_FOUND", `there is no agent ${id}`);
    return agent;
  }

  /** One more, started. */
  addAgent(id: string, zone: string): Program {
    const agent = new Program({
      name: id,
      file: PROGRAMS.agent,
      environment: { ...this.#environment, ...targetSettings(this.tgtd), BERTH_ZONE: zone, BERTH_AGENT_ID: id },
    });
    this.#agents.set(id, agent);
    agent.start();
    return agent;
  }

  /** Everything that runs is up, and every backend in reach of an agent is reported, be it as down. */
  async ready(): Promise<void> {
    await until("everything up", async () => {
      const [agents, backends] = await Promise.all([this.client.agents(), this.client.backends()]);
      const up = agents.filter(({ state }) => state === "up");
      const running = [...this.#agents.values()].filter(({ isRunning }) => isRunning);
      return (
        running.every(({ name, pid }) => up.some((agent) => agent.id === name && agent.pid === pid)) &&
        backends.every(({ health, reportAgeMs }) => health === "agent-down" || reportAgeMs !== null)
      );
    });
  }

  /** For tests that share an installation: called before each, it prints the logs if that one fails. */
  tellLogsOnFailure(): void {
    onTestFailed(() => {
      for (const program of [this.scheduler, ...this.#agents.values()])
        process.stderr.write(`${program.lastWords()}\n`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#agents.values()) await agent[Symbol.asyncDispose]();
    await this.scheduler[Symbol.asyncDispose]();
    await this.client[Symbol.asyncDispose]();
    await this.tgtd?.[Symbol.asyncDispose]();
    await this.nats[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** For the test that runs: its logs are printed if it fails. */
export async function startInstallation(options: InstallationOptions): Promise<Installation> {
  const installation = await Installation.start(options);
  installation.tellLogsOnFailure();
  return installation;
}

/** tgtd listens at `<path>.<control port>`; its own programs and the agents are told the two apart. */
export function targetSettings(tgtd: Tgtd | null): Record<string, string> {
  if (tgtd === null) return {};
  const dot = tgtd.socketPath.lastIndexOf(".");
  return {
    BERTH_ISCSI_PORTAL: tgtd.portals.join(","),
    BERTH_TGT_CONTROL_PORT: tgtd.socketPath.slice(dot + 1),
    TGT_IPC_SOCKET: tgtd.socketPath.slice(0, dot),
  };
}
