import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Type } from "typebox";
import { firstCatalogue } from "#deploy/dev/catalogue.ts";
import { dataFiles, prepareDataFolder } from "#deploy/dev/data-folder.ts";
import { writeNatsConfig } from "#deploy/dev/nats.ts";
import { DEV_AGENTS, devPrograms } from "#deploy/dev/programs.ts";
import { isReady, waitUntilReady } from "#deploy/dev/ready.ts";
import { LOOPBACK, type Settings } from "#deploy/dev/settings.ts";
import type { ProcessObserver } from "#deploy/dev/supervised-process.ts";
import { Supervisor } from "#deploy/dev/supervisor.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import { Nullable } from "#shared/model/nullable.ts";
import { parser } from "#shared/schema.ts";
import { memoryOfProcess, type ProcessMemory } from "#test/kit/process-memory.ts";
import { Child } from "./child.ts";
import { type ClientResult, type ClientTask, clientResult } from "./client-task.ts";
import { abandon, killedAtTheEnd, ROOT } from "./scratch.ts";

export const PROJECT = "bench";
export const ZONES = ["north", "south"];
const READY_DEADLINE_MS = 60_000;
const CLOCK_TICKS_PER_SECOND = 100;

const agentList = parser(
  Type.Object({
    agents: Type.Array(
      Type.Object({
        zone: Type.String(),
        backends: Type.Array(Type.Object({ name: Nullable(Type.String()), state: Type.String() })),
      }),
    ),
  }),
  "the list of agents",
);
const volumeList = parser(Type.Object({ volumes: Type.Array(Type.Unknown()) }), "the API's list");

type Done = Exclude<ClientResult, { failure: string }>;

/** Everything that `npm start -- --fake` runs, on free ports and in a folder of its own, and a client beside it. */
export class BerthSystem implements AsyncDisposable {
  readonly settings: Settings;
  /** Of the scheduler alone, beside what the launcher says. */
  readonly #scheduler: Readonly<Record<string, string>>;
  readonly #stack = new AsyncDisposableStack();
  readonly #supervisors: Supervisor[] = [];
  #client: Child | null = null;

  private constructor(settings: Settings, scheduler: Readonly<Record<string, string>>) {
    this.settings = settings;
    this.#scheduler = scheduler;
  }

  /** Prepares the folder and starts nothing. `edit` may change the catalogue of the fakes. */
  static async prepare(
    folder: string,
    edit = (catalogue: Catalogue): Catalogue => catalogue,
    scheduler: Readonly<Record<string, string>> = {},
  ): Promise<BerthSystem> {
    const dataPath = join(folder, "berth");
    mkdirSync(dataPath, { recursive: true });
    const [api = 0, nats = 0, iscsi = 0] = await freePorts(3);
    const ports = { BERTH_API_PORT: api, BERTH_NATS_PORT: nats, BERTH_ISCSI_PORT: iscsi };
    const settings: Settings = { root: ROOT, dataPath, fake: true, simulators: [], ports, logLevel: "info" };
    prepareDataFolder(dataPath);
    await writeNatsConfig(settings);
    writeFileSync(dataFiles(dataPath).catalogue, JSON.stringify(edit(firstCatalogue(dataPath, true)), null, 2));
    return new BerthSystem(settings, scheduler);
  }

  /** All processes, and waits until every agent and backend is up. */
  static async start(
    folder: string,
    edit?: (catalogue: Catalogue) => Catalogue,
    scheduler?: Readonly<Record<string, string>>,
  ): Promise<BerthSystem> {
    const system = await BerthSystem.prepare(folder, edit, scheduler);
    system.run(() => true);
    try {
      await system.untilUp();
      return system;
    } catch (error) {
      await system[Symbol.asyncDispose]();
      throw error;
    }
  }

  get origin(): string {
    return `http://${LOOPBACK}:${this.settings.ports.BERTH_API_PORT}`;
  }

  get natsUrl(): string {
    return `nats://${LOOPBACK}:${this.settings.ports.BERTH_NATS_PORT}`;
  }

  get ledgerFile(): string {
    return join(this.settings.dataPath, "ledger.sqlite");
  }

