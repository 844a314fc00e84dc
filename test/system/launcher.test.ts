import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { resolve } from "node:path";
import { Type } from "typebox";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { driverNames } from "#agent/drivers/registry.ts";
import { parser } from "#shared/schema.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { simulatorNames } from "#test/simulators/kit/kinds.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const WAIT = { timeout: 25_000, interval: 50 };

const backendList = parser(
  Type.Object({ backends: Type.Array(Type.Object({ name: Type.String(), health: Type.String() })) }),
);

interface Launched {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** null when a signal ended it. */
  readonly exitCode: Promise<number | null>;
}

/** Starts what `npm start -- --fake` starts once the set-up is done. */
function launch(environment: Readonly<Record<string, string>>, ...options: string[]): Launched {
  const child = spawn(process.execPath, ["deploy/dev/main.ts", "--fake", ...options], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  const exitCode = once(child, "close").then(([code]: unknown[]) => (typeof code === "number" ? code : null));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exitCode;
  });
  return { child, output: () => output, exitCode };
}

async function freePorts() {
  const servers = [0, 1, 2].map(() => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const [api, nats, iscsi] = servers.map((server) => {
    const address = server.address();
    return address === null || typeof address === "string" ? "" : String(address.port);
  });
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return { BERTH_API_PORT: api ?? "", BERTH_NATS_PORT: nats ?? "", BERTH_ISCSI_PORT: iscsi ?? "" };
}

/** Programs that a launcher started on this data folder: only they are told of the folder for fakes in it. */
function programsOn(dataPath: string): number[] {
  const pids = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  return pids.filter((pid) => {
    try {
      const told = readFileSync(`/proc/${pid}/environ`, "utf8") + readFileSync(`/proc/${pid}/cmdline`, "utf8");
      return told.includes(`${dataPath}/fake`);
    } catch {
      return false;
    }
  });
}

describe.skipIf(natsServerMissing() !== null)("npm start", () => {
  it("is ready, keeps a second one off its data, and on SIGTERM ends all that it started", async () => {
    const environment = { ...(await freePorts()), BERTH_DATA: temporaryFolder() };
    const first = launch(environment);
    await vi.waitFor(() => expect(first.output()).toContain("Berth is ready"), WAIT);
    expect(first.output()).toContain(`BERTH_API_PORT=${environment.BERTH_API_PORT} bin/berth volume create`);
    // nats-server, the scheduler and four agents.
    expect(programsOn(environment.BERTH_DATA)).toHaveLength(6);

    const second = launch({ ...environment, ...(await freePorts()) });
    expect(await second.exitCode).toBe(1);
    expect(second.output()).toMatch(/^berth: Berth already runs on the data folder .* \(process \d+\)[^\n]*\n$/);

    const other = launch({ ...environment, BERTH_DATA: temporaryFolder() });
    expect(await other.exitCode).toBe(1);
    expect(other.output()).toMatch(/^berth: port \d+ is taken[^\n]* set BERTH_\w+_PORT to a free port\n$/);

    first.child.kill("SIGTERM");
    expect(await first.exitCode).toBe(0);
    expect(programsOn(environment.BERTH_DATA)).toEqual([]);
  });

  it("leaves nothing running when it is killed itself, and starts again on the same data", async () => {
    const environment = { ...(await freePorts()), BERTH_DATA: temporaryFolder() };
    const first = launch(environment);
    await vi.waitFor(() => expect(first.output()).toContain("Berth is ready"), WAIT);
    first.child.kill("SIGKILL");
    await vi.waitFor(() => expect(programsOn(environment.BERTH_DATA)).toEqual([]), WAIT);

    const second = launch(environment);
    await vi.waitFor(() => expect(second.output()).toContain("Berth is ready"), WAIT);
    second.child.kill("SIGINT");
    expect(await second.exitCode).toBe(0);
    expect(programsOn(environment.BERTH_DATA)).toEqual([]);
  });

  const simulated = simulatorNames().filter((name) => driverNames().includes(name));
  it.skipIf(simulated.length === 0)("starts simulated systems beside, each with a backend that is up", async () => {
    const environment = { ...(await freePorts()), BERTH_DATA: temporaryFolder() };
    const launched = launch(environment, ...simulated.flatMap((name) => ["--with", name]));
    await vi.waitFor(() => expect(launched.output()).toContain("Berth is ready"), WAIT);
    const up = async (): Promise<string> => {
      const answer = await fetch(`http://127.0.0.1:${environment.BERTH_API_PORT}/berth/v1/backends`);
      const { backends } = backendList.parse(await answer.json());
      return backends.flatMap(({ name, health }) => (health === "up" ? [name] : [])).join(" ");
    };
    await vi.waitFor(async () => {
      for (const name of simulated) expect(await up()).toContain(`north-${name}`);
    }, WAIT);
    launched.child.kill("SIGTERM");
    expect(await launched.exitCode).toBe(0);
    expect(programsOn(environment.BERTH_DATA)).toEqual([]);
  });
});
