import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { Type } from "typebox";
import { describe, expect, it } from "vitest";
import { parser } from "#shared/schema.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { iscsiMissing } from "#test/kit/tgtd.ts";

const ROOT = resolve(import.meta.dirname, "../..");
/** For what hangs: a busy machine may take minutes for 20 seconds of work. */
const BOUND_MS = 400_000;
const OPERATIONS = 1_000;

const figuresIn = parser(
  Type.Object({
    operations: Type.Integer(),
    told: Type.Array(Type.Object({ kind: Type.String(), what: Type.String() })),
    checks: Type.Array(Type.Object({ name: Type.String(), failure: Type.Union([Type.String(), Type.Null()]) })),
    disturbances: Type.Array(Type.Object({ count: Type.Integer() })),
  }),
  "a soak's figures",
);

/** What the program says, and null as its exit code when it could not be run to its end. */
async function runSoak(...args: string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
  return await promisify(execFile)(process.execPath, ["test/soak/main.ts", ...args], { cwd: ROOT, timeout: BOUND_MS });
}

describe.skipIf((natsServerMissing() ?? iscsiMissing()) !== null)("npm run soak", { timeout: BOUND_MS }, () => {
  it("loses, doubles, forgets and leaves behind nothing under random kills, and writes a page about it", async () => {
    const report = join(temporaryFolder(), "report.md");
    const seed = Date.now() % 1_000_000;
    console.info(`what is asked and killed comes from seed ${seed}`);
    const size = ["--operations", String(OPERATIONS), "--minutes", "0.3", "--seed", String(seed)];
    const { stdout } = await runSoak(...size, "--json", "--report", report).catch((error) => error);
    const figures = figuresIn.parse(JSON.parse(stdout));
    expect(figures.told).toEqual([]);
    expect(figures.checks.filter(({ failure }) => failure !== null)).toEqual([]);
    expect(figures.operations).toBeGreaterThanOrEqual(OPERATIONS);
    expect(figures.disturbances.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThan(0);
    const page = await readFile(report, "utf8");
    expect(page).toMatch(/^# Soak: nothing lost, doubled, stuck or left behind\n/);
    expect(page).toContain(`seed ${seed}`);
  });

  it("refuses what it does not know", async () => {
    await expect(runSoak("--ledger", "paper")).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("paper"),
    });
  });
});
