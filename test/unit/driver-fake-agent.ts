import { createDriver } from "#agent/drivers/registry.ts";
import { BYTES_PER_GIB } from "#shared/units.ts";
import { madeVolume } from "#test/conformance/objects.ts";
import { backendRecord, callContext, driverTools } from "#test/kit/driver-context.ts";

/** A second agent, in a process of its own: makes so many volumes of 1 GiB on the fake backend in that folder. */
const [folder = "", count = "0"] = process.argv.slice(2);
const driver = createDriver({ backend: backendRecord("fake", { capacity_gib: 100 }), tools: driverTools(folder) });
await driver.open(callContext());
for (let made = 0; made < Number(count); made++) await madeVolume(driver, { sizeBytes: BYTES_PER_GIB });
await driver.close();
process.exit(0);
