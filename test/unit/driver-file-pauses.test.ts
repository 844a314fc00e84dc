import { AsyncLocalStorage } from "node:async_hooks";
import { createHash, randomUUID } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { type CallContext, type Driver, LeaseLost } from "#agent/drivers/driver.ts";
import { volumeName } from "#agent/drivers/names.ts";
import { createDriver } from "#agent/drivers/registry.ts";
import { CommandFailed, type CommandRunner, createCommandRunner } from "#agent/transport/command.ts";
import type { VolumeRef } from "#shared/model/operation.ts";
import { MARK, snapshotRef, volumeRef } from "#test/conformance/objects.ts";
import { backendRecord, callContext, driverTools } from "#test/kit/driver-context.ts";
import { filesIn } from "#test/kit/image-folder.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

/**
 * An agent is paused in one of its calls, at each of them in turn; another does the same job to its end, and more; then
 * the first one wakes: that call lands, and its lease is lost. Nothing that the other left may change by that, and
 * nothing may be left of the first.
 */

const MIB = 1024 ** 2;

/** Who makes the calls that follow, and at which of them it stands still. */
class Pausing {
  readonly #at: number;
  #calls = 0;
  readonly #paused = Promise.withResolvers<void>();
  readonly #woken = Promise.withResolvers<void>();

  constructor(at: number) {
    this.#at = at;
  }

  async pass(): Promise<void> {
    if (this.#calls++ !== this.#at) return;
    this.#paused.resolve();
    await this.#woken.promise;
  }

  get paused(): Promise<void> {
    return this.#paused.promise;
  }

  wake(): void {
    this.#woken.resolve();
  }
}

const current = vi.hoisted(() => ({ agent: null as AsyncLocalStorage<{ pass(): Promise<void> }> | null }));
current.agent = new AsyncLocalStorage();

vi.mock("node:fs/promises", async (importOriginal) => {
  const real = await importOriginal<typeof import("node:fs/promises")>();
  const late = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      await current.agent?.getStore()?.pass();
      return await call(...args);
    };
  };
  return {
    ...real,
    open: async (...args: Parameters<typeof real.open>) => {
      const handle = await late(real.open)(...args);
      // No power is cut here, and hundreds of runs need not wait for the disk.
      handle.sync = async () => {};
      return handle;
    },
    link: late(real.link),
    rename: late(real.rename),
    rm: late(real.rm),
    copyFile: late(real.copyFile),
  };
});

/** A program is started at once and goes on while its agent is paused. */
const command: CommandRunner = {
  run: async (context, program, args, options) => {
    const ended = await createCommandRunner().run(context, program, args, options);
    await current.agent?.getStore()?.pass();
    return ended;
  },
};

const failing: CommandRunner = {
  run: async (context, program, args, options) => {
    if (args[0] === "convert") throw new CommandFailed(program, args, "ended with 1", 1, "told to fail");
    return await command.run(context, program, args, options);
  },
};

async function openedAt(folder: string, format: string, runner = command): Promise<Driver> {
  const backend = backendRecord("file", { path: folder, capacity_gib: 1, format });
  const driver = createDriver({ backend, tools: { ...driverTools(folder), command: runner } });
  await driver.open(callContext());
  onTestFinished(() => driver.close());
  return driver;
}

interface Job {
  /** What it works on. */
  readonly prepare: (driver: Driver) => Promise<void>;
  readonly run: (driver: Driver, context: CallContext) => Promise<unknown>;
  /** What the other may do after that. */
  readonly more: Readonly<Record<string, (driver: Driver, folder: string) => Promise<unknown>>>;
}

