import { createReadStream, existsSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { DataFiles } from "../kit/data-files.ts";
import { XenFailure } from "./failure.ts";

const ZEROS = Buffer.alloc(1024 ** 2);

/** The bytes of VDIs, by uuid: a file of its own for each that was ever written to. */
export class DiskData {
  readonly #files: DataFiles;

  constructor(files: DataFiles) {
    this.#files = files;
  }

  async branch(from: string, to: string): Promise<void> {
    if (this.#has(from)) await this.#files.copy(nameOf(from), nameOf(to));
  }

  async remove(uuid: string): Promise<void> {
    await this.#files.remove(nameOf(uuid));
  }

  async resize(uuid: string, sizeBytes: number): Promise<void> {
    if (this.#has(uuid)) await this.#files.setSize(nameOf(uuid), sizeBytes);
  }

  /** Raw bytes from the beginning on; what they do not reach is zeros. `accept` may refuse what it would take. */
  async write(
    uuid: string,
    sizeBytes: number,
    request: IncomingMessage,
    accept: (usedBytes: number) => void,
  ): Promise<void> {
    const draft = `${nameOf(uuid)}.import`;
    await this.#files.remove(draft);
    {
      await using file = await open(this.#files.path(draft), "w", 0o600);
      let at = 0;
      for await (const part of request) {
        const chunk = Buffer.from(part);
        if (at + chunk.length > sizeBytes) throw new XenFailure("VDI_TOO_SMALL", uuid, String(at + chunk.length));
        // Holes stay holes, so that what is taken is what was written.
        if (!chunk.equals(ZEROS.subarray(0, chunk.length))) await file.write(chunk, 0, chunk.length, at);
        at += chunk.length;
      }
      await file.truncate(sizeBytes);
    }
    accept(await this.#files.usedBytes(draft));
    await rename(this.#files.path(draft), this.#files.path(nameOf(uuid)));
  }

  /** All of it. */
  async read(uuid: string, sizeBytes: number, response: ServerResponse): Promise<void> {
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": sizeBytes });
    if (this.#has(uuid)) {
      createReadStream(this.#files.path(nameOf(uuid))).pipe(response);
      return;
    }
    for (let left = sizeBytes; left > 0; left -= ZEROS.length) {
      if (response.destroyed) return;
      if (!response.write(ZEROS.subarray(0, Math.min(left, ZEROS.length)))) await drained(response);
    }
    response.end();
  }

  #has(uuid: string): boolean {
    return existsSync(this.#files.path(nameOf(uuid)));
  }
}

function nameOf(uuid: string): string {
  return `vdi-${uuid}`;
}

async function drained(response: ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => {
    response.once("drain", resolve);
    response.once("close", resolve);
  });
}
