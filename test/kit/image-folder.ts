import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { TRIES_FOLDER } from "#agent/drivers/file/tries.ts";

/** All files of a backend's folder, and those in its small folder for what is not whole; both without that folder itself. */
export async function filesIn(folder: string): Promise<string[]> {
  const files = (await namesIn(folder)).filter((name) => name !== TRIES_FOLDER);
  const tries = await namesIn(join(folder, TRIES_FOLDER));
  return [...files, ...tries.map((name) => join(TRIES_FOLDER, name))].sort();
}

async function namesIn(folder: string): Promise<string[]> {
  return await readdir(folder).catch(() => []);
}