const JOBS = {
  create: () => {
    const volume = volumeRef({ sizeBytes: 2 * MIB });
    return {
      prepare: async () => {},
      run: (driver, context) => driver.createVolume(context, volume, MARK),
      more: afterwards(volume),
    };
  },
  clone: () => {
    const volume = volumeRef({ sizeBytes: 2 * MIB });
    const source = volumeRef({ sizeBytes: MIB });
    return {
      prepare: async (driver) => void (await driver.createVolume(callContext(), source, MARK)),
      run: (driver, context) => driver.cloneVolume(context, volume, MARK, source),
      more: afterwards(volume),
    };
  },
  snapshot: () => {
    const volume = volumeRef({ sizeBytes: MIB });
    const snapshot = snapshotRef(volume);
    return {
      prepare: async (driver) => void (await driver.createVolume(callContext(), volume, MARK)),
      run: (driver, context) => driver.createSnapshot(context, snapshot, volume, MARK),
      more: {
        "nothing more": async () => {},
        deleted: (driver) => driver.deleteSnapshot(callContext(), snapshot, volume),
      },
    };
  },
  extend: () => {
    const volume = volumeRef({ sizeBytes: MIB });
    return {
      prepare: async (driver) => void (await driver.createVolume(callContext(), volume, MARK)),
      run: (driver, context) => driver.extendVolume(context, volume, 2 * MIB),
      more: afterwards(volume),
    };
  },
  revert: () => {
    const volume = volumeRef({ sizeBytes: 2 * MIB });
    const snapshot = snapshotRef(volume);
    return {
      prepare: async (driver) => {
        await driver.createVolume(callContext(), volume, MARK);
        await driver.createSnapshot(callContext(), snapshot, volume, MARK);
      },
      run: async (driver, context) => await driver.revertVolume?.(context, volume, snapshot),
      more: afterwards(volume),
    };
  },
  group: () => {
    const [id, volumes] = [randomUUID(), [1, 2].map(() => volumeRef({ sizeBytes: MIB }))];
    const members = volumes.map((volume) => ({ volume, snapshot: snapshotRef(volume), mark: MARK }));
    return {
      prepare: async (driver) => {
        for (const volume of volumes) await driver.createVolume(callContext(), volume, MARK);
      },
      run: async (driver, context) => await driver.createGroupSnapshot?.(context, id, members),
      more: {
        "nothing more": async () => {},
        deleted: async (driver) => await driver.deleteGroupSnapshot?.(callContext(), id, members),
      },
    };
  },
  manage: () => {
    const [before, volume] = [volumeRef({ sizeBytes: MIB }), volumeRef({ sizeBytes: MIB })];
    const reference = `of-others-${before.id}`;
    let identity = "";
    return {
      prepare: async (driver) => {
        await driver.createVolume(callContext(), before, MARK);
        await driver.foreign?.letGo(callContext(), before, reference);
        identity = (await driver.foreign?.describe(callContext(), reference))?.identity ?? "";
      },
      run: async (driver, context) =>
        await driver.foreign?.takeOver(context, volume, MARK, { reference, identity, foundBytes: MIB }),
      more: { deleted: async (driver) => await driver.foreign?.letGo(callContext(), volume, reference) },
    };
  },
  mark: () => {
    const volume = volumeRef({ sizeBytes: MIB });
    const named = (name: string) => ({ ...MARK, name });
    return {
      prepare: async (driver) => void (await driver.createVolume(callContext(), volume, MARK)),
      run: (driver, context) => driver.writeMark(context, { volume, snapshot: null }, named("one")),
      more: {
        "it was named anew": (driver) => driver.writeMark(callContext(), { volume, snapshot: null }, named("two")),
      },
    };
  },
  delete: () => {
    const volume = volumeRef({ sizeBytes: MIB });
    return {
      prepare: async (driver) => void (await driver.createVolume(callContext(), volume, MARK)),
      run: (driver, context) => driver.deleteVolume(context, volume),
      more: { "nothing more": async () => {} },
    };
  },
} satisfies Record<string, () => Job>;

function afterwards(volume: VolumeRef): Job["more"] {
  return {
    "a host wrote all of it": (_, folder) => write(join(folder, volumeName(volume.id)), 2 * MIB),
    "it was extended and a host wrote all of it": async (driver, folder) => {
      await driver.extendVolume(callContext(), volume, 3 * MIB);
      await write(join(folder, volumeName(volume.id)), 3 * MIB);
    },
    deleted: (driver) => driver.deleteVolume(callContext(), volume),
  };
}

async function write(path: string, sizeBytes: number): Promise<void> {
  await using image = await open(path, "r+");
  await image.write(Buffer.alloc(sizeBytes, 0xa5), 0, sizeBytes, 0);
}

/** Each file's name and what is in it. */
async function contents(folder: string): Promise<Record<string, string>> {
  const files = (await filesIn(folder)).map(async (name) => {
    const bytes = await readFile(join(folder, name));
    return [name, createHash("sha256").update(bytes).digest("hex")] as const;
  });
  return Object.fromEntries(await Promise.all(files));
}

/** Begins it as an agent that stands still at that call; `null` when it ended before. */
async function begin(job: Job, driver: Driver, at: number): Promise<{ wake(): Promise<unknown> } | null> {
  const pausing = new Pausing(at);
  let lost = false;
  const guard = {
    assertHeld(): void {
      if (lost) throw new LeaseLost();
    },
  };
  const ended = current.agent?.run(pausing, () => job.run(driver, callContext({ guard }))) ?? Promise.resolve();
  const settled = ended.then(
    () => "ended" as const,
    (error: unknown) => error,
  );
  if ((await Promise.race([pausing.paused.then(() => "paused" as const), settled])) !== "paused") return null;
  lost = true;
  return {
    wake: async () => {
      pausing.wake();
      return await settled;
    },
  };
}

const CASES = [
  ["create", "raw"],
  ["create", "vhd"],
  ["clone", "raw"],
  ["snapshot", "raw"],
  ["extend", "raw"],
  ["extend", "vhd"],
  ["revert", "raw"],
  ["group", "raw"],
  ["mark", "raw"],
  ["delete", "raw"],
  // What it then takes back is not what the other made.
  ["clone", "raw", "that fails "],
] as const;

