import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fake, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";

/** Processes that were told of this folder, in their environment or arguments. */
function processesOn(folder: string): string[] {
  return readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/environ`, "utf8").includes(folder);
    } catch {
      return false;
    }
  });
}

describe.skipIf(natsServerMissing() !== null)("an installation for tests", () => {
  it("is ready when it resolves, and leaves no process and no folder behind", async () => {
    let folder = "";
    let natsPid = 0;
    {
      await using berth = await startInstallation({
        catalogue: () => goldCatalogue(["north", "south"], fake("one")),
      });
      folder = berth.folder;
      natsPid = berth.nats.pid;
      expect((await berth.client.agents()).map(({ id, state }) => `${id} ${state}`).sort()).toEqual([
        "north-1 up",
        "north-2 up",
        "south-1 up",
        "south-2 up",
      ]);
      expect(processesOn(folder)).toHaveLength(5);
      // One that is stopped must go as well.
      berth.agent("north-1").signal("SIGSTOP");
    }
    expect(processesOn(folder)).toEqual([]);
    expect(() => process.kill(natsPid, 0)).toThrow("ESRCH");
    expect(() => readdirSync(folder)).toThrow("ENOENT");
  });
});
