import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { CATALOGUE_VERSION } from "#shared/model/catalogue.ts";
import { SealingKey } from "#shared/sealed.ts";
import { BerthClient } from "#test/kit/berth-client.ts";
import { sampleCatalogue } from "#test/kit/catalogue.ts";
import { freePort } from "#test/kit/free-port.ts";
import { Program } from "#test/kit/program.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { until } from "#test/kit/until.ts";

/** A scheduler on a data folder with that catalogue. It needs no nats-server to start and to answer. */
async function schedulerOn(catalogue: string) {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "catalogue.json"), catalogue);
  writeFileSync(join(folder, "secret.key"), SealingKey.generate(), { mode: 0o600 });
  const [apiPort, natsPort] = [await freePort(), await freePort()];
  const scheduler = new Program({
    name: "scheduler",
    file: join(import.meta.dirname, "../../scheduler/main.ts"),
    environment: {
      BERTH_DATA: folder,
      BERTH_API_PORT: String(apiPort),
      BERTH_NATS_URL: `nats://127.0.0.1:${natsPort}`,
    },
  });
  const client = new BerthClient(`http://127.0.0.1:${apiPort}`);
  onTestFinished(async () => {
    await scheduler[Symbol.asyncDispose]();
    await client[Symbol.asyncDispose]();
  });
  scheduler.start();
  return { folder, scheduler, client, onDisk: () => readFileSync(join(folder, "catalogue.json"), "utf8") };
}

const { quotas: _quotas, qos: _qos, defaultFlavors: _defaults, ...asOfVersion1 } = sampleCatalogue();

test("a newer Berth runs on an older one's catalogue, says what that changed, and writes it anew when it changes", async () => {
  const older = JSON.stringify({ ...asOfVersion1, version: 1 }, null, 2);
  const { scheduler, client, onDisk } = await schedulerOn(older);
  await until("it answers", () => client.health());
  expect(onDisk()).toBe(older);
  expect(
    scheduler.logged("the catalogue file is of an older version", "quotas were added, and none are set"),
  ).toHaveLength(1);
  await client.createZone("east");
  expect(JSON.parse(onDisk())).toMatchObject({
    version: CATALOGUE_VERSION,
    quotas: { default: {}, projects: {} },
    zones: [{}, {}, { name: "east" }],
  });
});

test("an older Berth does not start on a newer one's catalogue, and touches nothing", async () => {
  const newer = JSON.stringify({ ...asOfVersion1, version: 99, colours: ["gold"] }, null, 2);
  const { scheduler, folder, onDisk } = await schedulerOn(newer);
  expect(await scheduler.ended()).toBe(1);
  expect(
    scheduler.logged(
      "catalogue.json:2",
      `version is 99, of a newer Berth than this one, which knows ${CATALOGUE_VERSION}`,
    ),
  ).not.toEqual([]);
  expect(onDisk()).toBe(newer);
  expect(existsSync(join(folder, "ledger.sqlite"))).toBe(false);
});
