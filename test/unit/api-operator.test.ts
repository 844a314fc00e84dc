import { afterEach, beforeEach, expect, test } from "vitest";
import type { BackendView } from "#scheduler/api/operator/schemas.ts";
import { gibToBytes } from "#shared/units.ts";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";
import { measurementOf } from "#test/kit/core-stand.ts";

const BASE = "/berth/v1";

let stand: ApiStand;
beforeEach(async () => {
  stand = await openApiStand();
});
afterEach(() => stand.api.close());

async function call(method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE", path: string, payload?: object) {
  const answer = await stand.api.inject({
    method,
    url: `${BASE}${path}`,
    ...(payload === undefined ? {} : { payload }),
  });
  return { status: answer.statusCode, body: answer.body === "" ? null : answer.json() };
}

async function backend(id: number): Promise<BackendView> {
  return (await call("GET", `/backends/${id}`)).body.backend;
}

async function createVolume(volume: object): Promise<string> {
  const answer = await stand.api.inject({ method: "POST", url: "/v3/p1/volumes", payload: { volume } });
  expect(answer.statusCode).toBe(202);
  return answer.json().volume.id;
}

test("health: ok while every agent and backend is, degraded otherwise", async () => {
  expect((await call("GET", "/health")).body).toEqual({
    status: "ok",
    schedulerId: "scheduler-under-test",
    version: "0.0.0-test",
    // That two agents came up is told as events.
    ledgerSeq: 2,
    role: "leader",
    leaderUrl: null,
    lagCommits: 0,
    agentsUp: 2,
    agentsDown: 0,
    backendsUp: 3,
    backendsTotal: 3,
    catalogueProblem: null,
  });
  await stand.reportDown(2, "folder is gone");
  expect((await call("GET", "/health")).body).toMatchObject({ status: "degraded", backendsUp: 2 });
});

test("agents: who they are, when seen, what they have open", async () => {
  stand.nowMs += 1500;
  const { agents } = (await call("GET", "/agents")).body;
  expect(agents[0]).toEqual({
    id: "agent-north",
    zone: "north",
    host: "host-1",
    pid: 4242,
    program: "berth-agent",
    state: "up",
    lastSeenAgeMs: 1500,
    startedAt: "2026-11-21T06:59:10.053Z",
    jobsInHand: 0,
    backends: [
      { id: 1, name: "store-1", state: "open", error: null },
      { id: 2, name: "store-2", state: "open", error: null },
    ],
  });
  stand.nowMs += 60_000;
  await stand.engine.submit("tick", {});
  expect((await call("GET", "/agents")).body.agents[0].state).toBe("down");
});

test("zones: made, listed with what is in them, deleted when empty", async () => {
  await createVolume({ size: 1 });
  expect((await call("GET", "/zones")).body.zones).toEqual([
    { name: "north", description: "the north", agentsUp: 1, backends: 2, volumes: 1 },
    { name: "south", description: "", agentsUp: 1, backends: 1, volumes: 0 },
  ]);
  const made = await call("POST", "/zones", { name: "east", description: "new" });
  expect(made).toEqual({
    status: 201,
    body: { zone: { name: "east", description: "new", agentsUp: 0, backends: 0, volumes: 0 } },
  });
  expect((await call("POST", "/zones", { name: "east" })).body.error.code).toBe("E_CONFLICT");
  expect((await call("DELETE", "/zones/east")).status).toBe(204);
  expect(await call("DELETE", "/zones/north")).toMatchObject({ status: 409, body: { error: { code: "E_IN_USE" } } });
  expect((await call("DELETE", "/zones/nowhere")).status).toBe(404);
});

test.each([
  ["no name", {}, "name", ""],
  ["a name with dots", { name: "no.rth" }, "name", "/name"],
  ["an unknown key", { name: "east", colour: "red" }, "colour", "/colour"],
  ["a number", { name: 7 }, "name", "/name"],
])("a zone with %s is 400 and says what", async (_what, body, named, path) => {
  const { status, body: answer } = await call("POST", "/zones", body);
  expect(status).toBe(400);
  expect(answer.error).toMatchObject({ code: "E_BAD_REQUEST", message: expect.stringContaining(named) });
  expect(answer.error.requestId).toMatch(/^req-/);
  expect(answer.error.details.faults[0].path).toBe(path);
});