  /** Starts the programs that are wanted, by their names; they can be ended before the whole is. */
  run(wanted: (program: string) => boolean): Pick<Supervisor, "end"> {
    const supervisor = new Supervisor(
      devPrograms(this.settings)
        .filter(({ name }) => wanted(name))
        .map((program) =>
          program.name === "scheduler"
            ? { ...program, environment: { ...program.environment, ...this.#scheduler } }
            : program,
        ),
      observer,
    );
    supervisor.start();
    this.#supervisors.push(supervisor);
    const registered = killedAtTheEnd(supervisor);
    this.#stack.defer(async () => {
      await supervisor.end();
      registered.ended();
    });
    return supervisor;
  }

  /** Waits until every agent and all backends are up, those among them that were added since. */
  async untilUp(): Promise<void> {
    const missing = await waitUntilReady(
      {
        operatorUrl: `${this.origin}/berth/v1`,
        agentIds: DEV_AGENTS.map(({ id }) => id),
        deadlineMs: READY_DEADLINE_MS,
        backendsDeadlineMs: READY_DEADLINE_MS,
      },
      AbortSignal.timeout(2 * READY_DEADLINE_MS),
    );
    if (!isReady(missing)) throw new Error(`Berth did not come up: ${JSON.stringify(missing)}`);
  }

  /** Waits until each agent of the zone has it open: one is enough for it to be up, and another refuses work on it. */
  async untilOpen(zone: string, backend: string): Promise<void> {
    for (const startMs = performance.now(); performance.now() - startMs < READY_DEADLINE_MS; await pause(50)) {
      const answer = await fetch(`${this.origin}/berth/v1/agents`);
      const inZone = agentList.parse(await answer.json()).agents.filter((agent) => agent.zone === zone);
      if (inZone.every(({ backends }) => backends.some(({ name, state }) => name === backend && state === "open")))
        return;
    }
    throw new Error(`not every agent has ${backend} open`);
  }

  /** Waits until the scheduler answers a list of volumes. */
  async answers(): Promise<void> {
    const url = `${this.origin}/v3/${PROJECT}/volumes?limit=1`;
    for (const startMs = performance.now(); performance.now() - startMs < READY_DEADLINE_MS; await pause(5)) {
      const answer = await fetch(url).catch(() => null);
      await answer?.text();
      if (answer?.ok) return;
    }
    throw new Error("the scheduler does not answer");
  }

  /** How many volumes are in a status; no more than a page of them are counted. */
  async countInStatus(status: string): Promise<number> {
    const answer = await fetch(`${this.origin}/v3/${PROJECT}/volumes?status=${status}`);
    return volumeList.parse(await answer.json()).volumes.length;
  }

  /** Has the client's process do it. Throws what went wrong there. */
  async client(task: ClientTask): Promise<Done> {
    this.#client ??= this.#stack.use(new Child("client.ts", [this.origin, PROJECT]));
    this.#client.send(task);
    const result = await this.#client.next(clientResult);
    if ("failure" in result) throw new Error(`the client failed: ${result.failure}`);
    return result;
  }

  /** Processor time used so far, by program: the agents' is one sum. */
  processorMs(): ReadonlyMap<string, number> {
    const pids = this.#supervisors.flatMap((supervisor) => [...supervisor.pids]);
    if (this.#client !== null) pids.push(["client", this.#client.pid]);
    const sums = new Map<string, number>();
    for (const [name, pid] of pids) {
      const program = DEV_AGENTS.some(({ id }) => id === name) ? "agents" : name;
      sums.set(program, (sums.get(program) ?? 0) + processorMsOf(pid));
    }
    return sums;
  }

  /** Resident memory now, and the most it ever was. */
  memoryOf(program: string): ProcessMemory {
    const pid = this.#supervisors.flatMap((supervisor) => supervisor.pids.get(program) ?? [])[0];
    return memoryOfProcess(pid ?? -1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** What goes wrong is shown. */
const observer: ProcessObserver = {
  line(program, line) {
    if (/"level":[56]0/.test(line)) process.stderr.write(`${program.name}: ${line}\n`);
  },
  died(program, how) {
    abandon(`${program.name} ended unexpectedly (${how}): the figures would be worthless`);
  },
  gaveUp(program, how, lastLines) {
    abandon(`${program.name} does not run (${how}): ${lastLines.join("; ")}`);
  },
};

/** User and system time, from the kernel's own count. */
function processorMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the program's name in brackets, and may hold blanks: count from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND) * 1000;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, LOOPBACK));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === "object" ? (address?.port ?? 0) : 0;
  });
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}
