import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { Type } from "typebox";
import { describe, expect, it } from "vitest";
import { parser } from "#shared/schema.ts";

const ROOT = resolve(import.meta.dirname, "../..");

const figureLine = parser(
  Type.Object(
    {
      name: Type.String({ pattern: "^[a-z]+\\.[a-z0-9-]+$" }),
      value: Type.Number({ exclusiveMinimum: 0 }),
      unit: Type.String({ minLength: 1 }),
      ratio: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
      ratioTo: Type.Optional(Type.String()),
    },
    { additionalProperties: false },
  ),
  "a figure",
);

function bench(...args: string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
  return promisify(execFile)(process.execPath, ["test/bench/main.ts", ...args], { cwd: ROOT, timeout: 25_000 });
}

describe("npm run bench", () => {
  it("gives a line of JSON a figure, and nothing else", async () => {
    const { stdout, stderr } = await bench("--quick", "--json", "placement");
    const figures = stdout
      .trimEnd()
      .split("\n")
      .map((line) => figureLine.parse(JSON.parse(line)));
    expect(figures.map(({ name, unit }) => [name, unit])).toEqual([
      ["placement.first-of-100", "decisions/s"],
      ["placement.last-of-100", "decisions/s"],
      ["placement.last-of-1000", "decisions/s"],
    ]);
    expect(stderr).toBe("");
  });

  it("refuses a group that there is not, and names those there are", async () => {
    await expect(bench("placemint")).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/unknown: placemint; groups are placement, .*create/),
    });
  });
});
