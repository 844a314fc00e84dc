import { open } from "node:fs/promises";

/** Brings a folder's own list of names to the disk: without it a power cut could take a new or renamed file away. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
