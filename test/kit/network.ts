import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { type CommandLine, dieWithParent, findProgram } from "#shared/die-with-parent.ts";
import { BerthError } from "#shared/errors.ts";
import type { Place } from "./place.ts";

const DOOR = resolve(import.meta.dirname, "door.ts");
const SUBNET = "10.213.0";
/** Nobody's: what is sent to it is lost without a word. */
const NOBODY = "02:00:00:00:00:fe";
const COMMAND_LIMIT_MS = 10_000;

/** Why no networks can be made here, or null: for `describe.skipIf`. Says so once. */
export function networksMissing(): string | null {
  missing ??= whyMissing();
  if (missing !== "" && !told) console.warn(`skipped: ${missing}`);
  told = true;
  return missing === "" ? null : missing;
}
let missing: string | null = null;
let told = false;

function whyMissing(): string {
  for (const program of ["ip", "unshare", "nsenter"])
    if (findProgram(program) === null) return `networks that can be cut need \`${program}\` (iproute2, util-linux)`;
  try {
    const script = "ip link add br0 type bridge && ip link add veth0 type veth peer name veth1";
    execFileSync("unshare", ["--net", "sh", "-c", script], { stdio: "pipe", timeout: COMMAND_LIMIT_MS });
    return "";
  } catch {
    return "networks that can be cut need root, and a kernel that lets it make network namespaces";
  }
}

/** A network namespace that lasts as long as the process that holds it: nothing is left of it, however the test ends. */
class Namespace {
  readonly pid: number;
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess, pid: number) {
    this.#holder = holder;
    this.pid = pid;
  }

  static async make(): Promise<Namespace> {
    const { command, args } = dieWithParent({
      command: "unshare",
      args: ["--net", "sh", "-c", "echo made; exec sleep infinity"],
    });
    const holder = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    if (holder.stdout === null || holder.pid === undefined) throw new BerthError("E_MISSING_TOOL", "no namespace");
    await once(holder.stdout, "data", { signal: AbortSignal.timeout(COMMAND_LIMIT_MS) });
    const made = new Namespace(holder, holder.pid);
    await made.run("ip", "link", "set", "lo", "up");
    return made;
  }

  inside({ command, args }: CommandLine): CommandLine {
    return { command: "nsenter", args: [`--net=/proc/${this.pid}/ns/net`, "--", command, ...args] };
  }

  async run(command: string, ...args: readonly string[]): Promise<void> {
    const line = this.inside({ command, args });
    await promisify(execFile)(line.command, [...line.args], { timeout: COMMAND_LIMIT_MS });
  }

  end(): void {
    this.#holder.kill("SIGKILL");
  }
}

/** A machine of its own on a network, as far as the network goes. */
export class Host implements Place {
  readonly address: string;
  readonly #namespace: Namespace;
  readonly #hub: Namespace;
  readonly #link: string;
  readonly #folder: string;
  readonly #parts: AsyncDisposableStack;

  constructor(number: number, namespace: Namespace, hub: Namespace, folder: string, parts: AsyncDisposableStack) {
    this.address = addressOf(number);
    this.#link = linkOf(number);
    this.#namespace = namespace;
    this.#hub = hub;
    this.#folder = folder;
    this.#parts = parts;
  }

  inside(line: CommandLine): CommandLine {
    return this.#namespace.inside(line);
  }

  async door(port: number): Promise<string> {
    const path = join(this.#folder, `${this.#link}-${port}.sock`);
    const { command, args } = dieWithParent(
      this.inside({ command: process.execPath, args: [DOOR, path, this.address, String(port)] }),
    );
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.#parts.defer(() => void child.kill("SIGKILL"));
    if (child.stdout === null) throw new BerthError("E_INTERNAL", "a door without a voice");
    await once(child.stdout, "data", { signal: AbortSignal.timeout(COMMAND_LIMIT_MS) });
    return path;
  }

  /** Pulls its cable. */
  async unplug(): Promise<void> {
    await this.#hub.run("ip", "link", "set", this.#link, "down");
  }

  async plug(): Promise<void> {
    await this.#hub.run("ip", "link", "set", this.#link, "up");
  }

  /** What it sends to the other is lost from here on, and what the other sends still arrives: a half-open link. */
  async loseAllTo(other: Host): Promise<void> {
    await this.#namespace.run("ip", "neigh", "replace", other.address, "lladdr", NOBODY, "dev", "eth0");
  }

  async reachAgain(other: Host): Promise<void> {
    await this.#namespace.run("ip", "neigh", "del", other.address, "dev", "eth0");
  }
}

/** Machines on one wire, each a network namespace, with links that can be cut. `await using` ends all of it. */
export class Network implements AsyncDisposable {
  readonly #parts: AsyncDisposableStack;
  readonly #hub: Namespace;
  readonly #folder: string;
  #hosts = 0;

  private constructor(parts: AsyncDisposableStack, hub: Namespace, folder: string) {
    this.#parts = parts;
    this.#hub = hub;
    this.#folder = folder;
  }

  static async make(): Promise<Network> {
    await using parts = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), "berth-net-"));
    parts.defer(() => rm(folder, { recursive: true, force: true }));
    const hub = parts.adopt(await Namespace.make(), (made) => made.end());
    await hub.run("ip", "link", "add", "br0", "type", "bridge");
    await hub.run("ip", "link", "set", "br0", "up");
    return new Network(parts.move(), hub, folder);
  }

  async host(): Promise<Host> {
    const number = ++this.#hosts;
    const own = this.#parts.adopt(await Namespace.make(), (made) => made.end());
    const link = linkOf(number);
    await this.#hub.run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", String(own.pid));
    await this.#hub.run("ip", "link", "set", link, "master", "br0", "up");
    await own.run("ip", "address", "add", `${addressOf(number)}/24`, "dev", "eth0");
    await own.run("ip", "link", "set", "eth0", "up");
    return new Host(number, own, this.#hub, this.#folder, this.#parts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }
}

function addressOf(number: number): string {
  return `${SUBNET}.${number}`;
}

function linkOf(number: number): string {
  return `host-${number}`;
}
