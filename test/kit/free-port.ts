import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { BerthError } from "#shared/errors.ts";

/** Below the ports that the system gives to outgoing connections: one of those could take it during a restart. */
const FIRST = 15_000;
const LAST = 30_000;
const TRIES = 100;

/** A loopback port that nobody listens on, for programs that must be told theirs and keep it over a restart. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < TRIES; tried++) {
    const port = randomInt(FIRST, LAST);
    if (await isFree(port)) return port;
  }
  throw new BerthError("E_PORT_TAKEN", `no free port was found between ${FIRST} and ${LAST}`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  await once(server.close(), "close");
  return true;
}
