import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CRASH_POINTS, parseCrashOrder, printCrashOrder } from "#shared/crash-point.ts";
import { Operation } from "#shared/model/operation.ts";
import { allCrashes, crashPoints, fewCrashes } from "#test/crash/cases.ts";
import { title } from "#test/crash/crash.ts";
import { operationKinds, SEVERAL } from "#test/crash/operations.ts";

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

  it("are each crashed once in `npm test`, by an operation that passes them; and each operation is", () => {
    const killed = fewCrashes().filter(({ how, ledger }) => how === "kill" && ledger === "embedded");
    expect(killed.map(({ point }) => point).sort()).toEqual(crashPoints().sort());
    const all = new Set(allCrashes().map(title));
    expect(
      fewCrashes()
        .map(title)
        .filter((few) => !all.has(few)),
    ).toEqual([]);
    expect([...new Set(fewCrashes().map(({ operation }) => operation))].sort()).toEqual(operationKinds().sort());
    for (const how of ["kill", "nats", "pause"]) expect(fewCrashes().map((crash) => crash.how)).toContain(how);
  });

  it("are crashed by every operation in `npm run crash`, and none is passed by", () => {
    const kinds = Operation.anyOf.map(({ properties }) => properties.kind.const);
    // Of a backend, not of an object: test/system/failover.test.ts kills agents and scheduler in each phase of it.
    const crashed = [...kinds.filter((kind) => kind !== "backend.failover"), ...SEVERAL].sort();
    expect(operationKinds().sort()).toEqual(crashed);
    const crashes = allCrashes();
    expect([...new Set(crashes.map(({ point }) => point))].sort()).toEqual(crashPoints().sort());
    expect(new Set(crashes.map(title)).size).toBe(crashes.length);
    for (const kind of crashed) {
      const own = crashes.filter(({ operation }) => operation === kind);
      for (const program of ["scheduler", "agent"])
        expect(
          own.map(({ point }) => CRASH_POINTS[point].in),
          kind,
        ).toContain(program);
      expect(
        own.map(({ ledger }) => ledger),
        kind,
      ).toContain("nats");
    }
  });

  it("are ordered for the n-th passing; anything else is refused", () => {
    const order = { id: "one-2", point: "job-taken", passing: 12, how: "stop" } as const;
    expect(parseCrashOrder(printCrashOrder(order))).toEqual(order);
    for (const wrong of [
      "",
      "a nowhere:1 kill\n",
      "a job-taken:0 kill\n",
      "a job-taken:1 end\n",
      "a toString:1 kill\n",
    ])
      expect(() => parseCrashOrder(wrong), wrong).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
  });
});
