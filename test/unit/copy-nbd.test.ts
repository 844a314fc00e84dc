import { describe, expect, it } from "vitest";
import { emptyEnd } from "#agent/copy/block-end.ts";
import { copyBlocks } from "#agent/copy/copy-blocks.ts";
import { NbdClient } from "#agent/copy/nbd/client.ts";
import { LeaseLost } from "#agent/drivers/driver.ts";
import { endAt } from "#test/kit/copy-ends.ts";
import { callContext, leaseFor } from "#test/kit/driver-context.ts";
import { chunk, type NbdMisbehaviour, startNbdDouble, u32, u64 } from "#test/kit/nbd-double.ts";

const MIB = 1024 ** 2;

async function clientOf(misbehaviour: NbdMisbehaviour): Promise<NbdClient> {
  const { path } = await startNbdDouble(MIB, misbehaviour);
  return (await NbdClient.connect(path, "export")).client;
}

describe("the NBD client", () => {
  it("reads, writes and answers in any order, many at once", async () => {
    const double = await startNbdDouble(4 * MIB);
    const { client, facts } = await NbdClient.connect(double.path, "export");
    expect(facts).toEqual({ sizeBytes: 4 * MIB, readOnly: false, allocationContext: 1 });
    await Promise.all([0, 1, 2, 3].map((n) => client.write(Buffer.alloc(MIB, n + 1), n * MIB)));
    await client.writeZeroes(MIB, 4096);
    const read = await Promise.all(
      [0, 1, 2, 3].map(async (n) => {
        const into = Buffer.alloc(MIB);
        await client.read(into, n * MIB);
        return into;
      }),
    );
    expect(Buffer.concat(read).equals(double.image)).toBe(true);
    expect(double.image.subarray(MIB, MIB + 4096).equals(Buffer.alloc(4096))).toBe(true);
    await client.close();
    await expect(client.flush()).rejects.toThrow(/closed/);
  });

  it("refuses who does not speak NBD, with what is wrong", async () => {
    const { path } = await startNbdDouble(MIB, { greeting: Buffer.from("SSH-2.0-OpenSSH_9.2p1 Debian") });
    await expect(NbdClient.connect(path, "export")).rejects.toThrow(/its greeting is not NBD's/);
  });

  it.each<[string, NbdMisbehaviour, RegExp]>([
    ["another magic", { answerRead: () => Buffer.alloc(32, 0xee) }, /an answer begins with 0xeeeeeeee/],
    ["an answer to nothing", { answerRead: () => chunk(u64(99), 0) }, /answers what was not asked/],
    [
      "data for another place",
      { answerRead: (cookie) => chunk(cookie, 1, Buffer.concat([u64(2 * MIB), u64(0)])) },
      /data that were not asked for/,
    ],
    [
      "more data than asked",
      { answerRead: (cookie) => chunk(cookie, 1, u64(0), 8 + 2 * MIB) },
      /data that were not asked for/,
    ],
    [
      "too few data",
      { answerRead: (cookie) => chunk(cookie, 1, Buffer.concat([u64(0), u64(1)])) },
      /ends before all of it came/,
    ],
    ["no data at all", { answerRead: (cookie) => chunk(cookie, 0) }, /ends before all of it came/],
    ["a hole of no form", { answerRead: (cookie) => chunk(cookie, 2, u64(0)) }, /a hole of an odd form/],
    ["an unknown chunk", { answerRead: (cookie) => chunk(cookie, 77) }, /a chunk of type 77/],
    [
      "an endless error",
      { answerRead: (cookie) => chunk(cookie, 0x8001, u32(5), 0xffffffff) },
      /4294967295 bytes where a few belong/,
    ],
    [
      "a refusal",
      {
        answerRead: (cookie) =>
          chunk(cookie, 0x8001, Buffer.concat([u32(5), Buffer.from([0, 4]), Buffer.from("oops")])),
      },
      /error 5 \(oops\)/,
    ],
    ["a hang-up", { answerRead: () => null }, /closed the connection/],
  ])("tells %s", async (_name, misbehaviour, message) => {
    const client = await clientOf(misbehaviour);
    await expect(client.read(Buffer.alloc(4096), 0)).rejects.toThrow(message);
  });

  it.each<[string, (cookie: Buffer) => Buffer, RegExp]>([
    ["an extent of no length", (cookie) => chunk(cookie, 5, Buffer.concat([u32(1), u32(0), u32(0)])), /no length/],
    ["an odd length", (cookie) => chunk(cookie, 5, Buffer.concat([u32(1), u32(5)])), /odd form/],
    ["another context only", (cookie) => chunk(cookie, 5, Buffer.concat([u32(9), u32(5), u32(0)])), /tells nothing/],
  ])("tells a block status with %s", async (_name, answerStatus, message) => {
    const client = await clientOf({ answerStatus });
    await expect(client.blockStatus(0, MIB)).rejects.toThrow(message);
  });
});

describe("a copy", () => {
  async function ends(misbehaviour: NbdMisbehaviour) {
    const source = await startNbdDouble(3 * MIB);
    source.image.fill(0xab, 100_000, 2 * MIB + 5);
    const target = await startNbdDouble(3 * MIB, misbehaviour);
    const steps: number[] = [];
    const copy = async (context = callContext()) =>
      await copyBlocks(context, {
        source: await endAt(source.path),
        target: await endAt(target.path),
        sizeBytes: 3 * MIB,
        resumeFromBytes: 0,
        targetIsFresh: true,
        bandwidthLimitBytesPerS: null,
        onProgress: ({ checkpointBytes }) => steps.push(checkpointBytes),
      });
    return { source, target, copy, steps };
  }

  it("makes the target equal, also where neither side can tell its holes", async () => {
    const { source, target, copy, steps } = await ends({});
    await copy();
    expect(target.image.equals(source.image)).toBe(true);
    expect(steps.at(-1)).toBe(3 * MIB);
    // Zeros that the source stores are not written.
    expect(target.asked.filter(([what]) => what === "write").every(([, offset]) => offset >= 65_536)).toBe(true);
  });

  it("is no copy when the target changes one byte, and no checkpoint passes it", async () => {
    const { copy, steps } = await ends({
      keep: (data, offset) => {
        const kept = Buffer.from(data);
        if (offset <= MIB && offset + data.length > MIB) kept.writeUInt8(0xcd, MIB - offset);
        return kept;
      },
    });
    await expect(copy()).rejects.toMatchObject({ outcome: "not-done", message: /does not hold what was written/ });
    expect(Math.max(...steps)).toBe(0);
  });

  it("is no copy when there is something where the source has a hole", async () => {
    const { target, copy } = await ends({});
    target.image[3 * MIB - 1] = 1;
    await expect(copy()).rejects.toMatchObject({ outcome: "not-done" });
  });

  it("ends at once when it is cancelled while the target does not answer", async () => {
    const { target, copy } = await ends({ answerWrite: () => null });
    const controller = new AbortController();
    const result = copy(callContext({ signal: controller.signal }));
    result.catch(() => undefined);
    await expect.poll(() => target.asked.filter(([what]) => what === "write").length, { timeout: 10_000 }).toBe(3);
    controller.abort(new Error("cancelled"));
    await expect(result).rejects.toMatchObject({ outcome: "unknown" });
  });

  it("tells a target that has no space left as such", async () => {
    const error = Buffer.concat([u32(28), Buffer.from([0, 0])]);
    const { copy } = await ends({ answerWrite: (cookie) => chunk(cookie, 0x8001, error) });
    await expect(copy()).rejects.toMatchObject({ outcome: "no-space", code: "E_BACKEND_NO_SPACE" });
  });

  it("is refused with a target that is too small, and begun with one that is larger", async () => {
    const { target, copy } = await ends({});
    const options = {
      source: await endAt(target.path),
      sizeBytes: 3 * MIB,
      resumeFromBytes: 0,
      targetIsFresh: true,
      bandwidthLimitBytesPerS: null,
      onProgress: () => undefined,
    };
    const small = await endAt((await startNbdDouble(2 * MIB)).path);
    await expect(copyBlocks(callContext(), { ...options, target: small })).rejects.toMatchObject({
      outcome: "not-done",
    });
    const large = await startNbdDouble(4 * MIB);
    await copyBlocks(callContext(), { ...options, target: await endAt(large.path) });
    await copy();
  });

  it("asks for the lease before each write, and stops when it is lost", async () => {
    const { target, copy } = await ends({});
    await expect(copy(callContext({ guard: leaseFor(1) }))).rejects.toBeInstanceOf(LeaseLost);
    expect(target.asked.filter(([what]) => what === "write")).toHaveLength(1);
  });

  it("goes on from where an earlier try came, and reads nothing before", async () => {
    const { source, target } = await ends({});
    await copyBlocks(callContext(), {
      source: await endAt(source.path),
      target: await endAt(target.path),
      sizeBytes: 3 * MIB,
      resumeFromBytes: 2 * MIB,
      targetIsFresh: true,
      bandwidthLimitBytesPerS: null,
      onProgress: () => undefined,
    });
    expect(Math.min(...source.asked.map(([, offset]) => offset))).toBe(2 * MIB);
    expect(target.image.subarray(2 * MIB).equals(source.image.subarray(2 * MIB))).toBe(true);
  });

  it("clears what stood in a target that is not fresh", async () => {
    const { source, target } = await ends({});
    target.image.fill(0x55);
    await copyBlocks(callContext(), {
      source: await endAt(source.path),
      target: await endAt(target.path),
      sizeBytes: 3 * MIB,
      resumeFromBytes: 0,
      targetIsFresh: false,
      bandwidthLimitBytesPerS: null,
      onProgress: () => undefined,
    });
    expect(target.image.equals(source.image)).toBe(true);
  });

  it("moves no bytes to a backend that keeps none, and is done", async () => {
    const { source } = await ends({});
    const steps: number[] = [];
    const copied = await copyBlocks(callContext(), {
      source: await endAt(source.path),
      target: emptyEnd(3 * MIB),
      sizeBytes: 3 * MIB,
      resumeFromBytes: 0,
      targetIsFresh: true,
      bandwidthLimitBytesPerS: null,
      onProgress: ({ checkpointBytes }) => steps.push(checkpointBytes),
    });
    expect([copied.copiedBytes, steps.at(-1), source.asked]).toEqual([0, 3 * MIB, []]);
  });
});