test("flavors: made, shown, their order changed, the default moved, deleted", async () => {
  const made = await call("POST", "/flavors", { name: "bronze", description: "third" });
  expect(made.status).toBe(201);
  expect(made.body.flavor).toMatchObject({ name: "bronze", description: "third", isDefault: false, backends: [] });
  const put = await call("PUT", "/flavors/bronze/backends", { backends: [3, 1] });
  expect(put.body.flavor.backends).toEqual([
    { id: 3, name: "store-3", zone: "south" },
    { id: 1, name: "store-1", zone: "north" },
  ]);
  expect((await call("PUT", "/flavors/bronze/backends", { backends: [3, 99] })).status).toBe(400);
  expect((await call("PUT", "/default-flavor", { name: "bronze" })).body).toEqual({ name: "bronze" });
  expect((await call("GET", `/flavors/${made.body.flavor.id}`)).body.flavor.isDefault).toBe(true);
  expect((await call("DELETE", "/flavors/bronze")).body.error.code).toBe("E_IN_USE");
  expect((await call("PUT", "/default-flavor", { name: null })).body).toEqual({ name: null });
  expect((await call("DELETE", "/flavors/bronze")).status).toBe(204);
  expect((await call("GET", "/flavors")).body.flavors.map((flavor: { name: string }) => flavor.name)).toEqual([
    "gold",
    "silver",
  ]);
  expect((await call("GET", "/flavors/bronze")).body.error.message).toContain("flavors are: gold, silver");
});

test("the first-fit order that is put is the order that placing takes", async () => {
  await call("PUT", "/flavors/gold/backends", { backends: [2, 1] });
  const id = await createVolume({ size: 1 });
  expect((await call("GET", `/volumes/${id}/placement`)).body.backend).toEqual({ id: 2, name: "store-2" });
});

test("a backend: health, capacity by placing's own sums, counts, and no word of where its secret is", async () => {
  await createVolume({ size: 10 });
  stand.nowMs += 4000;
  const shown = await backend(1);
  expect(shown).toMatchObject({
    id: 1,
    name: "store-1",
    driver: "fake",
    zone: "north",
    host: null,
    parameters: { capacity_gib: 100, password: "file:[hidden]" },
    admission: { state: "enabled" },
    flavors: ["gold"],
    health: "up",
    healthDetail: null,
    reportAgeMs: 4000,
    reportedBy: "agent-north",
    volumes: 1,
    snapshots: 0,
    jobsInHand: 0,
    jobsWaiting: 0,
  });
  expect(shown.capacity).toEqual({
    poolId: "pool-1",
    totalBytes: gibToBytes(100),
    freeBytes: gibToBytes(100),
    limitBytes: null,
    availableBytes: gibToBytes(90),
    provisionedBytes: 0,
    unmeasuredBytes: gibToBytes(10),
    objectCount: 0,
    maxObjects: null,
    thin: false,
    capabilities: measurementOf().capabilities,
    properties: expect.objectContaining({ volume_backend_name: "store-1", multiattach: true, total_capacity_gb: 100 }),
  });
  const all: BackendView[] = (await call("GET", "/backends")).body.backends;
  // What flavors can ask for is told of single ones only.
  expect(all.map(({ capacity }) => capacity?.properties)).toEqual([undefined, undefined, undefined]);
  expect((await call("GET", "/backends/store-1")).body.backend.id).toBe(1);
  expect((await call("GET", "/backends/9")).status).toBe(404);
});

test("a backend that is not up says why", async () => {
  await stand.reportDown(2, "folder is gone");
  expect(await backend(2)).toMatchObject({ health: "down", healthDetail: "folder is gone" });
  stand.nowMs += 10 * 60_000;
  await stand.heartbeat("north");
  expect(await backend(1)).toMatchObject({ health: "report-old", healthDetail: "its last report is 10 min old" });
  await stand.engine.submit("tick", {});
  expect(await backend(3)).toMatchObject({ health: "agent-down", healthDetail: "no agent is up in zone south" });
});

test("refresh measures before it shows", async () => {
  stand.nowMs += 5000;
  expect((await call("GET", "/backends/1?refresh=true")).body.backend.reportAgeMs).toBe(0);
  expect(stand.measured).toEqual([1]);
});

