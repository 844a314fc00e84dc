import { DriverError } from "../drivers/driver.ts";
import type { BlockEnd } from "./block-end.ts";
import { NbdRefusal } from "./nbd/conversation.ts";
import type { Connected } from "./qemu-nbd.ts";

/** An end of a copy behind an NBD server; what goes wrong there becomes a failure that says what it left. */
export async function nbdEnd(connected: Connected, writable: boolean): Promise<BlockEnd> {
  const { client, facts } = connected;
  if (writable && facts.readOnly) {
    await connected[Symbol.asyncDispose]();
    throw new DriverError("not-done", "the target of the copy can only be read");
  }
  return {
    sizeBytes: facts.sizeBytes,
    keeps: true,
    read: (into, offset) => told("read", client.read(into, offset)),
    write: (data, offset) => told("write", client.write(data, offset)),
    writeZeroes: (offset, lengthBytes) => told("write zeros", client.writeZeroes(offset, lengthBytes)),
    flush: () => told("flush", client.flush()),
    extents: (offset, lengthBytes) => told("ask for the holes", client.blockStatus(offset, lengthBytes)),
    [Symbol.asyncDispose]: () => connected[Symbol.asyncDispose](),
  };
}

async function told<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof DriverError) throw error;
    const noSpace = error instanceof NbdRefusal && error.noSpace;
    const message = noSpace ? "no space left at the target of the copy" : `the copy could not ${what}`;
    throw new DriverError(noSpace ? "no-space" : "unknown", message, { cause: error });
  }
}
