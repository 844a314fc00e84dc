import { stat } from "node:fs/promises";
import { Type } from "typebox";
import { crashPoint } from "#shared/crash-point.ts";
import { Bytes } from "#shared/model/names.ts";
import { parser } from "#shared/schema.ts";
import type { CommandRunner } from "../../transport/command.ts";
import { appendNow, createSparse, readTail, reflink, removeNow, statOrNull } from "../../transport/files.ts";
import type { CallContext } from "../driver.ts";
import { COPY_TIMEOUT_MS, copyAtRest } from "./copy.ts";
import type { ImageFormatName } from "./mark.ts";
import { footerScratch } from "./tries.ts";

/** How the images of one format are made. Nothing here decides whether they may be made, or under which name. */
export interface ImageFormat {
  /** Can a target serve the file as it is? */
  readonly exportable: boolean;
  create(context: CallContext, path: string, sizeBytes: number): Promise<void>;
  /** A copy in its own right, `sizeBytes` large, which is at least the original's size. */
  copy(context: CallContext, from: string, to: string, sizeBytes: number): Promise<void>;
  /** At that size or larger already: nothing. An initiator may be writing meanwhile. */
  grow(context: CallContext, path: string, sizeBytes: number): Promise<void>;
  /** At that size or smaller already: nothing. For what nobody has written to since it was grown. */
  shrink(context: CallContext, path: string, sizeBytes: number): Promise<void>;
  beforeExport(context: CallContext, path: string): Promise<void>;
  afterExport(context: CallContext, path: string): Promise<void>;
}

export interface FormatOptions {
  readonly command: CommandRunner;
  /** Space is taken at creation. Shared blocks are not one's own: then nothing is reflinked. */
  readonly thick: boolean;
  readonly reflinks: boolean;
}

export function imageFormat(name: ImageFormatName, options: FormatOptions): ImageFormat {
  switch (name) {
    case "raw":
      return new RawFormat(options);
    case "vhd":
      return new VhdFormat(options);
    case "qcow2":
      return new Qcow2Format(options);
  }
}

class RawFormat implements ImageFormat {
  readonly exportable = true;
  readonly #options: FormatOptions;

  constructor(options: FormatOptions) {
    this.#options = options;
  }

  async create(context: CallContext, path: string, sizeBytes: number): Promise<void> {
    const { thick } = this.#options;
    await createSparse(context, path, thick ? 0 : sizeBytes);
    if (thick) await this.grow(context, path, sizeBytes);
  }

  async copy(context: CallContext, from: string, to: string, sizeBytes: number): Promise<void> {
    const { command, thick, reflinks } = this.#options;
    if (reflinks && !thick) await reflink(context, from, to);
    else await copyAtRest(context, command, from, to, ["-f", "raw", "-O", "raw", ...(thick ? ["-S", "0"] : [])]);
    await this.grow(context, to, sizeBytes);
  }

  async grow(context: CallContext, path: string, sizeBytes: number): Promise<void> {
    if ((await stat(path)).size >= sizeBytes) return;
    const { command, thick } = this.#options;
    if (!thick) return await atLeast(context, command, path, sizeBytes);
    const args = ["resize", "-q", "-f", "raw", "--preallocation=falloc", path, String(sizeBytes)];
    await command.run(context, "qemu-img", args, { changes: true, timeoutMs: COPY_TIMEOUT_MS });
  }

  async shrink(context: CallContext, path: string, sizeBytes: number): Promise<void> {
    if ((await stat(path)).size <= sizeBytes) return;
    await this.#options.command.run(context, "truncate", [`--size=<${sizeBytes}`, "--", path], { changes: true });
  }

  async beforeExport(): Promise<void> {}
  async afterExport(): Promise<void> {}
}

/**
 * By a program, for a call of our own waits in a queue: an agent that is paused meanwhile would do it when it wakes. What
 * it says is to be harmless all the same: another agent may have made the file larger, and that must not be cut off.
 */
async function atLeast(context: CallContext, command: CommandRunner, path: string, sizeBytes: number): Promise<void> {
  await command.run(context, "truncate", [`--size=>${sizeBytes}`, "--", path], { changes: true });
}

const FOOTER_BYTES = 512;
const MIB = 1024 ** 2;

/**
 * A fixed VHD is its data, then a footer of 512 bytes. A target would serve the footer as the disk's end, so while
 * the image is exported the footer is off, and at rest it is on. Which of the two it is, the file's size tells: sizes
 * are whole MiB (they are whole GiB), so what is beyond the last whole MiB is the footer, or what a crash left of one.
 * qemu-img makes the footers; it cannot resize or copy a VHD, but the data is as plain as a raw image's.
 */
class VhdFormat implements ImageFormat {
  readonly exportable = true;
  readonly #raw: RawFormat;
  readonly #command: CommandRunner;

  constructor(options: FormatOptions) {
    this.#raw = new RawFormat(options);
    this.#command = options.command;
  }

  async create(context: CallContext, path: string, sizeBytes: number): Promise<void> {
    await this.#raw.create(context, path, sizeBytes);
    await this.#makeFooter(context, path, sizeBytes);
    await this.#setFooter(context, path);
  }