test("a backend is added from key=value texts, seen, taken out of a flavor, and removed when nothing uses it", async () => {
  const added = await call("POST", "/backends", {
    flavor: "silver",
    driver: "fake",
    zone: "south",
    parameters: { capacity_gib: "50", name_label: "toybox", reserved_percentage: "10", thin: "true" },
  });
  expect(added.status).toBe(201);
  expect(added.body.backend).toMatchObject({
    id: 4,
    name: "toybox",
    zone: "south",
    flavors: ["silver"],
    parameters: { capacity_gib: 50, thin: true },
    settings: { reservedPercentage: 10 },
    health: "no-report",
    healthDetail: "no agent has measured it yet",
    capacity: null,
  });
  expect((await call("PUT", "/backends/4/flavors/gold")).body.backend.flavors).toEqual(["gold", "silver"]);
  await call("PUT", "/backends/4/flavors/gold", { position: 0 });
  expect((await call("GET", "/flavors/gold")).body.flavor.backends[0].id).toBe(4);
  expect((await call("DELETE", "/backends/4/flavors/silver")).body.backend.flavors).toEqual(["gold"]);
  expect((await call("DELETE", "/backends/4")).status).toBe(204);
  expect((await call("GET", "/flavors/gold")).body.flavor.backends).toHaveLength(3);
});

test("a zone's settings are set, changed and taken away, and what needs them is refused without", async () => {
  const nfs = { driver: "nfs", zone: "south", parameters: { server: "myserver", serverpath: "/local/scratch/me" } };
  const refused = await call("POST", "/backends", nfs);
  expect(refused).toMatchObject({ status: 400, body: { error: { code: "E_BAD_REQUEST" } } });
  expect(refused.body.error.message).toContain("berth zone set south xenapi_url=…");
  const set = (settings: object) => call("PATCH", "/zones/south", { settings });
  const xen = { xenapi_url: "https://xen1", xenapi_user: "root", xenapi_password: "file:/etc/berth/xen" };
  expect((await set({ ...xen, xenapi_verify_tls: "false" })).body.zone.settings).toEqual({
    ...xen,
    xenapi_password: "file:[hidden]",
    xenapi_verify_tls: false,
  });
  expect((await set({ xenapi_verify_tls: null })).body.zone.settings).not.toHaveProperty("xenapi_verify_tls");
  for (const wrong of [{ xenapi_password: "hunter2" }, { xenapi_ulr: "x" }, { xenapi_url: "xen1" }]) {
    const answer = await set(wrong);
    expect([answer.status, JSON.stringify(answer.body).includes("hunter2")]).toEqual([400, false]);
  }
  expect((await call("PATCH", "/zones/nowhere", { settings: {} })).status).toBe(404);
  const added = await call("POST", "/backends", { ...nfs, name: "toybox" });
  expect(added.status).toBe(201);
  // As long as something needs it, it stays.
  const kept = await set({ xenapi_url: null, xenapi_user: "admin" });
  expect(kept).toMatchObject({
    status: 409,
    body: { error: { code: "E_IN_USE", message: expect.stringContaining("toybox") } },
  });
  expect((await call("DELETE", `/backends/${added.body.backend.id}`)).status).toBe(204);
  expect((await set({ xenapi_url: null, xenapi_user: null, xenapi_password: null })).body.zone).not.toHaveProperty(
    "settings",
  );
});

test("all faults of a backend come at once, with the nearest name", async () => {
  const { status, body } = await call("POST", "/backends", {
    driver: "file",
    zone: "east",
    parameters: { pth: "/srv", capacity_gib: "lots" },
  });
  expect(status).toBe(400);
  for (const part of ["pth", "path", "capacity_gib", "zone"]) expect(body.error.message).toContain(part);
  expect(body.error.details.faults.length).toBeGreaterThanOrEqual(3);
  expect((await call("POST", "/backends", { driver: "vmax", zone: "south", parameters: {} })).body.error.code).toBe(
    "E_DRIVER_NOT_BUILT",
  );
});

