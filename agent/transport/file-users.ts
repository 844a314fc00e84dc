import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { inParallel } from "#shared/parallel.ts";
import { errorCode } from "./files.ts";

/** A descriptor's access mode in `/proc/…/fdinfo`: whatever is not read-only may write. */
const ACCESS_MASK = 0o3;
const PARALLEL = 32;

/**
 * Who on this host uses a file in a way that forbids to take it over: writes to it, holds a lock on it (as machines do on
 * their disks), or has made a block device of it. One sentence; null: nobody. Other hosts of a shared folder cannot be seen.
 */
export async function userOf(path: string): Promise<string | null> {
  return (await lockOn(path)) ?? (await loopOn(path)) ?? (await writerOf(path));
}

async function lockOn(path: string): Promise<string | null> {
  const { ino } = await stat(path);
  const locks = await readOrEmpty("/proc/locks");
  // The device is not compared: file systems with several subvolumes show another one there.
  const held = locks.split("\n").find((line) => new RegExp(` [0-9a-f]+:[0-9a-f]+:${ino} `).test(line));
  return held === undefined ? null : "a process holds a lock on it";
}

async function loopOn(path: string): Promise<string | null> {
  const real = await realpath(path);
  for (const device of await namesIn("/sys/block")) {
    if (!device.startsWith("loop")) continue;
    const backing = (await readOrEmpty(join("/sys/block", device, "loop/backing_file"))).trim();
    if (backing === real) return `/dev/${device} is made of it`;
  }
  return null;
}

async function writerOf(path: string): Promise<string | null> {
  const { dev, ino } = await stat(path);
  let writer: string | null = null;
  const processes = (await namesIn("/proc")).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  await inParallel(processes, PARALLEL, async (pid) => {
    for (const fd of await namesIn(`/proc/${pid}/fd`)) {
      if (writer !== null) return;
      const seen = await orNull(stat(`/proc/${pid}/fd/${fd}`));
      if (seen === null || seen.ino !== ino || seen.dev !== dev) continue;
      const flags = /^flags:\s*([0-7]+)$/m.exec(await readOrEmpty(`/proc/${pid}/fdinfo/${fd}`))?.[1] ?? "0";
      if ((Number.parseInt(flags, 8) & ACCESS_MASK) !== 0) writer = `process ${pid} has it open for writing`;
    }
  });
  return writer;
}

async function namesIn(folder: string): Promise<string[]> {
  return (await orNull(readdir(folder))) ?? [];
}

async function readOrEmpty(path: string): Promise<string> {
  return (await orNull(readFile(path, "utf8"))) ?? "";
}

/** Processes come and go while one looks, and some do not let themselves be looked at. */
async function orNull<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES", "EPERM", "ENOTDIR", "EINVAL"].includes(errorCode(error) ?? "")) return null;
    throw error;
  }
}
