import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BerthError } from "#shared/errors.ts";
import { SealingKey } from "#shared/sealed.ts";

/** What stands where in the data folder. */
export function dataFiles(dataPath: string) {
  return {
    catalogue: join(dataPath, "catalogue.json"),
    secretKey: join(dataPath, "secret.key"),
    logs: join(dataPath, "logs"),
    natsConfig: join(dataPath, "nats-server.conf"),
    natsStore: join(dataPath, "nats"),
    tgtSocket: join(dataPath, "tgtd.socket"),
    simulators: join(dataPath, "simulators"),
    claim: join(dataPath, "launcher.pid"),
  } as const;
}

/** Makes the folder, its log folder, and the key that seals secrets; what is there stays as it is. */
export function prepareDataFolder(dataPath: string): void {
  const files = dataFiles(dataPath);
  try {
    mkdirSync(files.logs, { recursive: true, mode: 0o700 });
    chmodSync(dataPath, 0o700);
    // A crash in the middle must not leave half a key under the real name.
    if (!existsSync(files.secretKey)) {
      const draft = `${files.secretKey}.${process.pid}`;
      writeFileSync(draft, SealingKey.generate(), { mode: 0o600, flush: true });
      linkSync(draft, files.secretKey);
      rmSync(draft);
    }
  } catch (cause) {
    throw new BerthError(
      "E_CONFIG",
      `the data folder ${dataPath} cannot be used: set BERTH_DATA to a folder that you may write`,
      {
        cause,
      },
    );
  }
}

/** One running launcher a data folder. Call `release` at the end; after a crash the claim counts no more by itself. */
export interface Claim {
  release(): void;
}

/** Throws `E_CONFLICT`, naming the process, when another launcher runs on this folder. */
export function claimDataFolder(dataPath: string): Claim {
  const { claim } = dataFiles(dataPath);
  const mine = identity(process.pid);
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      writeFileSync(claim, mine, { flag: "wx", mode: 0o600 });
      return { release: () => releaseIfMine(claim, mine) };
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
    const holder = readIfThere(claim);
    if (holder !== null && isRunning(holder))
      throw new BerthError(
        "E_CONFLICT",
        `Berth already runs on the data folder ${dataPath} (process ${holder.split(" ")[0]}): end it, or set BERTH_DATA (and the ports) for a second one`,
      );
    rmSync(claim, { force: true });
  }
  throw new BerthError("E_CONFLICT", `another start on the data folder ${dataPath} is under way`);
}

function releaseIfMine(file: string, mine: string): void {
  if (readIfThere(file) === mine) rmSync(file, { force: true });
}

function isRunning(holder: string): boolean {
  const pid = Number(holder.split(" ")[0]);
  return Number.isInteger(pid) && pid > 0 && exists(pid) && holder === identity(pid);
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return isErrno(error, "EPERM");
  }
}

/** A process id alone may be another program's by now; with its start time (ticks since boot) it is that process. */
function identity(pid: number): string {
  const stat = readIfThere(`/proc/${pid}/stat`);
  // The second field is the program's name in brackets, and may hold blanks: count from behind it.
  const startTicks = stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  return `${pid} ${startTicks ?? "?"}`;
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
