import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type FileHandle, open, rm } from "node:fs/promises";
import { dieWithParent, searchPath } from "#shared/die-with-parent.ts";
import type { Secret } from "#shared/secret.ts";
import { SECRET_ID } from "./qemu-image.ts";

const END_MS = 5_000;
const MAX_WORDS = 2_000;

/** A qemu-nbd that runs. It ends when its only connection does, when we say so, and with this process however that dies. */
export class QemuNbdProcess {
  readonly #child: ChildProcess;
  readonly #gone: Promise<unknown>;
  #words = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#gone = child.pid === undefined ? Promise.resolve() : once(child, "exit");
    child.on("error", (error) => {
      this.#words = error.message;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#words = `${this.#words}${text}`.slice(-MAX_WORDS);
    });
  }

  /** The secret goes by an open file without a name: neither an argument nor anything that a crash could leave holds it. */
  static async launch(args: readonly string[], secret: Secret | null, folder: string): Promise<QemuNbdProcess> {
    await using file = secret === null ? null : await namelessFile(`${folder}/secret`, secret);
    const secretArgs = file === null ? [] : ["--object", `secret,id=${SECRET_ID},file=/dev/fd/3`];
    const line = dieWithParent({ command: "qemu-nbd", args: [...secretArgs, ...args] });
    const child = spawn(line.command, line.args, {
      env: { PATH: searchPath(process.env.PATH), LC_ALL: "C" },
      stdio: ["ignore", "ignore", "pipe", ...(file === null ? [] : [file.fd])],
    });
    return new QemuNbdProcess(child);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get runs(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What it said last; for errors. */
  get words(): string {
    return this.#words.trim();
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Waits for its own end after its connection's; it is not waited for long. */
  async ended(): Promise<void> {
    const timer = setTimeout(() => this.kill(), END_MS);
    await this.#gone;
    clearTimeout(timer);
  }
}

/** An open file of ours that has no name any more when anybody could look for it. */
async function namelessFile(path: string, secret: Secret): Promise<FileHandle> {
  const file = await open(path, "wx+", 0o600);
  try {
    await rm(path);
    await file.writeFile(secret.reveal());
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
