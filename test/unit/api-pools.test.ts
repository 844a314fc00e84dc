import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
beforeEach(async () => {
  stand = await openApiStand();
});
afterEach(() => stand.api.close());

async function ask(path: string, minor?: number) {
  const answer = await stand.ask({
    url: `/v3/p1/${path}`,
    ...(minor === undefined ? {} : { headers: { "openstack-api-version": `volume 3.${minor}` } }),
  });
  return { status: answer.statusCode, body: answer.json() };
}

const names = async (query: string, minor?: number): Promise<string[]> =>
  (await ask(`scheduler-stats/get_pools${query}`, minor)).body.pools.map(({ name }: { name: string }) => name);

const ALL = ["berth@store-1#store-1", "berth@store-2#store-2", "berth@store-3#store-3"];

test("pools in short, and in detail with what was measured", async () => {
  await stand.report(1, { properties: { vendor_name: "Acme", storage_protocol: "iSCSI" } });
  await stand.ask({ method: "POST", url: "/v3/p1/volumes", payload: { volume: { size: 7 } } });
  expect((await ask("scheduler-stats/get_pools", 0)).body).toEqual({ pools: ALL.map((name) => ({ name })) });
  const [first, second] = (await ask("scheduler-stats/get_pools?detail=True")).body.pools;
  expect(first).toMatchObject({
    name: ALL[0],
    capabilities: {
      vendor_name: "Acme",
      storage_protocol: "iSCSI",
      driver_version: "0.0.0-test",
      volume_backend_name: "store-1",
      pool_name: "store-1",
      total_capacity_gb: 100,
      free_capacity_gb: 100,
      allocated_capacity_gb: 7,
      provisioned_capacity_gb: expect.any(Number),
      reserved_percentage: expect.any(Number),
      max_over_subscription_ratio: expect.any(Number),
      thin_provisioning_support: expect.any(Boolean),
      thick_provisioning_support: expect.any(Boolean),
      QoS_support: false,
      multiattach: expect.any(Boolean),
      replication_enabled: false,
      backend_state: "up",
      timestamp: "2026-11-21T06:59:10.053000",
    },
  });
  expect(second.capabilities).toMatchObject({ vendor_name: "unknown", storage_protocol: "unknown" });
  await stand.reportDown(1, "no route");
  expect((await ask("scheduler-stats/get_pools?detail=true")).body.pools[0].capabilities.backend_state).toBe("down");
});

test("filters came one by one: names with 3.28, strictness with 3.31, types with 3.35", async () => {
  expect(await names("?name=berth@store-2%23store-2", 27)).toEqual(ALL);
  expect(await names("?name=berth@store-2%23store-2", 28)).toEqual(ALL.slice(1, 2));
  expect(await names("?colour=red", 30)).toEqual(ALL);
  expect((await ask("scheduler-stats/get_pools?colour=red", 31)).body.badRequest.message).toBe(
    "Invalid filters colour are found in query options.",
  );
  expect(await names("?volume_type=silver", 34)).toEqual(ALL);
  expect(await names("?volume_type=silver&detail=false", 35)).toEqual(ALL.slice(2));
  expect((await ask("scheduler-stats/get_pools?volume_type=none")).status).toBe(404);
});

test("a type's pools are those that have what it asks for", async () => {
  const [gold] = stand.state.catalogue.catalogue.flavors;
  await stand.ask({
    method: "POST",
    url: `/v3/p1/types/${gold?.id}/extra_specs`,
    payload: { extra_specs: { vendor_name: "Acme" } },
  });
  await stand.report(2, { properties: { vendor_name: "Acme" } });
  expect(await names("?volume_type=gold")).toEqual(ALL.slice(1, 2));
});

test("capabilities of a backend, by its service's host or its pool", async () => {
  await stand.report(1, { properties: { vendor_name: "Acme", storage_protocol: ["FC", "fc"] } });
  const { body } = await ask("capabilities/berth@store-1");
  expect(body).toMatchObject({
    namespace: "OS::Storage::Capabilities::berth@store-1",
    vendor_name: "Acme",
    volume_backend_name: "store-1",
    pool_name: null,
    driver_version: "0.0.0-test",
    storage_protocol: "FC",
    visibility: null,
    replication_targets: [],
  });
  expect(body.properties.thin_provisioning_support).toEqual({
    title: "thin_provisioning_support",
    description: expect.stringContaining("thin_provisioning_support"),
    type: "boolean",
  });
  expect((await ask("capabilities/berth@store-1%23store-1")).body).toEqual(body);
  expect((await ask("capabilities/nobody")).body.itemNotFound.message).toBe("Can't find service: nobody");
});