  async copy(context: CallContext, from: string, to: string, sizeBytes: number): Promise<void> {
    await this.#raw.copy(context, from, to, 0);
    await this.#takeFooter(context, to);
    await this.#raw.grow(context, to, sizeBytes);
    await this.#makeFooter(context, to, (await stat(to)).size);
    await this.#setFooter(context, to);
  }

  /** At rest, the new footer is made before the old one goes: as long as it waits there, a repetition sets it. */
  async grow(context: CallContext, path: string, sizeBytes: number): Promise<void> {
    const { size } = await stat(path);
    const atRest = size % MIB !== 0 || (await statOrNull(footerScratch(path))) !== null;
    if (atRest) await this.#makeFooter(context, path, Math.max(size - (size % MIB), sizeBytes));
    await this.#takeFooter(context, path);
    await this.#raw.grow(context, path, sizeBytes);
    if (atRest) await this.#setFooter(context, path);
  }

  async shrink(context: CallContext, path: string, sizeBytes: number): Promise<void> {
    const { size } = await stat(path);
    if (size - (size % MIB) <= sizeBytes) return;
    await this.#makeFooter(context, path, sizeBytes);
    await this.#takeFooter(context, path);
    await this.#raw.shrink(context, path, sizeBytes);
    await this.#setFooter(context, path);
  }

  async beforeExport(context: CallContext, path: string): Promise<void> {
    removeNow(context, footerScratch(path));
    await this.#takeFooter(context, path);
  }

  async afterExport(context: CallContext, path: string): Promise<void> {
    const { size } = await stat(path);
    if (size % MIB === FOOTER_BYTES) {
      removeNow(context, footerScratch(path));
      return;
    }
    await this.#makeFooter(context, path, size - (size % MIB));
    await this.#takeFooter(context, path);
    await this.#setFooter(context, path);
  }

  async #takeFooter(context: CallContext, path: string): Promise<void> {
    const { size } = await stat(path);
    if (size % MIB === 0) return;
    // Whatever its size is by then: down to whole MiB.
    await this.#command.run(context, "truncate", ["--size=/1M", "--", path], { changes: true });
    crashPoint("footer-taken");
  }

  /** That of an empty image, sparse, which qemu-img makes for the purpose. */
  async #makeFooter(context: CallContext, path: string, sizeBytes: number): Promise<void> {
    const scratch = footerScratch(path);
    const args = ["create", "-q", "-f", "vpc", "-o", "subformat=fixed,force_size=on", scratch, String(sizeBytes)];
    await this.#command.run(context, "qemu-img", args, { changes: true });
    crashPoint("footer-made");
  }

  async #setFooter(context: CallContext, path: string): Promise<void> {
    const scratch = footerScratch(path);
    await appendNow(context, path, (await stat(path)).size, await readTail(scratch, FOOTER_BYTES));
    crashPoint("footer-set");
    removeNow(context, scratch);
  }
}

const imageInfo = parser(Type.Object({ "virtual-size": Bytes }), "qemu-img's answer");

class Qcow2Format implements ImageFormat {
  // tgt serves a file's bytes as they are, and a qcow2 file's bytes are not the disk's.
  readonly exportable = false;
  readonly #options: FormatOptions;

  constructor(options: FormatOptions) {
    this.#options = options;
  }

  async create(context: CallContext, path: string, sizeBytes: number): Promise<void> {
    await this.#run(context, ["create", "-q", "-f", "qcow2", ...this.#preallocation(), path, String(sizeBytes)]);
  }

  async copy(context: CallContext, from: string, to: string, sizeBytes: number): Promise<void> {
    const { command, thick, reflinks } = this.#options;
    if (reflinks && !thick) await reflink(context, from, to);
    else await copyAtRest(context, command, from, to, ["-f", "qcow2", "-O", "qcow2", ...this.#preallocation()]);
    await this.grow(context, to, sizeBytes);
  }

  async grow(context: CallContext, path: string, sizeBytes: number): Promise<void> {
    if ((await this.#virtualBytes(context, path)) >= sizeBytes) return;
    const { thick } = this.#options;
    const args = ["resize", "-q", "-f", "qcow2", ...(thick ? ["--preallocation=falloc"] : []), path, String(sizeBytes)];
    await this.#run(context, args);
  }

  async shrink(context: CallContext, path: string, sizeBytes: number): Promise<void> {
    if ((await this.#virtualBytes(context, path)) <= sizeBytes) return;
    await this.#run(context, ["resize", "-q", "-f", "qcow2", "--shrink", path, String(sizeBytes)]);
  }

  async beforeExport(): Promise<void> {}
  async afterExport(): Promise<void> {}

  async #virtualBytes(context: CallContext, path: string): Promise<number> {
    const args = ["info", "--output=json", "-f", "qcow2", path];
    const { stdout } = await this.#options.command.run(context, "qemu-img", args, { changes: false });
    return imageInfo.parse(JSON.parse(stdout))["virtual-size"];
  }

  #preallocation(): string[] {
    return this.#options.thick ? ["-o", "preallocation=falloc"] : [];
  }

  async #run(context: CallContext, args: readonly string[]): Promise<void> {
    await this.#options.command.run(context, "qemu-img", args, { changes: true, timeoutMs: COPY_TIMEOUT_MS });
  }
}