describe("an agent that was paused and wakes when another is through", () => {
  for (const [kind, format, fails = ""] of CASES)
    for (const then of Object.keys(JOBS[kind]().more))
      test(`${kind} ${fails}(${format}), ${then}: changes nothing and leaves nothing, whichever call it was in`, async () => {
        const folder = temporaryFolder();
        const one = await openedAt(folder, format, fails === "" ? command : failing);
        const other = await openedAt(folder, format);
        let at = 0;
        for (; ; at++) {
          const job: Job = JOBS[kind]();
          await job.prepare(other);
          const begun = await begin(job, one, at);
          if (begun === null) break;
          await job.run(other, callContext());
          await job.more[then]?.(other, folder);
          const before = await contents(folder);
          await begun.wake();
          const left = Object.entries(before).filter(([name]) => !name.startsWith(".new/"));
          expect(await contents(folder), `paused at call ${at}`).toEqual(Object.fromEntries(left));
        }
        expect(at).toBeGreaterThan(1);
      });
});

test("an agent that wakes in the midst of what another does spoils nothing of it", async () => {
  const folder = temporaryFolder();
  const [one, other] = [await openedAt(folder, "raw"), await openedAt(folder, "raw")];
  let made = 0;
  const runsTo = async (at: number, otherAt: number): Promise<"first ended" | "other ended" | "both paused"> => {
    const job: Job = JOBS.create();
    made++;
    const begun = await begin(job, one, at);
    if (begun === null) return "first ended";
    const pausing = new Pausing(otherAt);
    const ended = current.agent?.run(pausing, () => job.run(other, callContext()));
    const paused = await Promise.race([pausing.paused.then(() => true), ended?.then(() => false)]);
    await begun.wake();
    pausing.wake();
    await ended;
    const files = await filesIn(folder);
    expect(
      files.filter((name) => name.startsWith(".new/")),
      `${at}, ${otherAt}`,
    ).toEqual([]);
    expect(files.length, `${at}, ${otherAt}`).toBe(2 * made);
    return paused === true ? "both paused" : "other ended";
  };
  let at = 0;
  for (let outcome = await runsTo(0, 0); outcome !== "first ended"; outcome = await runsTo(++at, 0))
    for (let otherAt = 1; (await runsTo(at, otherAt)) === "both paused"; otherAt++);
  expect(at).toBeGreaterThan(3);
});

/** Two jobs of one object side by side, neither of which has lost its lease, each standing still at every one of its calls. */
async function sideBySide(
  one: () => Promise<unknown>,
  other: () => Promise<unknown>,
  [at, otherAt, first]: readonly [number, number, "one" | "other"],
): Promise<"one ended" | "other ended" | "both paused"> {
  const start = (run: () => Promise<unknown>, call: number) => {
    const pausing = new Pausing(call);
    const ended = (current.agent?.run(pausing, run) ?? Promise.resolve()).catch(() => undefined);
    const isPaused = Promise.race([pausing.paused.then(() => true), ended.then(() => false)]);
    return { pausing, ended, isPaused };
  };
  const begun = start(one, at);
  if (!(await begun.isPaused)) return "one ended";
  const beside = start(other, otherAt);
  const outcome = (await beside.isPaused) ? "both paused" : "other ended";
  const [early, late] = first === "one" ? [begun, beside] : [beside, begun];
  early.pausing.wake();
  await early.ended;
  late.pausing.wake();
  await late.ended;
  return outcome;
}

/** Every so manieth pair of calls, for a group has many; who wakes first takes turns. */
const CREATIONS = [
  ["create", 1],
  ["snapshot", 2],
  ["group", 3],
  ["manage", 1],
] as const;

test.each(CREATIONS)(
  "a %s that came again while its object is deleted leaves nothing unmarked",
  async (kind, stride) => {
    const folder = temporaryFolder();
    const [one, other] = [await openedAt(folder, "raw"), await openedAt(folder, "raw")];
    const run = async (at: number, otherAt: number) => {
      const job: Job = JOBS[kind]();
      await job.prepare(other);
      const before = await filesIn(folder);
      const remove = () => job.more.deleted?.(other, folder) ?? Promise.reject(new Error("cannot be deleted"));
      const moments = [at, otherAt, (at + otherAt) % 2 === 0 ? "one" : "other"] as const;
      const outcome = await sideBySide(() => job.run(one, callContext()), remove, moments);
      // What the second one left is a stray, and a job removes it.
      await remove();
      expect(await filesIn(folder), moments.join(", ")).toEqual(before);
      return outcome;
    };
    let at = 0;
    for (; (await run(at, 0)) !== "one ended"; at += stride)
      for (let otherAt = 1; (await run(at, otherAt)) === "both paused"; otherAt += stride);
    expect(at).toBeGreaterThan(3);
  },
);
