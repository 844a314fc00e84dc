import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
beforeEach(async () => {
  stand = await openApiStand();
});
afterEach(() => stand.api.close());

async function ask(method: "GET" | "POST" | "PUT", path: string, payload?: object, minor?: number) {
  const answer = await stand.ask({
    method,
    url: `/v3/p1/${path}`,
    ...(payload === undefined ? {} : { payload }),
    ...(minor === undefined ? {} : { headers: { "openstack-api-version": `volume 3.${minor}` } }),
  });
  return { status: answer.statusCode, body: answer.body === "" ? null : answer.json() };
}

interface Told {
  readonly binary: string;
  readonly host: string;
}

const list = async (query = "", minor?: number) =>
  (await ask("GET", `os-services${query}`, undefined, minor)).body.services;
const store = async (minor?: number) => (await list("?host=berth@store-1", minor))[0];
const BACKEND = { host: "berth@store-1", binary: "cinder-volume" };
const admission = () => stand.state.backend(1)?.admission;

test("the scheduler, the backends and the agents are services, and found by host and binary", async () => {
  expect((await list()).map(({ binary, host }: Told) => `${binary} ${host}`)).toEqual([
    "cinder-scheduler berth",
    "cinder-volume berth@store-1",
    "cinder-volume berth@store-2",
    "cinder-volume berth@store-3",
    "berth-agent agent-north",
    "berth-agent agent-south",
  ]);
  expect(await list("?host=berth&binary=cinder-volume")).toHaveLength(3);
  expect(await list("?host=berth")).toHaveLength(4);
  expect(await list("?host=bert")).toEqual([]);
  expect(await list("?binary=berth-agent&host=agent-south")).toHaveLength(1);
  expect((await list())[0]).toEqual({
    binary: "cinder-scheduler",
    host: "berth",
    zone: "internal",
    status: "enabled",
    state: "up",
    updated_at: "2026-11-21T06:59:10.053000",
    disabled_reason: null,
    cluster: null,
  });
});

test("a service's fields come with their versions", async () => {
  const base = {
    ...BACKEND,
    zone: "north",
    status: "enabled",
    state: "up",
    updated_at: "2026-11-21T06:59:10.053000",
    disabled_reason: null,
    frozen: false,
    replication_status: "disabled",
    active_backend_id: null,
  };
  expect(await store(6)).toEqual(base);
  expect(await store(7)).toEqual({ ...base, cluster: null });
  expect(await store(48)).toEqual({ ...base, cluster: null });
  expect(await store(49)).toEqual({ ...base, cluster: null, backend_state: "up" });
});

test("a backend is down a minute after its last report; what the storage says of itself is told beside it", async () => {
  await stand.reportDown(1, "no route");
  expect(await store()).toMatchObject({ state: "up", backend_state: "down" });
  stand.nowMs += 60_000;
  expect(await store()).toMatchObject({ state: "up" });
  stand.nowMs += 1;
  expect(await store()).toMatchObject({ state: "down", updated_at: "2026-11-21T06:59:10.053000" });
});

test("disable, with a reason, and enable are the catalogue's admission", async () => {
  expect(await ask("PUT", "os-services/disable", BACKEND)).toEqual({
    status: 200,
    body: { ...BACKEND, service: "", disabled: true, status: "disabled" },
  });
  expect(admission()).toEqual({ state: "disabled", reason: "" });
  expect(await store()).toMatchObject({ status: "disabled", disabled_reason: null });
  const told = await ask("PUT", "os-services/disable-log-reason", { ...BACKEND, disabled_reason: "firmware" });
  expect(told.body).toMatchObject({ disabled: true, status: "disabled", disabled_reason: "firmware" });
  await ask("PUT", "os-services/disable", { host: "berth@store-1", service: "cinder-volume" });
  expect(await store()).toMatchObject({ status: "disabled", disabled_reason: "firmware" });
  const enabled = await ask("PUT", "os-services/enable", BACKEND);
  expect(enabled.body).toEqual({ ...BACKEND, service: "", disabled: false, status: "enabled", disabled_reason: null });
  expect(admission()).toEqual({ state: "enabled" });
});

test("what is drained stays drained when it is disabled", async () => {
  await stand.api.inject({
    method: "PUT",
    url: "/berth/v1/backends/1/admission",
    payload: { state: "draining", reason: "sold" },
  });
  await ask("PUT", "os-services/disable", BACKEND);
  expect(admission()).toEqual({ state: "draining", reason: "sold" });
});

test.each([
  ["enable", { host: "nobody", binary: "cinder-volume" }, 404],
  ["disable", { host: "berth@store-1", binary: "invalid" }, 404],
  ["disable", { host: "berth", binary: "cinder-scheduler" }, 400],
  ["enable", { host: "berth", binary: "cinder-scheduler" }, 200],
  ["enable", { host: "berth@store-1" }, 400],
  ["enable", { binary: "cinder-volume" }, 400],
  ["disable-log-reason", { ...BACKEND, disabled_reason: null }, 400],
  ["disable-log-reason", { ...BACKEND, disabled_reason: " " }, 400],
  ["freeze", { host: "nobody" }, 400],
  ["thaw", { host: "nobody" }, 400],
  ["freeze", {}, 400],
])("PUT %s %j answers %d", async (action, body, status) => {
  expect((await ask("PUT", `os-services/${action}`, body)).status).toBe(status);
  expect(admission()).toEqual({ state: "enabled" });
});

