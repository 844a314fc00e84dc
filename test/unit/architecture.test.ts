import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { Type } from "typebox";
import { expect, test } from "vitest";
import { parser } from "#shared/schema.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

const ROOT = join(import.meta.dirname, "../..");
const BIOME = join(ROOT, "node_modules/@biomejs/biome/bin/biome");
const RULES = ["--only=style/noRestrictedImports", "--only=suspicious/noImportCycles"];

const Report = parser(
  Type.Object({
    diagnostics: Type.Array(
      Type.Object({ severity: Type.String(), location: Type.Object({ path: Type.String() }), message: Type.String() }),
    ),
  }),
);

/** The faults of the dependency rules in a folder, as `file: what`. */
async function dependencyFaults(folder: string): Promise<string[]> {
  const run = promisify(execFile)(
    process.execPath,
    [BIOME, "lint", ...RULES, "--reporter=json", "--max-diagnostics=none", "."],
    {
      cwd: folder,
      timeout: 20_000,
      maxBuffer: 16 * 1024 * 1024,
    },
  );
  // Faults make it end with code 1; the report is the same.
  const { stdout } = await run.catch((error: { stdout: string }) => error);
  return Report.parse(JSON.parse(stdout)).diagnostics.map(({ location, message }) => `${location.path}: ${message}`);
}

/** Files with one import each, under the project's own rules. */
function planted(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  const settings: unknown = JSON.parse(readFileSync(join(ROOT, "biome.json"), "utf8"));
  writeFileSync(join(folder, "biome.json"), JSON.stringify({ ...Object(settings), vcs: { enabled: false } }));
  for (const [path, specifier] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), `import { thing } from "${specifier}";\nexport const other = thing;\n`);
  }
  return folder;
}

test("the project keeps its dependency rules", async () => {
  expect(await dependencyFaults(ROOT)).toEqual([]);
});

test.each([
  ["shared/a.ts", "#scheduler/engine.ts"],
  ["shared/a.ts", "#agent/worker.ts"],
  ["shared/a.ts", "#test/kit/records.ts"],
  ["shared/model/a.ts", "../../scheduler/engine.ts"],
  ["shared/protocol/a.ts", "nats"],
  ["shared/bus.ts", "#agent/worker.ts"],
  ["shared/bus/a.ts", "#agent/worker.ts"],
  ["scheduler/a.ts", "#agent/worker.ts"],
  ["scheduler/a.ts", "../agent/worker.ts"],
  ["scheduler/dispatch/a.ts", "@nats-io/jetstream"],
  ["scheduler/ledger/a.ts", "#test/kit/records.ts"],
  ["scheduler/api/a.ts", "../ledger/sqlite.ts"],
  ["scheduler/api/openstack/a.ts", "../../dispatch/jobs.ts"],
  ["scheduler/cli/a.ts", "#scheduler/ledger/sqlite.ts"],
  ["scheduler/cli/commands/a.ts", "#agent/worker.ts"],
  ["scheduler/core/a.ts", "node:fs"],
  ["scheduler/core/a.ts", "typebox"],
  ["scheduler/core/a.ts", "../engine.ts"],
  ["scheduler/core/a.ts", "#scheduler/engine.ts"],
  ["scheduler/core/work/a.ts", "../../engine.ts"],
  ["agent/a.ts", "#scheduler/engine.ts"],
  ["agent/drivers/file/a.ts", "../../../scheduler/engine.ts"],
  ["agent/a.ts", "@nats-io/transport-node"],
  ["deploy/dev/a.ts", "#test/kit/nats-server.ts"],
  ["test/unit/a.ts", "nats"],
])("%s may not import %s", async (path, specifier) => {
  const faults = await dependencyFaults(planted({ [path]: specifier }));
  expect(faults).toHaveLength(1);
  expect(faults[0]).toContain(path);
});

test("what is allowed is allowed", async () => {
  const folder = planted({
    "shared/bus.ts": "@nats-io/jetstream",
    "shared/bus/a.ts": "@nats-io/jetstream",
    "scheduler/core/a.ts": "#shared/units.ts",
    "scheduler/core/b.ts": "./a.ts",
    "scheduler/core/work/a.ts": "../a.ts",
    "scheduler/api/openstack/a.ts": "../../engine.ts",
    "scheduler/ledger/a.ts": "node:sqlite",
    "agent/drivers/file/a.ts": "../../transport/command.ts",
    "test/unit/a.ts": "#agent/worker.ts",
  });
  expect(await dependencyFaults(folder)).toEqual([]);
});

test("modules may not import each other in a circle", async () => {
  const faults = await dependencyFaults(
    planted({ "agent/a.ts": "./b.ts", "agent/b.ts": "./c.ts", "agent/c.ts": "./a.ts" }),
  );
  expect(faults).toHaveLength(3);
});
