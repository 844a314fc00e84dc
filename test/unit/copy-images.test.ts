import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { readdir, readFile, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Copied, copyBlocks } from "#agent/copy/copy-blocks.ts";
import { NbdClient } from "#agent/copy/nbd/client.ts";
import { fileImage } from "#agent/copy/qemu-image.ts";
import { exportNameOf } from "#agent/copy/stale-writers.ts";
import type { FileAddress } from "#shared/model/block-address.ts";
import { allocatedBytes, makeImage, openAddress, qemuNbdMissing, rawFile } from "#test/kit/copy-ends.ts";
import { callContext } from "#test/kit/driver-context.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { until } from "#test/kit/until.ts";

const MIB = 1024 ** 2;
const KIB = 1024;
const run = promisify(execFile);
const QEMU_NAMES = { raw: "raw", qcow2: "qcow2", vhd: "vpc" } as const;

interface Wanted {
  readonly from: FileAddress;
  readonly to: FileAddress;
  readonly sizeBytes: number;
  readonly resumeFromBytes?: number;
}

async function copyImages({ from, to, sizeBytes, resumeFromBytes = 0 }: Wanted): Promise<Copied> {
  const context = callContext();
  await using source = await openAddress(context, from, false);
  await using target = await openAddress(context, to, true);
  const options = { source, target, sizeBytes, resumeFromBytes, targetIsFresh: true, bandwidthLimitBytesPerS: null };
  return await copyBlocks(context, { ...options, onProgress: () => undefined });
}

/** Process ids of the qemu-nbds that serve this image. */
function serversOf(path: string): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        return line.includes("qemu-nbd") && line.includes(path);
      } catch {
        return false;
      }
    })
    .map(Number);
}

