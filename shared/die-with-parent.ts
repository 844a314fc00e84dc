import { existsSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

/** A program and its arguments, as `spawn` takes them. */
export interface CommandLine {
  readonly command: string;
  readonly args: readonly string[];
}

/** Where daemons are that a user's own PATH often leaves out. */
const DAEMON_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** PATH with the folders of daemons behind it. */
export function searchPath(path: string | undefined): string {
  return [path ?? "/usr/local/bin:/usr/bin:/bin", ...DAEMON_FOLDERS].join(delimiter);
}

/** The program's absolute path, or null when it is not installed. */
export function findProgram(name: string, path: string | undefined = process.env.PATH): string | null {
  if (isAbsolute(name)) return existsSync(name) ? name : null;
  for (const folder of searchPath(path).split(delimiter)) {
    const file = join(folder, name);
    if (folder !== "" && existsSync(file)) return file;
  }
  return null;
}

/**
 * The same command line, killed by the kernel as soon as its parent is gone, however that died (`kill -9` included).
 * It keeps its process id, for setpriv becomes the program. Without setpriv (not Linux) the command line stays as it is.
 */
export function dieWithParent(line: CommandLine): CommandLine {
  const setpriv = findProgram("setpriv");
  if (setpriv === null) return line;
  return { command: setpriv, args: ["--pdeathsig", "KILL", "--", line.command, ...line.args] };
}
