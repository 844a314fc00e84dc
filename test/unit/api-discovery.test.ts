import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
beforeEach(async () => {
  stand = await openApiStand();
});
afterEach(() => stand.api.close());

async function ask(method: "GET" | "POST" | "PUT" | "DELETE", path: string, payload?: object, minor?: number) {
  const answer = await stand.ask({
    method,
    url: `/v3/p1/${path}`,
    ...(payload === undefined ? {} : { payload }),
    ...(minor === undefined ? {} : { headers: { "openstack-api-version": `volume 3.${minor}` } }),
  });
  return { status: answer.statusCode, body: answer.body === "" ? null : answer.json() };
}

test("zones are there while one of their agents is", async () => {
  const south = stand.state.fleet.agents.get("agent-south");
  if (south !== undefined) await stand.engine.submit("agent.heartbeat", { ...south.heartbeat, leaving: true });
  expect((await ask("GET", "os-availability-zone")).body).toEqual({
    availabilityZoneInfo: [
      { zoneName: "north", zoneState: { available: true } },
      { zoneName: "south", zoneState: { available: false } },
    ],
  });
});

test("extensions: all, and each by its alias", async () => {
  const { extensions } = (await ask("GET", "extensions")).body;
  const aliases = extensions.map(({ alias }: { alias: string }) => alias);
  expect(aliases).toEqual(expect.arrayContaining(["os-volume-manage", "os-quota-sets", "qos-specs", "OS-SCH-HNT"]));
  expect(aliases).not.toContain("backups");
  expect(new Set(aliases).size).toBe(aliases.length);
  const { extension } = (await ask("GET", "extensions/os-services")).body;
  expect(extension).toEqual({
    alias: "os-services",
    name: "Services",
    description: "Services",
    updated: "2012-10-28T00:00:00+00:00",
    links: [],
  });
  expect((await ask("GET", "extensions/none")).status).toBe(404);
});

test("resource_filters (3.33) tell what lists take", async () => {
  expect((await ask("GET", "resource_filters", undefined, 32)).status).toBe(404);
  const { body } = await ask("GET", "resource_filters", undefined, 33);
  const filters = new Map(
    body.resource_filters.map((one: { resource: string; filters: string[] }) => [one.resource, one.filters]),
  );
  expect(filters.get("volume")).toEqual(expect.arrayContaining(["name", "status", "metadata", "bootable", "group_id"]));
  expect(filters.get("pool")).toEqual(["name", "volume_type"]);
  expect((await ask("GET", "resource_filters?resource=snapshot")).body.resource_filters).toEqual([
    { resource: "snapshot", filters: filters.get("snapshot") },
  ]);
  expect((await ask("GET", "resource_filters?resource=server")).body).toEqual({ resource_filters: [] });
});

test("backups: none are there and none are made, in the words for a missing service", async () => {
  for (const path of ["backups", "backups/detail?limit=3&sort=name:asc"])
    expect(await ask("GET", path)).toEqual({ status: 200, body: { backups: [] } });
  expect((await ask("GET", "backups?with_count=true")).body).toEqual({ backups: [], count: 0 });
  expect((await ask("GET", "backups?marker=b")).status).toBe(404);
  const { volume } = (await ask("POST", "volumes", { volume: { size: 1 } })).body;
  const refused = await ask("POST", "backups", { backup: { volume_id: volume.id, name: "b", incremental: false } });
  expect([refused.status, refused.body.serviceUnavailable.message]).toEqual([
    503,
    "Service cinder-backup could not be found.",
  ]);
  const id = "11111111-1111-4111-8111-111111111111";
  expect((await ask("POST", "backups", { backup: { volume_id: id } })).status).toBe(404);
  expect((await ask("POST", "backups", { backup: {} })).status).toBe(400);
  const gone = [
    await ask("GET", `backups/${id}`),
    await ask("DELETE", `backups/${id}`),
    await ask("PUT", `backups/${id}`, { backup: { name: "x" } }, 9),
    await ask("POST", `backups/${id}/restore`, { restore: { volume_id: null } }),
    await ask("GET", `backups/${id}/export_record`),
    await ask("POST", `backups/${id}/action`, { "os-force_delete": {} }),
    await ask("POST", `backups/${id}/action`, { "os-reset_status": { status: "error" } }),
  ];
  for (const { status, body } of gone)
    expect([status, body.itemNotFound.message]).toEqual([404, `Backup ${id} could not be found.`]);
  const record = { "backup-record": { backup_service: "s", backup_url: "u" } };
  expect((await ask("POST", "backups/import_record", record)).status).toBe(503);
});
