import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { BerthError } from "#shared/errors.ts";
import type { Secret } from "#shared/secret.ts";
import { Deadline, withinDeadline } from "../deadline.ts";
import { type CallContext, DriverError } from "../drivers/driver.ts";
import { abortedError, assertMayChange, assertNotAborted } from "../transport/changing.ts";
import { errorCode } from "../transport/files.ts";
import { NbdClient } from "./nbd/client.ts";
import type { ExportFacts } from "./nbd/conversation.ts";
import { QemuNbdProcess } from "./qemu-nbd-process.ts";
import { endStaleWriters, exportNameOf, NAME_OPTION, READ_ONLY } from "./stale-writers.ts";

/** Opening an image takes milliseconds; a login at a target that is not there, up to its own limit. */
const START_MS = 60_000;
const LOOK_EVERY_MS = 5;

export interface ServedImage {
  /** In qemu's own words (`qemu-image.ts`). */
  readonly image: object;
  readonly writable: boolean;
  readonly secret: Secret | null;
}

/** An image that a qemu-nbd of our own serves to us alone. */
export interface Connected extends AsyncDisposable {
  readonly client: NbdClient;
  readonly facts: ExportFacts;
}

/** The socket is in a folder that only we may enter, and is gone as soon as we are connected. */
export async function serveImage(context: CallContext, { image, writable, secret }: ServedImage): Promise<Connected> {
  const name = exportNameOf(image);
  if (writable) await endStaleWriters(context, name);
  const folder = await mkdtemp(join(tmpdir(), `berth-copy-${process.pid}-`));
  try {
    const socketPath = join(folder, "nbd");
    const how = [...(writable ? [] : [READ_ONLY]), "--cache", "writeback", "--discard", "unmap", "--aio", "threads"];
    const args = [NAME_OPTION, name, "--socket", socketPath, ...how, `json:${JSON.stringify(image)}`];
    if (writable) assertMayChange(context);
    else assertNotAborted(context);
    const server = await QemuNbdProcess.launch(args, secret, folder);
    try {
      const { client, facts } = await connect(context.signal, server, socketPath, name);
      return watched(context.signal, server, client, facts);
    } catch (error) {
      server.kill();
      throw error;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function watched(signal: AbortSignal, server: QemuNbdProcess, client: NbdClient, facts: ExportFacts): Connected {
  const abort = (): void => {
    client.destroy(abortedError(signal));
    server.kill();
  };
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  return {
    client,
    facts,
    async [Symbol.asyncDispose]() {
      signal.removeEventListener("abort", abort);
      await client.close();
      await server.ended();
    },
  };
}

/** It listens at once and answers when it has opened the image; or it ends and says why it cannot. */
async function connect(signal: AbortSignal, server: QemuNbdProcess, socketPath: string, name: string) {
  const deadline = new Deadline(START_MS, [signal]);
  try {
    for (;;) {
      try {
        return await withinDeadline(NbdClient.connect(socketPath, name), deadline.signal, abortedError);
      } catch (error) {
        if (deadline.signal.aborted) throw error;
        const isEarly = ["ENOENT", "ECONNREFUSED"].includes(errorCode(error) ?? "");
        // Who hung up is about to end, with a word on why.
        if (!isEarly) await server.ended();
        if (!server.runs) throw couldNotOpen(server, error);
      }
      await pause(LOOK_EVERY_MS);
    }
  } finally {
    deadline.end();
  }
}

/** Nothing was written, but whether it can be opened at the next try nobody knows: the same backend is asked again. */
function couldNotOpen({ pid, words }: QemuNbdProcess, cause: unknown): Error {
  if (pid === undefined || /setpriv: failed to execute/.test(words))
    return new BerthError("E_MISSING_TOOL", "the program qemu-nbd is not installed on this host");
  return new DriverError("unknown", `qemu-nbd could not open an end of the copy: ${words}`, { cause });
}