test("removing what is in use is refused with what uses it", async () => {
  const id = await createVolume({ size: 1 });
  const { status, body } = await call("DELETE", "/backends/1");
  expect([status, body.error.code]).toEqual([409, "E_IN_USE"]);
  expect(body.error.message).toContain(id);
});

test("admission and settings are changed and count at once", async () => {
  expect((await call("PUT", "/backends/1/admission", { state: "disabled" })).status).toBe(400);
  const disabled = await call("PUT", "/backends/1/admission", { state: "disabled", reason: "new disks" });
  expect(disabled.body.backend.admission).toEqual({ state: "disabled", reason: "new disks" });
  const changed = await call("PATCH", "/backends/2", { settings: { reservedPercentage: 95 } });
  expect(changed.body.backend.settings).toMatchObject({ reservedPercentage: 95, maxConcurrent: 4 });
  expect((await call("PATCH", "/backends/2", { settings: { reservedPercentage: 101 } })).status).toBe(400);
  const { round } = (await call("POST", "/placements/dry-run", { sizeGib: 10 })).body;
  expect(round.chosenBackendId).toBe(3);
  expect(round.verdicts.map((verdict: { text: string }) => verdict.text)).toEqual([
    "is disabled: new disks",
    expect.stringMatching(/^has not enough free: 10 GiB needed, 5 GiB available .*reserved 95 GiB/),
    expect.stringMatching(/^fits: 10 GiB needed, 100 GiB available/),
  ]);
});

test("a dry run answers what the real one then does, and keeps nothing", async () => {
  const { round } = (await call("POST", "/placements/dry-run", { sizeGib: 99, zone: "south", flavor: "gold" })).body;
  expect(stand.state.table("volume").size).toBe(0);
  const id = await createVolume({ size: 99, availability_zone: "south", volume_type: "gold" });
  const placement = (await call("GET", `/volumes/${id}/placement`)).body;
  expect(placement.rounds).toEqual([round]);
  expect(placement).toMatchObject({
    volumeId: id,
    flavor: "gold",
    backend: { id: 3, name: "store-3" },
    lastError: null,
  });
});

test.each([
  ["a size of 0", { sizeGib: 0 }, 400],
  ["a fraction", { sizeGib: 1.5 }, 400],
  ["no size", {}, 400],
  ["an unknown flavor", { sizeGib: 1, flavor: "platinum" }, 404],
  ["an unknown zone", { sizeGib: 1, zone: "east" }, 400],
  ["a volume that is not there", { volumeId: "99999999-9999-4999-8999-999999999999" }, 404],
])("a dry run with %s is refused as the real one", async (_what, body, status) => {
  expect((await call("POST", "/placements/dry-run", body)).status).toBe(status);
});

test("placement by name: one volume's, or which have the name", async () => {
  const id = await createVolume({ size: 1, name: "data/ü" });
  const path = `/volumes/${encodeURIComponent("data/ü")}/placement`;
  expect((await call("GET", path)).body.volumeId).toBe(id);
  expect((await call("GET", `${path}?project=p2`)).status).toBe(404);
  const other = await createVolume({ size: 1, name: "data/ü" });
  const { status, body } = await call("GET", path);
  expect(status).toBe(409);
  expect(body.error.details.ids).toEqual([id, other]);
});

test("drivers: those built with their parameters, those known", async () => {
  const { drivers } = (await call("GET", "/drivers")).body;
  const file = drivers.find((driver: { name: string }) => driver.name === "file");
  expect(file).toMatchObject({ built: true, parameters: { type: "object", required: ["path", "capacity_gib"] } });
  expect(drivers.find((driver: { name: string }) => driver.name === "vmax")).toEqual({
    name: "vmax",
    title: expect.any(String),
    built: false,
  });
});

test("what went wrong with a volume or a snapshot is told where the field's answers have no key for it", async () => {
  const { volume } = (
    await stand.api.inject({ method: "POST", url: "/v3/p1/volumes", payload: { volume: { size: 5000 } } })
  ).json();
  const told = await stand.api.inject(`/berth/v1/volumes/${volume.id}/last-error`);
  expect(told.json()).toMatchObject({ id: volume.id, status: "error", lastError: { code: "E_NO_PLACEMENT" } });
  expect((await stand.api.inject(`/berth/v1/snapshots/${volume.id}/last-error`)).statusCode).toBe(404);
});
