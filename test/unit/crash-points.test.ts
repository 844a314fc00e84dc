import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CRASH_POINTS, parseCrashAt } from "#shared/crash-point.ts";
import { allCrashes, crashPoints, fewCrashes } from "#test/crash/cases.ts";
import { operationKinds, pointsOf } from "#test/crash/operations.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Each place in a program's sources that names a crash point, as `program point`. */
function placesIn(program: "scheduler" | "agent"): string[] {
  const files = readdirSync(join(ROOT, program), { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => [...readFileSync(join(ROOT, program, file), "utf8").matchAll(/crashPoint\("([a-z-]+)"\)/g)])
    .map(([, point]) => `${program} ${point}`);
}

describe("crash points", () => {
  it("are each in one place of the program that they are said to be in", () => {
    const declared = crashPoints().map((point) => `${CRASH_POINTS[point].in} ${point}`);
    expect([...placesIn("scheduler"), ...placesIn("agent")].sort()).toEqual(declared.sort());
  });

  it("stand all in ARCHITECTURE.md, and nothing else does", () => {
    const architecture = readFileSync(join(ROOT, "ARCHITECTURE.md"), "utf8");
    const section = architecture.split("\n## Crash points\n")[1]?.split("\n## ")[0] ?? "";
    const rows = [...section.matchAll(/^\| `([a-z-]+)` \| (\w+) \| (.+?) \|$/gm)].map(([, ...cells]) => cells);
    expect(rows).toEqual(crashPoints().map((point) => [point, CRASH_POINTS[point].in, CRASH_POINTS[point].when]));
  });

  it("are each reached by an operation, and crashed once in `npm test`", () => {
    const passed = new Set(operationKinds().flatMap(pointsOf));
    expect([...passed].sort()).toEqual(crashPoints().sort());
    for (const crash of fewCrashes()) expect(pointsOf(crash.operation), crash.point).toContain(crash.point);
    const killed = fewCrashes().filter(({ how }) => how === "kill");
    expect(killed.map(({ point }) => point).sort()).toEqual(crashPoints().sort());
    expect([...new Set(fewCrashes().map(({ operation }) => operation))].sort()).toEqual(operationKinds().sort());
  });

  it("are crashed in every operation that passes them in `npm run crash`", () => {
    const crashed = new Set(allCrashes().map(({ operation, point }) => `${operation} ${point}`));
    expect(crashed.size).toBe(operationKinds().flatMap(pointsOf).length);
  });

  it("are named with the passing at which it happens; anything else is refused", () => {
    expect(parseCrashAt(undefined)).toBeNull();
    expect(parseCrashAt("")).toBeNull();
    expect(parseCrashAt("job-taken")).toEqual({ point: "job-taken", passing: 1 });
    expect(parseCrashAt("job-taken:12")).toEqual({ point: "job-taken", passing: 12 });
    for (const wrong of ["nowhere", "job-taken:0", "job-taken:", "toString", " job-taken"])
      expect(() => parseCrashAt(wrong), wrong).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
  });
});
