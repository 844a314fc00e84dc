import { type Call, DONE, failed, type Outcome, type ShellFiles, type StandardInput, said } from "./run.ts";

export interface RemovableFiles extends ShellFiles {
  remove(path: string): void;
}

/** The everyday programs between those of the storage system; each as far as clients use it. null: none of that name. */
export async function smallProgram(files: RemovableFiles, { program, args, stdin }: Call): Promise<Outcome | null> {
  switch (program.replace(/^(\/usr)?\/bin\//, "")) {
    case "true":
    case ":":
    case "umask":
    case "chmod":
    case "mkdir":
    case "trap":
      return DONE;
    case "false":
      return failed("", 1);
    case "echo":
      return said(`${args.join(" ")}\n`);
    case "cat":
      return await concatenated(files, args, stdin);
    case "rm":
      return removed(files, args);
    case "ln":
      return linked(files, args);
    case "test":
      return args[0] === "-f" && files.read(args[1] ?? "") !== null ? DONE : failed("", 1);
    case "grep":
      return filtered(args, await stdin());
    case "head":
      return said(
        linesOf(await stdin())
          .slice(0, Number(/^-n?(\d+)$/.exec(args.join(""))?.[1] ?? 10))
          .map(ended)
          .join(""),
      );
    case "tail":
      return said(
        linesOf(await stdin())
          .slice(-Number(/^-n?(\d+)$/.exec(args.join(""))?.[1] ?? 10))
          .map(ended)
          .join(""),
      );
    case "wc":
      return said(`${String(linesOf(await stdin()).length).padStart(8)}\n`);
    case "sort":
      return said(
        linesOf(await stdin())
          .sort()
          .map(ended)
          .join(""),
      );
    case "awk":
    case "nawk":
      return field(args, await stdin());
    default:
      return null;
  }
}

async function concatenated(files: ShellFiles, args: readonly string[], stdin: StandardInput): Promise<Outcome> {
  if (args.length === 0) return said(await stdin());
  let text = "";
  for (const path of args) {
    const read = path === "-" ? await stdin() : files.read(path);
    if (read === null) return failed(`cat: cannot open ${path}: No such file or directory\n`, 2);
    text += read;
  }
  return said(text);
}

function removed(files: RemovableFiles, args: readonly string[]): Outcome {
  const paths = args.filter((arg) => !arg.startsWith("-"));
  const forced = paths.length < args.length && args[0] === "-f";
  for (const path of paths) {
    if (files.read(path) === null && !forced) return failed(`rm: ${path}: No such file or directory\n`, 2);
    files.remove(path);
  }
  return DONE;
}

/** What is there already is not replaced. */
function linked(files: ShellFiles, args: readonly string[]): Outcome {
  const [from = "", to = ""] = args;
  const text = files.read(from);
  if (text === null) return failed(`ln: cannot access ${from}\n`, 2);
  if (files.read(to) !== null) return failed(`ln: ${to}: File exists\n`, 2);
  files.write(to, text);
  return DONE;
}

function filtered(args: readonly string[], stdin: string): Outcome {
  const options = args.filter((arg) => /^-[vi]+$/.test(arg)).join("");
  const pattern = args.find((arg) => !arg.startsWith("-"));
  if (pattern === undefined) return failed("grep: no pattern\n", 2);
  const matcher = new RegExp(pattern, options.includes("i") ? "i" : "");
  const kept = linesOf(stdin).filter((line) => matcher.test(line) !== options.includes("v"));
  return { ...said(kept.map(ended).join("")), exitCode: kept.length > 0 ? 0 : 1 };
}

/** `awk '[/pattern/] {print $N}'` and no more of it. */
function field(args: readonly string[], stdin: string): Outcome {
  const [, pattern, number] = /^\s*(?:\/(.*)\/)?\s*\{\s*print\s+\$(\d+)\s*;?\s*\}\s*$/.exec(args.at(-1) ?? "") ?? [];
  if (number === undefined) return failed("awk: this program is not simulated\n", 2);
  const matcher = new RegExp(pattern ?? "");
  const split = (line: string): string =>
    number === "0" ? line : (line.trim().split(/\s+/)[Number(number) - 1] ?? "");
  return said(
    linesOf(stdin)
      .filter((line) => matcher.test(line))
      .map(split)
      .map(ended)
      .join(""),
  );
}

function linesOf(text: string): string[] {
  const lines = text.split("\n");
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}

function ended(line: string): string {
  return `${line}\n`;
}
