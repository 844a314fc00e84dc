import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");

/** What must be killed before the folder can go. */
const running = new Set<{ kill(): void }>();

/** Whoever started processes says so, and says when they have ended. */
export function killedAtTheEnd(processes: { kill(): void }): { ended(): void } {
  running.add(processes);
  return { ended: () => running.delete(processes) };
}

/** Set while the folder stands. */
let removeFolder = (): void => undefined;

/**
 * A folder on the disk where `npm start` keeps its data: the system's folder for temporary files may be memory, on which
 * a flush costs nothing. It goes with this, and with a signal.
 */
export function openScratch(): { readonly folder: string } & Disposable {
  const parent = join(ROOT, ".berth");
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const folder = mkdtempSync(join(parent, "bench-"));
  removeFolder = () => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => abandon(null));
  return { folder, [Symbol.dispose]: () => removeFolder() };
}

/** Ends at once: kills what runs, removes the folder, and says why if there is something to say. */
export function abandon(why: string | null): never {
  for (const one of running) one.kill();
  removeFolder();
  if (why !== null) process.stderr.write(`${why}\n`);
  process.exit(why === null ? 130 : 1);
}
