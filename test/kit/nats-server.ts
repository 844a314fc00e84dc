import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Static, Type } from "typebox";
import { dieWithParent, findProgram } from "#shared/die-with-parent.ts";
import { BerthError } from "#shared/errors.ts";
import { parser } from "#shared/schema.ts";
import { HERE, type Place } from "./place.ts";

const START_DEADLINE_MS = 15_000;
const END_DEADLINE_MS = 10_000;

export interface NatsServerOptions {
  /** JetStream's folder; without it one of the server's own, removed at the end. */
  readonly storeDir?: string;
  /** Without it a free one. */
  readonly port?: number;
  /** A configuration file to include: users, permissions. */
  readonly configFile?: string;
  /** For what the configuration takes from the environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Without it here. */
  readonly place?: Place;
}

/** A real nats-server with JetStream on loopback. `await using` ends it and removes what is its own. */
export interface NatsServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  readonly storeDir: string;
  /** Ends it; resolves when it is gone. `SIGKILL` is the crash. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Ends it if it runs, then starts it on the same port and store; resolves when it answers. */
  restart(signal?: NodeJS.Signals): Promise<void>;
}

/** Why tests that need a nats-server cannot run here, or null: for `describe.skipIf`. Says so once. */
export function natsServerMissing(): string | null {
  if (findProgram("nats-server") !== null) return null;
  const reason = "nats-server is not installed (sh deploy/install-packages.sh --with-tests installs it)";
  if (!told) console.warn(`skipped: ${reason}`);
  told = true;
  return reason;
}
let told = false;

/** Starts one and waits until it answers. Throws `E_MISSING_TOOL`, or `E_TIMEOUT` with the server's last words. */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const folder = await mkdtemp(join(tmpdir(), "berth-nats-"));
  const storeDir = options.storeDir ?? join(folder, "store");
  const { place = HERE } = options;
  const own = { ...options, place, storeDir, folder };
  let running = await launch({ ...own, port: options.port ?? null });
  const { port } = running;
  return {
    port,
    url: `nats://${place.address}:${port}`,
    storeDir,
    get pid() {
      return running.pid;
    },
    kill: (signal = "SIGTERM") => end(running.child, signal),
    async restart(signal = "SIGTERM") {
      await end(running.child, signal);
      running = await launch({ ...own, port });
    },
    async [Symbol.asyncDispose]() {
      await end(running.child, "SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly port: number;
}

interface LaunchOptions {
  readonly folder: string;
  readonly storeDir: string;
  /** null: the server takes a free one itself, so that no other program can take it in between. */
  readonly port: number | null;
  readonly configFile?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly place: Place;
}

async function launch(options: LaunchOptions): Promise<Running> {
  const program = findProgram("nats-server");
  if (program === null) throw new BerthError("E_MISSING_TOOL", natsServerMissing() ?? "nats-server is not installed");
  const args = [
    "--addr",
    options.place.address,
    "--port",
    String(options.port ?? -1),
    "--jetstream",
    "--store_dir",
    options.storeDir,
  ];
  const config = options.configFile === undefined ? [] : ["--config", options.configFile];
  const own = { command: program, args: [...args, "--ports_file_dir", options.folder, ...config] };
  const line = dieWithParent(options.place.inside(own));
  const child = spawn(line.command, line.args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ...options.environment },
  });
  const words = lastWords(child);
  // A spawn that fails has no pid; its error is told by the wait below.
  child.on("error", (error) => words.push(error.message));
  const pid = child.pid ?? -1;
  const deadlineMs = performance.now() + START_DEADLINE_MS;
  while (performance.now() < deadlineMs && child.exitCode === null && child.signalCode === null && pid !== -1) {
    // Its own file, and not merely an answer on the port: another server may hold that.
    const port = await portOf(join(options.folder, `nats-server_${pid}.ports`));
    if (port !== null && (options.place !== HERE || (await answers(port)))) return { child, pid, port };
    await pause(10);
  }
  await end(child, "SIGKILL");
  throw new BerthError("E_TIMEOUT", `nats-server did not come up: ${words.join("").trim().slice(-2000)}`);
}

function lastWords(child: ChildProcess): string[] {
  const words: string[] = [];
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    words.push(text);
    if (words.length > 50) words.shift();
  });
  return words;
}

const PortsFile = Type.Object({ nats: Type.Array(Type.String(), { minItems: 1 }) });
const portsFile = parser(PortsFile, "nats-server's ports file");

/** The port that the server wrote down, or null as long as it has not, or not wholly. */
async function portOf(file: string): Promise<number | null> {
  let content: Static<typeof PortsFile>;
  try {
    content = portsFile.parse(JSON.parse(await readFile(file, "utf8")));
  } catch {
    return null;
  }
  const url = content.nats[0];
  return url === undefined ? null : Number(new URL(url).port);
}

/** The server greets each client with INFO, and listens only once JetStream is there. */
async function answers(port: number): Promise<boolean> {
  const socket = connect({ host: HERE.address, port, timeout: 1000 });
  try {
    const [greeting]: unknown[] = await once(socket, "data", { signal: AbortSignal.timeout(1000) });
    return String(greeting).startsWith("INFO ");
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit", { signal: AbortSignal.timeout(END_DEADLINE_MS) });
  child.kill(signal);
  try {
    await gone;
  } catch {
    const killed = once(child, "exit");
    child.kill("SIGKILL");
    await killed;
  }
}
