import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A bound for what hangs; Python alone takes seconds to start on a busy machine. */
const DEADLINE_MS = 90_000;
const MOST_OUTPUT_BYTES = 8 * 1024 ** 2;
/** Where Debian puts them, whatever else of the same name comes first. */
const DEBIAN = "/usr/bin";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Why a program cannot be run here; null: it can. */
export function clientMissing(name: string, debianPackage: string): string | null {
  return existsSync(join(DEBIAN, name)) ? null : `${name} is not installed (Debian: ${debianPackage})`;
}

/** Somebody else's command-line client, with a home folder of its own and nothing of the user's settings. */
export class ClientProgram implements AsyncDisposable {
  readonly #file: string;
  readonly #home: string;
  readonly #leading: readonly string[];
  readonly #environment: Readonly<Record<string, string>>;

  private constructor(file: string, home: string, leading: readonly string[], environment: Record<string, string>) {
    this.#file = file;
    this.#home = home;
    this.#leading = leading;
    this.#environment = environment;
  }

  /** `leading` goes before what each call says. */
  static async named(
    name: string,
    leading: readonly string[] = [],
    environment: Record<string, string> = {},
  ): Promise<ClientProgram> {
    const home = await mkdtemp(join(tmpdir(), "berth-client-"));
    return new ClientProgram(join(DEBIAN, name), home, leading, environment);
  }

  /** Whatever it ends with. */
  async run(...said: readonly string[]): Promise<Ran> {
    const options = {
      timeout: DEADLINE_MS,
      maxBuffer: MOST_OUTPUT_BYTES,
      env: { PATH: [DEBIAN, "/bin"].join(delimiter), HOME: this.#home, LC_ALL: "C.UTF-8", ...this.#environment },
    };
    try {
      const { stdout, stderr } = await run(this.#file, [...this.#leading, ...said], options);
      return { code: 0, out: stdout, err: stderr };
    } catch (error) {
      return failed(error);
    }
  }

  /** What it prints. Throws if it does not end well. */
  async tell(...said: readonly string[]): Promise<string> {
    const { code, out, err } = await this.run(...said);
    if (code !== 0) throw new Error(`${said.join(" ")} ended with ${code}: ${err}${out}`);
    return out;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#home, { recursive: true, force: true });
  }
}

function failed(error: unknown): Ran {
  const text = (key: string): string => String(Object.entries(Object(error)).find(([name]) => name === key)?.[1] ?? "");
  const code = Number(text("code"));
  return { code: Number.isInteger(code) ? code : -1, out: text("stdout"), err: text("stderr") || String(error) };
}

/** The rows of a table that is drawn with `|`, by its head. */
export function tableRows(text: string): Record<string, string>[] {
  const lines = text.split("\n").filter((line) => line.startsWith("|"));
  const [head = [], ...rows] = lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  return rows.map((cells) => Object.fromEntries(cells.map((cell, n) => [head[n] ?? "", cell])));
}

/** A table of two columns, Property and Value. */
export function tableOf(text: string): Record<string, string> {
  return Object.fromEntries(tableRows(text).map((row) => [row.Property ?? row.Field ?? "", row.Value ?? ""]));
}
