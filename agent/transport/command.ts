import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { BerthError } from "#shared/errors.ts";
import type { Secret } from "#shared/secret.ts";
import type { CallContext } from "../drivers/driver.ts";
import { abortedError, assertMayChange, assertNotAborted } from "./changing.ts";

const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_MAX_OUTPUT_BYTES = 1024 ** 2;
/** How long a program may take to end by itself after SIGTERM. */
const TERMINATION_GRACE_MS = 2_000;
/** A grandchild may hold the pipes open after the program has ended: they are not waited for longer than this. */
const DRAIN_MS = 1_000;

export interface CommandOptions {
  /** Does it change anything on a backend? Then the job's lease is checked right before it starts. */
  readonly changes: boolean;
  /** Default 60 s. The job's own deadline ends it as well. */
  readonly timeoutMs?: number;
  /** Of each stream, default 1 MiB; a program that says more is ended. */
  readonly maxOutputBytes?: number;
  /** Exit codes that are answers and not failures; default only 0. */
  readonly answers?: readonly number[];
  /** Goes to its standard input. The only way for a secret: what is in an argument is in the process list. */
  readonly input?: string | Secret;
}

export interface CommandOutput {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of this host: an array of arguments, never a shell. */
export interface CommandRunner {
  /**
   * @throws CommandFailed when it failed, ran too long or said too much
   * @throws BerthError `E_MISSING_TOOL` when there is no such program
   * @throws DriverError `unknown` when the call was aborted
   * @throws LeaseLost when it would change something and the lease is gone
   */
  run(context: CallContext, program: string, args: readonly string[], options: CommandOptions): Promise<CommandOutput>;
}

/** A program that failed, with its own words. `exitCode` is null when it was ended from outside. */
export class CommandFailed extends BerthError {
  readonly exitCode: number | null;
  readonly stderr: string;

  constructor(program: string, args: readonly string[], what: string, exitCode: number | null, stderr: string) {
    const said = stderr.trim();
    super("E_COMMAND_FAILED", `${printable(program, args)} ${what}${said === "" ? "" : `: ${said.slice(0, 2000)}`}`);
    this.name = "CommandFailed";
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

export function createCommandRunner(): CommandRunner {
  return { run };
}

async function run(
  context: CallContext,
  program: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandOutput> {
  if (options.changes) assertMayChange(context);
  else assertNotAborted(context);
  const startedAt = performance.now();
  const child = spawn(program, args, { env: { PATH: searchPath(), LC_ALL: "C" }, stdio: ["pipe", "pipe", "pipe"] });
  const ended = await watch(context, child, options);
  context.log.debug(
    {
      command: printable(program, args),
      exitCode: ended.exitCode,
      durationMs: Math.round(performance.now() - startedAt),
    },
    "command ended",
  );
  if (ended.spawnError !== null) throw spawnFailed(program, ended.spawnError);
  if (context.signal.aborted) throw abortedError(context.signal);
  if (ended.stopped !== null) throw new CommandFailed(program, args, ended.stopped, null, ended.stderr);
  const { exitCode, stdout, stderr } = ended;
  if (exitCode === null) throw new CommandFailed(program, args, `was ended by ${ended.signal}`, null, stderr);
  if (!(options.answers ?? [0]).includes(exitCode))
    throw new CommandFailed(program, args, `ended with ${exitCode}`, exitCode, stderr);
  return { exitCode, stdout, stderr };
}

interface Ended {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Why we ended it, as the end of a sentence; null: it ended by itself. */
  readonly stopped: string | null;
  readonly spawnError: Error | null;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Follows the program to its end, and brings that end about when time or output run out. Never rejects. */
function watch(context: CallContext, child: Child, options: CommandOptions): Promise<Ended> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const maxOutputBytes = options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES;
  return new Promise((resolve) => {
    const timers = new Set<NodeJS.Timeout>();
    const after = (ms: number, act: () => void): void => void timers.add(setTimeout(act, ms));
    let stopped: string | null = null;
    let spawnError: Error | null = null;

    const stop = (why: string): void => {
      if (stopped !== null) return;
      stopped = why;
      child.kill("SIGTERM");
      after(TERMINATION_GRACE_MS, () => child.kill("SIGKILL"));
    };
    const abort = (): void => stop("was stopped");
    const tooMuch = (): void => stop(`was ended after more than ${maxOutputBytes} bytes of output`);
    const stdout = collect(child.stdout, maxOutputBytes, tooMuch);
    const stderr = collect(child.stderr, maxOutputBytes, tooMuch);

    context.signal.addEventListener("abort", abort, { once: true });
    after(timeoutMs, () => stop(`was ended after ${timeoutMs} ms`));
    child.on("error", (error) => {
      if (child.pid === undefined) spawnError = error;
    });
    child.on("exit", () =>
      after(DRAIN_MS, () => {
        child.stdout.destroy();
        child.stderr.destroy();
      }),
    );
    child.on("close", (exitCode, signal) => {
      for (const timer of timers) clearTimeout(timer);
      context.signal.removeEventListener("abort", abort);
      resolve({ exitCode, signal, stdout: stdout(), stderr: stderr(), stopped, spawnError });
    });
    // A program that does not read its input closes the pipe: its exit code tells what that means.
    child.stdin.on("error", () => {});
    child.stdin.end(typeof options.input === "string" ? options.input : (options.input?.reveal() ?? ""));
  });
}

/** Keeps the first `maxBytes` of a stream; the returned function gives the text. */
function collect(stream: Readable, maxBytes: number, tooMuch: () => void): () => string {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  stream.on("data", (chunk: Buffer) => {
    if (sizeBytes + chunk.length > maxBytes) tooMuch();
    if (sizeBytes < maxBytes) chunks.push(chunk.subarray(0, maxBytes - sizeBytes));
    sizeBytes += chunk.length;
  });
  return () => Buffer.concat(chunks).toString("utf8");
}

function spawnFailed(program: string, error: Error): BerthError {
  return "code" in error && error.code === "ENOENT"
    ? new BerthError("E_MISSING_TOOL", `the program ${program} is not installed on this host`, { cause: error })
    : new BerthError("E_COMMAND_FAILED", `${program} cannot be started`, { cause: error });
}

/** tgtd and mkfs live in sbin, which is not on everybody's path. */
function searchPath(): string {
  return `${process.env.PATH ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`;
}

function printable(program: string, args: readonly string[]): string {
  return [program, ...args.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : JSON.stringify(arg)))].join(" ");
}