test("clusters are known from 3.26 on, and so is failover", async () => {
  const place = { host: "berth@store-1", cluster: "c" };
  expect((await ask("PUT", "os-services/freeze", place, 25)).status).toBe(200);
  expect((await ask("PUT", "os-services/thaw", place, 26)).body.badRequest.message).toBe(
    "One and only one of cluster and host must be set.",
  );
  expect((await ask("PUT", "os-services/thaw", { cluster: "c" }, 26)).body.badRequest.message).toBe(
    "Cluster 'c' not found.",
  );
  expect((await ask("PUT", "os-services/thaw", { cluster: "c" }, 25)).body.badRequest.message).toBe(
    "Host field is missing.",
  );
  const over = { host: "berth@store-1", backend_id: "dr" };
  expect((await ask("PUT", "os-services/failover", over, 25)).status).toBe(404);
  expect((await ask("PUT", "os-services/failover", over, 26)).status).toBe(409);
});

test("get-log and set-log (3.32) are about the scheduler's own log", async () => {
  expect((await ask("PUT", "os-services/get-log", {}, 31)).status).toBe(404);
  const levels = async (body: object) => (await ask("PUT", "os-services/get-log", body, 32)).body.log_levels;
  const level = (binary: string, name: string) => ({ host: "berth", binary, levels: { berth: name } });
  expect(await levels({})).toEqual([level("cinder-api", "DEBUG"), level("cinder-scheduler", "DEBUG")]);
  expect((await ask("PUT", "os-services/set-log", { binary: "*", level: "warning" }, 32)).status).toBe(202);
  expect(stand.log.level).toBe("warn");
  expect(await levels({ binary: "cinder-api", server: "berth" })).toEqual([level("cinder-api", "WARNING")]);
  expect(await levels({ binary: "cinder-volume" })).toEqual([]);
  expect(await levels({ server: "elsewhere" })).toEqual([]);
  expect((await levels({ prefix: "other." }))[0].levels).toEqual({});
  for (const body of [{ level: "loud" }, { binary: "nova" }, { binary: "cinder-volume", level: "info" }, {}])
    expect((await ask("PUT", "os-services/set-log", body)).status).toBe(400);
  await ask("PUT", "os-services/set-log", { server: "elsewhere", level: "error" });
  expect(stand.log.level).toBe("warn");
});

test("os-hosts: what is not disabled, what stands on each, and enabling", async () => {
  for (const [project, size] of [
    ["p1", 3],
    ["p2", 4],
  ] as const)
    await stand.ask({ method: "POST", url: `/v3/${project}/volumes`, payload: { volume: { size } } });
  const hosts = async (query = "") => (await ask("GET", `os-hosts${query}`)).body.hosts;
  expect(await hosts("?zone=south")).toEqual([
    expect.objectContaining({ host_name: "berth@store-3", service: "cinder-volume" }),
    expect.objectContaining({ host_name: "agent-south", service: "berth-agent" }),
  ]);
  expect((await hosts())[1]).toEqual({
    host_name: "berth@store-1",
    service: "cinder-volume",
    zone: "north",
    "service-status": "available",
    "service-state": "enabled",
    "last-update": "2026-11-21T06:59:10.053000",
  });
  const resource = (project: string, volumes: number, gib: number) => ({
    resource: {
      host: "berth@store-1",
      project,
      volume_count: String(volumes),
      total_volume_gb: String(gib),
      snapshot_count: "0",
      total_snapshot_gb: "0",
    },
  });
  expect((await ask("GET", "os-hosts/berth@store-1")).body).toEqual({
    host: [resource("(total)", 2, 7), resource("p1", 1, 3), resource("p2", 1, 4)],
  });
  expect(await ask("PUT", "os-hosts/berth@store-1", { status: "Disable" })).toEqual({
    status: 200,
    body: { host: "berth@store-1", status: "disabled" },
  });
  expect(admission()).toMatchObject({ state: "disabled" });
  expect((await hosts()).map(({ host_name: name }: { host_name: string }) => name)).not.toContain("berth@store-1");
  expect((await ask("PUT", "os-hosts/berth@store-1", { status: "enable" })).body.status).toBe("enabled");
  expect(admission()).toEqual({ state: "enabled" });
  expect((await ask("PUT", "os-hosts/berth@store-1", { status: "off" })).status).toBe(400);
  for (const host of ["berth", "agent-north", "nobody"])
    expect((await ask("GET", `os-hosts/${host}`)).status).toBe(404);
});

test("there are no clusters (3.7), and nothing is left to clean up (3.24)", async () => {
  expect((await ask("GET", "clusters", undefined, 6)).status).toBe(404);
  for (const path of ["clusters", "clusters/detail?is_up=true"])
    expect(await ask("GET", path, undefined, 7)).toEqual({ status: 200, body: { clusters: [] } });
  expect((await ask("GET", "clusters?colour=red")).status).toBe(400);
  expect((await ask("GET", "clusters?frozen=true", undefined, 25)).status).toBe(400);
  expect((await ask("GET", "clusters?frozen=true", undefined, 26)).status).toBe(200);
  expect((await ask("GET", "clusters/c")).body.itemNotFound.message).toBe("Cluster c could not be found.");
  expect((await ask("PUT", "clusters/disable", { name: "c" })).status).toBe(404);
  expect((await ask("POST", "workers/cleanup", {}, 23)).status).toBe(404);
  const done = { status: 202, body: { cleaning: [], unavailable: [] } };
  expect(await ask("POST", "workers/cleanup", {}, 24)).toEqual(done);
  expect(await ask("POST", "workers/cleanup", { host: "berth", is_up: "False", resource_type: "volume" })).toEqual(
    done,
  );
  const id = "11111111-1111-4111-8111-111111111111";
  expect((await ask("POST", "workers/cleanup", { resource_id: id })).status).toBe(400);
  expect(await ask("POST", "workers/cleanup", { resource_id: id, host: "berth" })).toEqual(done);
  expect((await ask("POST", "workers/cleanup", { binary: "nova" })).status).toBe(400);
});
