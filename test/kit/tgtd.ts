import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { dieWithParent, findProgram } from "#shared/die-with-parent.ts";
import { BerthError } from "#shared/errors.ts";

const START_DEADLINE_MS = 15_000;
const LOOPBACK = "127.0.0.1";
const CONTROL_PORT = 1;

/** A real tgtd on loopback, with its management socket in a folder of its own. `await using` ends it. */
export interface Tgtd extends AsyncDisposable {
  /** `host:port`, as initiators need it; two, so that hosts have more than one path. */
  readonly portals: readonly string[];
  readonly socketPath: string;
  readonly pid: number;
  /** The crash, and the only end: tgtd ignores SIGTERM while it has targets. All its targets go with it. */
  kill(): Promise<void>;
  /** Starts it again on the same portal and socket, empty. */
  restart(): Promise<void>;
}

/** Why tests that need iSCSI cannot run here, or null: for `describe.skipIf`. Says so once. */
export function iscsiMissing(): string | null {
  const missing = ["tgtd", "qemu-io", "iscsi-inq", "iscsi-readcapacity16"].filter(
    (program) => findProgram(program) === null,
  );
  if (missing.length === 0) return null;
  const reason = `not installed: ${missing.join(", ")} (sh deploy/install-packages.sh --with-tests installs them)`;
  if (!told) console.warn(`skipped: ${reason}`);
  told = true;
  return reason;
}
let told = false;

export async function startTgtd(): Promise<Tgtd> {
  const folder = await mkdtemp(join(tmpdir(), "berth-tgtd-"));
  const ipcPath = join(folder, "socket");
  const socketPath = `${ipcPath}.${CONTROL_PORT}`;
  const ports = [await freePort(), await freePort()];
  let child = await launch(ipcPath, socketPath, ports);
  return {
    portals: ports.map((port) => `${LOOPBACK}:${port}`),
    socketPath,
    get pid() {
      return child.pid ?? -1;
    },
    kill: () => kill(child),
    async restart() {
      await kill(child);
      child = await launch(ipcPath, socketPath, ports);
    },
    async [Symbol.asyncDispose]() {
      await kill(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function launch(ipcPath: string, socketPath: string, ports: readonly number[]): Promise<ChildProcess> {
  const program = findProgram("tgtd");
  if (program === null) throw new BerthError("E_MISSING_TOOL", iscsiMissing() ?? "tgtd is not installed");
  const portals = ports.map((port) => `portal=${LOOPBACK}:${port}`).join(",");
  const args = ["-f", "-C", String(CONTROL_PORT), "-t", "1", "--iscsi", portals];
  const line = dieWithParent({ command: program, args });
  const child = spawn(line.command, line.args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, TGT_IPC_SOCKET: ipcPath },
  });
  const words: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    words.push(text);
    if (words.length > 50) words.shift();
  });
  child.on("error", (error) => words.push(error.message));
  const deadlineMs = performance.now() + START_DEADLINE_MS;
  while (
    performance.now() < deadlineMs &&
    child.pid !== undefined &&
    child.exitCode === null &&
    child.signalCode === null
  ) {
    const listening = await Promise.all(ports.map((port) => listens({ host: LOOPBACK, port })));
    if (listening.every(Boolean) && (await listens({ path: socketPath }))) return child;
    await pause(10);
  }
  await kill(child);
  throw new BerthError("E_TIMEOUT", `tgtd did not come up: ${words.join("").trim().slice(-2000)}`);
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

async function listens(where: { path: string } | { host: string; port: number }): Promise<boolean> {
  const socket = connect({ ...where, timeout: 1000 });
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(1000) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** tgtd cannot take a free port by itself. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, LOOPBACK);
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new BerthError("E_INTERNAL", "a TCP server has no port");
  return address.port;
}
