import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";

/** Far more than anybody sends by mistake. */
const MAX_BYTES = 256 * 1024 ** 2;
const MAX_MS = 10_000;

/**
 * The body of an answer to a request that is not here whole yet. It is sent at once, and ends when the rest of the
 * request was read and thrown away: to hang up on a client that is still sending destroys the answer too, and it would
 * see a broken pipe in place of the reason. Who sends more than the bounds allow does see that.
 */
export function earlyAnswer(text: string, request: IncomingMessage): Readable {
  return Readable.from(sayThenRead(text, request), { objectMode: false });
}

async function* sayThenRead(text: string, request: IncomingMessage): AsyncGenerator<string> {
  yield text;
  await readToEnd(request);
}

async function readToEnd(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return;
  const { promise: through, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, MAX_MS);
  let bytes = 0;
  request.on("data", (chunk: Buffer | string) => {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) resolve();
  });
  for (const event of ["end", "close", "error"]) request.once(event, () => resolve());
  request.resume();
  await through;
  clearTimeout(timer);
}