describe.skipIf(qemuNbdMissing() !== null)("copying images", () => {
  it("gives the same bytes, and takes no more space, whatever the holes", async () => {
    const folder = temporaryFolder();
    const [from, to] = [join(folder, "from"), join(folder, "to")];
    const stretch = fc.record({
      offset: fc.nat({ max: 39 * 256 }).map((blocks) => blocks * 4 * KIB),
      lengthBytes: fc.oneof(fc.nat({ max: 64 * KIB }), fc.nat({ max: 6 * MIB })),
      zero: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(stretch, { maxLength: 12 }),
        fc.integer({ min: 1, max: 39 }),
        async (stretches, mib) => {
          const sizeBytes = mib * MIB + 512;
          await makeImage(from, sizeBytes, stretches);
          await makeImage(to, sizeBytes);
          await copyImages({ from: rawFile(from), to: rawFile(to), sizeBytes });
          expect((await readFile(to)).equals(await readFile(from))).toBe(true);
          expect(await allocatedBytes(to)).toBeLessThanOrEqual((await allocatedBytes(from)) + 64 * KIB);
        },
      ),
      { numRuns: 12 },
    );
    expect([...serversOf(from), ...serversOf(to)]).toEqual([]);
  });

  const formats = ["raw", "qcow2", "vhd"] as const;
  it.each(formats.flatMap((from) => formats.map((to) => [from, to] as const)))("from %s to %s", async (from, to) => {
    const folder = temporaryFolder();
    const ends = { from: join(folder, "from"), to: join(folder, "to") };
    const create = async (path: string, format: (typeof formats)[number]): Promise<void> => {
      const options = format === "vhd" ? ["-o", "subformat=fixed,force_size=on"] : [];
      await run("qemu-img", ["create", "-q", "-f", QEMU_NAMES[format], ...options, path, "40M"]);
    };
    await create(ends.from, from);
    await create(ends.to, to);
    const writes = ["write -P 0x11 0 1M", "write -P 0x22 33M 200k", "write -P 0x33 40959k 1k", "write -z 5M 1M"];
    await run("qemu-io", ["-f", QEMU_NAMES[from], ...writes.flatMap((write) => ["-c", write]), ends.from]);
    await copyImages({
      from: { kind: "file", path: ends.from, format: from },
      to: { kind: "file", path: ends.to, format: to },
      sizeBytes: 40 * MIB,
    });
    const { stdout } = await run("qemu-img", [
      ...["compare", "-f", QEMU_NAMES[from], "-F", QEMU_NAMES[to]],
      ...[ends.from, ends.to],
    ]);
    expect(stdout).toMatch(/identical/);
    expect(await allocatedBytes(ends.to)).toBeLessThan(4 * MIB);
  });

  it("leaves nothing running and nothing in the temporary folder, also when it fails or is cancelled", async () => {
    const folder = temporaryFolder();
    const [from, to] = [join(folder, "from"), join(folder, "to")];
    await makeImage(from, 8 * MIB, [{ offset: 0, lengthBytes: 8 * MIB }]);
    await makeImage(to, 4 * MIB);
    await expect(copyImages({ from: rawFile(from), to: rawFile(to), sizeBytes: 8 * MIB })).rejects.toMatchObject({
      outcome: "not-done",
    });
    await expect(
      copyImages({ from: rawFile(`${from}-missing`), to: rawFile(to), sizeBytes: MIB }),
    ).rejects.toMatchObject({ outcome: "unknown", message: expect.stringMatching(/No such file/) });
    await truncate(to, 8 * MIB);
    const controller = new AbortController();
    const context = callContext({ signal: controller.signal });
    const source = await openAddress(context, rawFile(from), false);
    const target = await openAddress(context, rawFile(to), true);
    expect([serversOf(from).length, serversOf(to).length]).toEqual([1, 1]);
    const copy = copyBlocks(context, {
      ...{ source, target, sizeBytes: 8 * MIB, resumeFromBytes: 0, targetIsFresh: true },
      bandwidthLimitBytesPerS: 1,
      onProgress: () => controller.abort(new Error("cancelled")),
    });
    await expect(copy).rejects.toMatchObject({ outcome: "unknown" });
    await source[Symbol.asyncDispose]();
    await target[Symbol.asyncDispose]();
    expect([...serversOf(from), ...serversOf(to)]).toEqual([]);
    expect((await readdir(tmpdir())).filter((name) => name.startsWith(`berth-copy-${process.pid}-`))).toEqual([]);
  });

  it("goes on after a kill -9 from the last checkpoint; its helpers die with it", async () => {
    const folder = temporaryFolder();
    const [from, to] = [join(folder, "from"), join(folder, "to")];
    const sizeBytes = 160 * MIB;
    await makeImage(from, sizeBytes, [{ offset: MIB, lengthBytes: 150 * MIB }]);
    await makeImage(to, sizeBytes);
    const program = resolve(import.meta.dirname, "../kit/copy-program.ts");
    const child = spawn(process.execPath, [program, from, to, String(sizeBytes), String(40 * MIB)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    let checkpointBytes = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      checkpointBytes = Number(line);
      if (checkpointBytes > 0) break;
    }
    expect([serversOf(from).length, serversOf(to).length]).toEqual([1, 1]);
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
    await until("qemu-nbd is gone", () => serversOf(folder).length === 0);
    expect(checkpointBytes).toBeGreaterThan(0);
    expect((await readFile(to)).equals(await readFile(from))).toBe(false);
    const copied = await copyImages({
      from: rawFile(from),
      to: rawFile(to),
      sizeBytes,
      resumeFromBytes: checkpointBytes,
    });
    expect(copied.copiedBytes).toBe(151 * MIB - checkpointBytes);
    expect((await readFile(to)).equals(await readFile(from))).toBe(true);
  });

  it("takes the image over from a try whose agent stands still", async () => {
    const folder = temporaryFolder();
    const [from, to] = [join(folder, "from"), join(folder, "to")];
    await makeImage(from, 4 * MIB, [{ offset: 0, lengthBytes: 4 * MIB }]);
    await makeImage(to, 4 * MIB);
    const stalled = await openAddress(callContext(), rawFile(to), true);
    await copyImages({ from: rawFile(from), to: rawFile(to), sizeBytes: 4 * MIB });
    await expect(stalled.write(Buffer.alloc(MIB, 1), 0)).rejects.toMatchObject({ outcome: "unknown" });
    await stalled[Symbol.asyncDispose]();
    expect((await readFile(to)).equals(await readFile(from))).toBe(true);
  });

  it("never ends a stranger's qemu-nbd", async () => {
    const folder = temporaryFolder();
    const to = join(folder, "to");
    await makeImage(to, 4 * MIB);
    const stranger = spawn("qemu-nbd", ["--socket", join(folder, "nbd"), "--persistent", "--format", "raw", to]);
    onTestFinished(() => void stranger.kill("SIGKILL"));
    const { client } = await until("it serves", () => NbdClient.connect(join(folder, "nbd"), ""));
    await (await openAddress(callContext(), rawFile(to), true))[Symbol.asyncDispose]();
    await client.flush();
    await client.close();
    expect(exportNameOf(fileImage(rawFile(to)))).not.toBe(exportNameOf(fileImage(rawFile(`${to}2`))));
  });
});
