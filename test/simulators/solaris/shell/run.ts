import { parseLine } from "./parse.ts";
import { type Loop, ShellSyntaxError, type SimpleCommand, type Step, type Word } from "./syntax.ts";

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** One program that is called; `args` without its own name. */
export interface Call {
  readonly program: string;
  readonly args: readonly string[];
  /** All of it; waits for its end, so only who reads it asks. */
  readonly stdin: StandardInput;
}

export type StandardInput = () => Promise<string>;

/** The small part of a file system that clients use: what they write into it. */
export interface ShellFiles {
  /** null: there is none. */
  read(path: string): string | null;
  write(path: string, text: string): void;
}

/** null: there is no such program. */
export type Programs = (call: Call) => Promise<Outcome | null>;

class Exit extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super("exit");
    this.exitCode = exitCode;
  }
}

/** One shell that lives for one command line, with the variables and arguments that it was started with. */
export class Shell {
  readonly #programs: Programs;
  readonly #files: ShellFiles;
  readonly #arguments: readonly string[];
  readonly #variables = new Map<string, string>();
  #lastExitCode = 0;
  readonly #stdin: StandardInput;
  #stdinTaken = false;

  constructor(programs: Programs, files: ShellFiles, stdin: StandardInput, args: readonly string[] = ["sh"]) {
    this.#programs = programs;
    this.#files = files;
    this.#arguments = args;
    this.#stdin = stdin;
  }

  async run(line: string): Promise<Outcome> {
    const told = { stdout: "", stderr: "" };
    try {
      await this.#steps(parseLine(line), told);
    } catch (error) {
      if (error instanceof Exit) return { ...told, exitCode: error.exitCode };
      if (!(error instanceof ShellSyntaxError)) throw error;
      return { ...told, stderr: `${told.stderr}sh: ${error.message}\n`, exitCode: 2 };
    }
    return { ...told, exitCode: this.#lastExitCode };
  }

  async #steps(steps: readonly Step[], told: { stdout: string; stderr: string }): Promise<void> {
    for (const { when, pipeline } of steps) {
      if (when === "succeeded" && this.#lastExitCode !== 0) continue;
      if (when === "failed" && this.#lastExitCode === 0) continue;
      const outcome = await this.#pipeline(pipeline);
      told.stdout += outcome.stdout;
      told.stderr += outcome.stderr;
      this.#lastExitCode = outcome.exitCode;
    }
  }

  async #loop({ name, over, body }: Loop): Promise<Outcome> {
    const told = { stdout: "", stderr: "" };
    for (const word of over.flatMap((one) => this.#expand(one))) {
      this.#variables.set(name, word);
      await this.#steps(body, told);
    }
    return { ...told, exitCode: this.#lastExitCode };
  }

  async #pipeline(commands: readonly (SimpleCommand | Loop)[]): Promise<Outcome> {
    let stderr = "";
    let last: Outcome = { stdout: "", stderr: "", exitCode: 0 };
    for (const [index, command] of commands.entries()) {
      const before = last.stdout;
      if ("body" in command) last = await this.#loop(command);
      else last = await this.#command(command, index === 0 ? () => this.#takeStdin() : async () => before);
      stderr += last.stderr;
    }
    return { ...last, stderr };
  }

  /** The first program that reads has what the client sent; who comes later finds it at its end. */
  async #takeStdin(): Promise<string> {
    if (this.#stdinTaken) return "";
    this.#stdinTaken = true;
    return await this.#stdin();
  }

  async #command({ assignments, words, redirections }: SimpleCommand, stdin: StandardInput): Promise<Outcome> {
    const args = words.flatMap((word) => this.#expand(word));
    if (args.length === 0)
      for (const { name, value } of assignments) this.#variables.set(name, this.#expand(value).join(" "));
    let input = stdin;
    for (const { how, file } of redirections) {
      if (how !== "read" || file === null) continue;
      const path = this.#expand(file).join(" ");
      const text = path === "/dev/null" ? "" : this.#files.read(path);
      if (text === null) return failed(`sh: ${path}: cannot open [No such file or directory]\n`, 1);
      input = async () => text;
    }
    const [program, ...rest] = args;
    const outcome = program === undefined ? DONE : await this.#call(program, rest, input);
    return this.#redirect(outcome, redirections);
  }

  async #call(program: string, args: readonly string[], stdin: StandardInput): Promise<Outcome> {
    if (program === "exit") throw new Exit(Number(args[0] ?? this.#lastExitCode));
    if (program === "sh" || program === "/bin/sh" || program === "/usr/bin/sh")
      return await this.#subshell(args, stdin);
    return (await this.#programs({ program, args, stdin })) ?? failed(`sh: ${program}: not found\n`, 127);
  }

  async #subshell(args: readonly string[], stdin: StandardInput): Promise<Outcome> {
    const [option, script, name = "sh", ...rest] = args;
    if (option !== "-c" || script === undefined) return failed("sh: only -c is simulated\n", 2);
    return await new Shell(this.#programs, this.#files, stdin, [name, ...rest]).run(script);
  }

  #redirect(outcome: Outcome, redirections: SimpleCommand["redirections"]): Outcome {
    let { stdout, stderr } = outcome;
    for (const { from, how, file } of redirections) {
      if (how === "read") continue;
      const text = from === "stderr" ? stderr : stdout;
      if (from === "stderr") stderr = "";
      else stdout = "";
      if (how === "to-stdout") stdout += text;
      else if (how === "to-stderr") stderr += text;
      else if (file !== null) this.#write(this.#expand(file).join(" "), text, how === "append");
    }
    return { ...outcome, stdout, stderr };
  }

  #write(path: string, text: string, append: boolean): void {
    if (path === "/dev/null") return;
    this.#files.write(path, append ? `${this.#files.read(path) ?? ""}${text}` : text);
  }

  /** None, one, or several words. */
  #expand({ parts, quoted }: Word): string[] {
    if (parts.length === 1 && parts[0]?.kind === "variable" && parts[0].name === "@") return this.#arguments.slice(1);
    const hasText = quoted || parts.some((part) => part.kind === "text");
    const [only, ...more] = parts.filter((part) => part.kind === "variable" || part.text !== "");
    if (only?.kind === "variable" && only.name === "@" && more.length === 0) return this.#arguments.slice(1);
    if (!hasText && parts.every((part) => part.kind === "variable" && !part.quoted))
      return parts
        .map((part) => this.#value(part))
        .join("")
        .split(/\s+/)
        .filter((word) => word !== "");
    return [parts.map((part) => this.#value(part)).join("")];
  }

  #value(part: Word["parts"][number]): string {
    if (part.kind === "text") return part.text;
    const { name } = part;
    if (name === "?") return String(this.#lastExitCode);
    if (name === "#") return String(this.#arguments.length - 1);
    if (name === "@") return this.#arguments.slice(1).join(" ");
    return /^\d+$/.test(name) ? (this.#arguments[Number(name)] ?? "") : (this.#variables.get(name) ?? "");
  }
}

export const DONE: Outcome = { stdout: "", stderr: "", exitCode: 0 };

export function said(stdout: string): Outcome {
  return { stdout, stderr: "", exitCode: 0 };
}

export function failed(stderr: string, exitCode: number): Outcome {
  return { stdout: "", stderr, exitCode };
}
