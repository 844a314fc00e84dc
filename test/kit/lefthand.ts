import { join } from "node:path";
import { Type } from "typebox";
import { onTestFinished } from "vitest";
import { type CallContext, type Driver, DriverError } from "#agent/drivers/driver.ts";
import { cliqQuoting } from "#agent/drivers/lefthand/cliq.ts";
import { createDriver } from "#agent/drivers/registry.ts";
import { Credentials } from "#agent/transport/credentials.ts";
import type { SshOutput } from "#agent/transport/ssh/connection.ts";
import { createSshRunner } from "#agent/transport/ssh/runner.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { parser } from "#shared/schema.ts";
import { Secret } from "#shared/secret.ts";
import type { ReadyLine } from "#test/simulators/kit/simulator.ts";
import { type StartedSimulator, startSimulator } from "#test/simulators/kit/start.ts";
import { simulator } from "#test/simulators/lefthand/simulator.ts";
import { backendRecord, callContext, driverTools } from "./driver-context.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const Named = Type.Array(Type.Object({ name: Type.String() }));
const standing = parser(Type.Object({ volumes: Named, snapshots: Named, servers: Named }));

/** A simulated management group, with what tests do to it. It goes when the test ends, or when it is said. */
export interface LeftHandStand {
  readonly simulator: StartedSimulator;
  readonly folder: string;
  /** An open driver on it, as one agent has it. */
  agent(parameters?: Backend["parameters"], context?: CallContext): Promise<Driver>;
  /** What an administrator types, and what comes of it. */
  cliq(...words: string[]): Promise<SshOutput>;
  /** Nothing stands there any more. */
  wipe(): Promise<void>;
}

export interface StandOptions {
  readonly capacityGib?: number;
  readonly iscsi?: boolean;
  readonly folder?: string;
  /** Who is told what to end, and when; default: the test that runs. */
  readonly atEnd?: (end: () => Promise<void> | void) => void;
}

export async function leftHandStand(options: StandOptions = {}): Promise<LeftHandStand> {
  const { capacityGib = 10, iscsi = false, folder = temporaryFolder(), atEnd = onTestFinished } = options;
  const running = await startSimulator(simulator, { dataFolder: join(folder, "array"), capacityGib, iscsi });
  atEnd(async () => await running[Symbol.asyncDispose]());
  const { backend } = running.ready;
  const shell = cliqOf(running.ready);
  atEnd(async () => await shell[Symbol.asyncDispose]());
  const cliq = shell.run;
  return {
    simulator: running,
    folder,
    async agent(parameters = {}, context = callContext()) {
      const record = backendRecord("lefthand", { ...backend.parameters, ...parameters });
      const driver = createDriver({ backend: record, tools: driverTools(folder) });
      atEnd(() => driver.close());
      await driver.open(context);
      return driver;
    },
    cliq,
    async wipe() {
      const { volumes, snapshots, servers } = standing.parse(running.running.objects());
      for (const [verb, parameter, all] of [
        ["deleteVolume", "volumeName", volumes],
        ["deleteSnapshot", "snapshotName", snapshots],
        ["deleteServer", "serverName", servers],
      ] as const)
        if (all.length > 0) await cliq(verb, `${parameter}=${all.map(({ name }) => name).join(";")}`, "prompt=0");
    },
  };
}

/** An administrator at the command line, whose commands may fail. */
export function cliqOf(ready: ReadyLine): AsyncDisposable & { run(...words: string[]): Promise<SshOutput> } {
  const { username = "", password = "" } = ready.credentials;
  const shell = createSshRunner(
    {
      host: "127.0.0.1",
      port: Number(ready.backend.parameters.san_ssh_port),
      credentials: new Credentials(async () => ({ login: username, password: new Secret(password), privateKey: null })),
      hostKey: String(ready.backend.parameters.san_ssh_host_key),
      maxConcurrentCalls: 4,
      tries: 1,
      quoting: cliqQuoting,
    },
    "/nowhere",
  );
  return {
    run: (...words) => shell.run(callContext(), words, { changes: false, answers: "all" }),
    [Symbol.asyncDispose]: async () => shell.close(),
  };
}

/** What a call of a driver's ended in: its result, or the outcome of its failure. */
export async function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof DriverError) return error.outcome;
    throw error;
  }
}
