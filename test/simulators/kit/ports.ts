import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { BerthError } from "#shared/errors.ts";

export const LOOPBACK = "127.0.0.1";

export function portOf(server: Pick<Server, "address">): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new BerthError("E_INTERNAL", "a TCP server has no port");
  return address.port;
}

export function loopbackUrl(scheme: "http" | "https", server: Pick<Server, "address">): string {
  return `${scheme}://${LOOPBACK}:${portOf(server)}`;
}

/**
 * The port to listen on: the one that is asked for, or, where that is 0, the one of the last time, so that whoever was
 * told it finds the simulator again. `name` tells a simulator's ports apart.
 */
export async function rememberedPort(dataFolder: string, name: string, asked: number): Promise<number> {
  if (asked !== 0) return asked;
  const file = join(dataFolder, `${name}.port`);
  const last = Number(await readFile(file, "utf8").catch(() => "0"));
  const port = (await freePort(last)) ?? (await freePort(0)) ?? 0;
  await writeFile(file, String(port));
  return port;
}

/** null: somebody has it. 0 asks for any. */
async function freePort(port: number): Promise<number | null> {
  const server = createServer();
  try {
    server.listen(port, LOOPBACK);
    await once(server, "listening");
  } catch {
    return null;
  }
  const found = portOf(server);
  await once(server.close(), "close");
  return found;
}
