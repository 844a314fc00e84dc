import { describe, expect, it } from "vitest";
import { DEFAULT_SETTINGS } from "#scheduler/catalogue/settings.ts";
import { goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { startInstallation } from "#test/kit/installation.ts";
import { leftHandStand } from "#test/kit/lefthand.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { until } from "#test/kit/until.ts";

const WANTED = 200;
const AT_ONCE = 4;

describe.skipIf(natsServerMissing() !== null)("a storage system that takes four calls at once", () => {
  it("never has more from the agents of its zone, also while one comes and one goes; 200 volumes at once are made", {
    timeout: 180_000,
  }, async () => {
    const { simulator } = await leftHandStand({ capacityGib: 1_000 });
    const { driver, parameters } = simulator.ready.backend;
    const backend = { name: "array", zone: "north", host: null, driver, parameters };
    await using berth = await startInstallation({
      catalogue: () =>
        goldCatalogue(["north"], (id) => ({
          id,
          ...backend,
          admission: { state: "enabled" },
          settings: DEFAULT_SETTINGS,
        })),
      agentsPerZone: 2,
    });
    const { client } = berth;
    simulator.desk.calls.reset();
    simulator.desk.faults.set("limit", { value: AT_ONCE });
    await Promise.all(Array.from({ length: WANTED }, () => client.createVolume({ size: 1 })));
    berth.addAgent("north-3", "north");
    await until("the third one has it open as well", async () => {
      const [told] = await client.backends();
      return (await client.agents()).filter(({ state }) => state === "up").length === 3 && told !== undefined;
    });
    await berth.agent("north-1").kill("SIGTERM");
    const made = async () => (await client.volumes()).filter(({ status }) => status === "available").length;
    await until("all are made", async () => (await made()) === WANTED, 150_000);
    expect(simulator.desk.calls.highWater).toBeLessThanOrEqual(AT_ONCE);
    expect(simulator.desk.calls.highWater).toBeGreaterThan(1);
  });
});
