import { afterEach, beforeEach, expect, test } from "vitest";
import { runBerth } from "#scheduler/cli/program.ts";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";
import { RecordingTerminal } from "#test/kit/recording-terminal.ts";

const GOLD = "11111111-1111-4111-8111-111111111111";

let stand: ApiStand;
let url = "";
beforeEach(async () => {
  stand = await openApiStand();
  url = await stand.api.listen({ host: "127.0.0.1", port: 0 });
});
afterEach(() => stand.api.close());

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
async function call(method: Method, path: string, payload?: object) {
  const answer = await stand.ask({ method, url: path, ...(payload === undefined ? {} : { payload }) });
  return { status: answer.statusCode, body: answer.body === "" ? null : answer.json() };
}

async function berth(...argv: string[]): Promise<{ exitCode: number; out: string; err: string }> {
  const terminal = new RecordingTerminal({ env: { BERTH_API_URL: url, BERTH_PROJECT: "p1" } });
  const exitCode = await runBerth(argv, terminal);
  return { exitCode, out: terminal.outText, err: terminal.errText };
}

const names = async (path: string): Promise<string[]> =>
  (await call("GET", path)).body.volume_types.map(({ name }: { name: string }) => name);
const create = (volume: object, more: object = {}) =>
  call("POST", "/v3/p1/volumes", { volume: { size: 1, ...volume }, ...more });

test("types: made, shown, changed, deleted as the field's clients do it", async () => {
  const made = await call("POST", "/v3/p1/types", {
    volume_type: { name: "bronze", description: "b", extra_specs: { "capabilities:compression": "<is> True" } },
  });
  expect(made.status).toBe(200);
  const { id } = made.body.volume_type;
  expect(made.body.volume_type).toEqual({
    id,
    name: "bronze",
    description: "b",
    is_public: true,
    "os-volume-type-access:is_public": true,
    extra_specs: { "capabilities:compression": "<is> True" },
    qos_specs_id: null,
  });
  expect((await call("POST", "/v3/types", { volume_type: { name: "bronze" } })).status).toBe(409);
  expect((await call("PUT", `/v3/p1/types/${id}`, { volume_type: { name: "tin" } })).body.volume_type.name).toBe("tin");
  expect((await call("PUT", `/v3/p1/types/${id}`, { volume_type: {} })).status).toBe(400);
  expect((await call("DELETE", `/v3/p1/types/${id}`)).status).toBe(202);
  expect(await call("GET", `/v3/p1/types/${id}`)).toMatchObject({
    status: 404,
    body: { itemNotFound: { message: `Volume type ${id} could not be found.` } },
  });
  await create({ volume_type: "silver" });
  const used = await call("DELETE", "/v3/p1/types/silver");
  expect([used.status, used.body.badRequest.message]).toEqual([
    400,
    expect.stringMatching(/^Target volume type is still in use\./),
  ]);
  expect(await call("DELETE", "/v3/p1/types/gold")).toMatchObject({
    status: 400,
    body: { badRequest: { message: `The volume type ${GOLD} is a default volume type and cannot be deleted.` } },
  });
  const closed = await call("POST", "/v3/p1/types", {
    volume_type: { name: "own", extra_specs: { a: null, b: true }, "os-volume-type-access:is_public": "False" },
  });
  expect(closed.body.volume_type).toMatchObject({ is_public: false, extra_specs: { b: "True" } });
  const renamed = await call("PUT", `/v3/p1/types/${closed.body.volume_type.id}`, {
    volume_type: { description: "d" },
  });
  expect(renamed.body.volume_type).not.toHaveProperty("os-volume-type-access:is_public");
  expect((await call("PUT", "/v3/p1/types/own", { volume_type: { name: " " } })).body.badRequest.message).toBe(
    "Volume type name can not be empty.",
  );
  expect((await call("POST", "/v3/p1/types", { volume_type: { name: "x", colour: "red" } })).status).toBe(400);
});

test("types are listed page by page, sorted, and found by name", async () => {
  for (const name of ["bronze", "tin"]) await call("POST", "/v3/p1/types", { volume_type: { name } });
  expect(await names("/v3/p1/types")).toEqual(["tin", "bronze", "silver", "gold"]);
  expect(await names("/v3/p1/types?sort=name:asc")).toEqual(["bronze", "gold", "silver", "tin"]);
  expect(await names("/v3/p1/types?name=tin")).toEqual(["tin"]);
  const page = (await call("GET", "/v3/p1/types?limit=1&sort=name:asc")).body;
  const { id } = page.volume_types[0];
  expect(page.volume_type_links[0].href).toContain(`/v3/p1/types?limit=1&sort=name%3Aasc&marker=${id}`);
  expect(await names(`/v3/p1/types?sort=name:asc&limit=2&marker=${id}`)).toEqual(["gold", "silver"]);
  expect((await call("GET", "/v3/p1/types?marker=nothing")).status).toBe(404);
  expect((await call("GET", "/v3/p1/types?limit=-1")).status).toBe(400);
});

test("extra specs: all, one by one, and those of volumes that are there stay", async () => {
  const path = `/v3/p1/types/${GOLD}/extra_specs`;
  expect(await call("POST", path, { extra_specs: { volume_backend_name: "store-2", vendor_name: "x" } })).toEqual({
    status: 200,
    body: { extra_specs: { volume_backend_name: "store-2", vendor_name: "x" } },
  });
  expect((await call("PUT", `${path}/vendor_name`, { vendor_name: "y" })).body).toEqual({ vendor_name: "y" });
  expect((await call("PUT", `${path}/vendor_name`, { other: "y" })).status).toBe(400);
  expect((await call("GET", `${path}/vendor_name`)).body).toEqual({ vendor_name: "y" });
  expect((await call("DELETE", `${path}/vendor_name`)).status).toBe(202);
  expect((await call("DELETE", `${path}/vendor_name`)).status).toBe(404);
  expect((await call("GET", path)).body).toEqual({ extra_specs: { volume_backend_name: "store-2" } });

  const { volume } = (await create({})).body;
  expect(volume.id).toBeDefined();
  expect(stand.state.get("volume", volume.id)?.backendId).toBe(2);
  const refused = await call("POST", path, { extra_specs: { "provisioning:type": "thick" } });
  expect([refused.status, refused.body.badRequest.message]).toEqual([400, expect.stringContaining("cannot change")]);
  expect((await call("PUT", `${path}/volume_backend_name`, { volume_backend_name: "store-1" })).status).toBe(200);
  expect((await call("POST", path, { extra_specs: { "bad key": "x" } })).status).toBe(400);
  expect((await call("POST", path, { extra_specs: { nested: {} } })).status).toBe(400);
});

test("access: a closed type is there for those who were let in", async () => {
  const path = `/v3/p1/types/${GOLD}`;
  expect((await call("GET", `${path}/os-volume-type-access`)).status).toBe(404);
  expect((await call("POST", `${path}/action`, { addProjectAccess: { project: "lab" } })).status).toBe(400);
  await call("PUT", path, { volume_type: { is_public: false } });
  expect((await call("POST", `${path}/action`, { addProjectAccess: { project: "lab" } })).status).toBe(202);
  expect((await call("POST", `${path}/action`, { addProjectAccess: { project: "lab" } })).status).toBe(409);
  expect((await call("GET", `${path}/os-volume-type-access`)).body).toEqual({
    volume_type_access: [{ volume_type_id: GOLD, project_id: "lab" }],
  });
  expect([await names("/v3/p1/types"), await names("/v3/lab/types")]).toEqual([["silver"], ["silver", "gold"]]);
  expect(await names("/v3/p1/types?is_public=None")).toEqual(["silver", "gold"]);
  expect(await names("/v3/p1/types?is_public=false")).toEqual(["gold"]);
  expect((await create({ volume_type: "gold" })).status).toBe(404);
  expect((await call("POST", "/v3/lab/volumes", { volume: { size: 1, volume_type: "gold" } })).status).toBe(202);
  expect((await call("POST", `${path}/action`, { removeProjectAccess: { project: "lab" } })).status).toBe(202);
  expect((await call("POST", `${path}/action`, { removeProjectAccess: { project: "lab" } })).status).toBe(404);
  expect((await call("POST", `${path}/action`, { openToAll: {} })).status).toBe(400);
});

test("default types: a project's own goes before the common one", async () => {
  const put = await call("PUT", "/v3/p1/default-types/lab", { default_type: { volume_type: "silver" } });
  const { volume_type_id } = put.body.default_type;
  expect(put).toMatchObject({ status: 200, body: { default_type: { project_id: "lab" } } });
  expect((await call("GET", "/v3/p1/default-types")).body.default_types).toEqual([
    { project_id: "lab", volume_type_id },
  ]);
  expect((await call("GET", "/v3/lab/types/default")).body.volume_type.name).toBe("silver");
  expect((await call("GET", "/v3/p1/types/default")).body.volume_type.name).toBe("gold");
  expect((await call("DELETE", "/v3/p1/default-types/lab")).status).toBe(204);
  expect((await call("GET", "/v3/p1/default-types/lab")).status).toBe(404);
  expect((await call("PUT", "/v3/p1/default-types/lab", { default_type: { volume_type: "x" } })).status).toBe(400);
});

test("QoS: made, associated, met by the host that connects at the volume's size", async () => {
  const made = await call("POST", "/v3/p1/qos-specs", {
    qos_specs: { name: "fair", consumer: "front-end", total_iops_sec_per_gb: 10, read_bytes_sec: "1000" },
  });
  const { id } = made.body.qos_specs;
  expect(made).toMatchObject({
    status: 200,
    body: {
      qos_specs: {
        name: "fair",
        consumer: "front-end",
        specs: { total_iops_sec_per_gb: "10", read_bytes_sec: "1000" },
      },
      links: [{ rel: "self", href: expect.stringContaining(`/qos-specs/${id}`) }, { rel: "bookmark" }],
    },
  });
  expect((await call("POST", "/v3/p1/qos-specs", { qos_specs: { name: "x", consumer: "nobody" } })).status).toBe(400);
  expect((await call("GET", `/v3/p1/qos-specs/${id}/associate?vol_type_id=${GOLD}`)).status).toBe(202);
  expect((await call("GET", `/v3/p1/qos-specs/${id}/associations`)).body).toEqual({
    qos_associations: [{ association_type: "volume_type", name: "gold", id: GOLD }],
  });
  expect((await call("GET", `/v3/p1/types/${GOLD}`)).body.volume_type.qos_specs_id).toBe(id);

  const { volume } = (await create({ size: 5 })).body;
  const connector = { initiator: "iqn.2026-01.test:host", host: "h", ip: "192.0.2.7" };
  const connected = await call("POST", `/v3/p1/volumes/${volume.id}/action`, {
    "os-initialize_connection": { connector },
  });
  expect(connected.body.connection_info.data.qos_specs).toEqual({ total_iops_sec: 50, read_bytes_sec: "1000" });

  expect(
    (await call("PUT", `/v3/p1/qos-specs/${id}`, { qos_specs: { consumer: "both", size_iops_sec: "9" } })).body,
  ).toEqual({ qos_specs: { consumer: "both", size_iops_sec: "9" } });
  expect((await call("PUT", `/v3/p1/qos-specs/${id}/delete_keys`, { keys: ["nothing"] })).status).toBe(404);
  expect((await call("PUT", `/v3/p1/qos-specs/${id}/delete_keys`, { keys: ["size_iops_sec"] })).status).toBe(202);
  expect((await call("DELETE", `/v3/p1/qos-specs/${id}?force=perhaps`)).status).toBe(400);
  expect((await call("DELETE", `/v3/p1/qos-specs/${id}?force=False`)).status).toBe(400);
  expect((await call("GET", "/v3/p1/qos-specs/none")).body.itemNotFound.message).toBe("No such QoS spec none.");
  expect((await call("GET", `/v3/p1/qos-specs/${id}/associate`)).status).toBe(400);
  expect((await call("GET", `/v3/p1/qos-specs/${id}/disassociate_all`)).status).toBe(202);
  expect((await call("DELETE", `/v3/p1/qos-specs/${id}`)).status).toBe(202);
  expect((await call("GET", "/v3/p1/qos-specs")).body).toEqual({ qos_specs: [] });
});

test("scheduler hints: understood, or refused by name", async () => {
  const { volume } = (await create({})).body;
  await stand.engine.until(
    "volume",
    volume.id,
    () => (stand.state.get("volume", volume.id)?.status === "available" ? true : undefined),
    5_000,
  );
  const hinted = async (hints: unknown) => create({}, { "OS-SCH-HNT:scheduler_hints": hints });
  const apart = await hinted({ different_host: volume.id });
  expect(stand.state.get("volume", apart.body.volume.id)?.backendId).toBe(2);
  const beside = await hinted({ same_host: [volume.id], different_host: null });
  expect(stand.state.get("volume", beside.body.volume.id)?.backendId).toBe(1);
  for (const hints of [{ query: "[]" }, { local_to_instance: "x" }, { same_host: "no id" }, { same_host: [1] }, "x"])
    expect((await hinted(hints)).status, JSON.stringify(hints)).toBe(400);
  expect((await hinted({ same_host: "99999999-9999-4999-8999-999999999999" })).status).toBe(404);
});

test("berth: flavors with extra specs, QoS, projects and defaults", async () => {
  expect((await berth("qos", "create", "fast", "total_iops_sec=500", "--consumer", "both")).exitCode).toBe(0);
  const set = await berth(
    "flavor",
    "set",
    "gold",
    "provisioning:type=thick",
    "vendor_name=<or> Acme <or> Initech",
    "--qos",
    "fast",
  );
  expect([set.exitCode, set.err]).toEqual([0, ""]);
  expect(set.out).toMatch(/open to\s+all projects/);
  expect(set.out).toMatch(/QoS\s+fast/);
  expect(set.out).toContain("<or> Acme <or> Initech");
  expect((await berth("qos", "list")).out).toMatch(/fast\s+both\s+total_iops_sec=500\s+gold/);
  expect((await berth("qos", "delete", "fast")).err).toContain("in use by flavors: gold");
  expect((await berth("flavor", "unset", "gold", "colour")).err).toContain('has no extra spec "colour"');
  expect((await berth("flavor", "unset", "gold", "vendor_name", "provisioning:type", "--qos")).exitCode).toBe(0);
  expect((await call("GET", "/berth/v1/flavors/gold")).body.flavor).toMatchObject({
    extraSpecs: {},
    qos: null,
    projects: null,
  });
  expect((await berth("flavor", "access", "gold", "--add", "lab")).err).toContain("open to all projects");
  expect((await berth("flavor", "access", "gold", "--private", "--add", "lab")).out).toMatch(/open to\s+projects lab/);
  expect((await berth("flavor", "default", "silver", "--project", "p1")).out).toBe(
    "The default flavor of project p1 is silver.\n",
  );
  expect((await berth("flavor", "default", "--project", "p1")).out).toContain("silver");
  expect((await berth("flavor", "default")).out).toBe("The default flavor is gold.\n");
  expect((await berth("flavor", "access", "gold", "--public")).out).toMatch(/open to\s+all projects/);
  expect((await berth("flavor", "set", "gold")).exitCode).toBe(2);
});

test("berth: what a backend is said to be, and why a volume does not go there", async () => {
  await berth("flavor", "set", "gold", "colour=red");
  const refused = await berth("volume", "create", "--size", "1", "--flavor", "gold", "--dry-run");
  expect(refused.out).toContain("it reports nothing of that name");
  expect(refused.err).toContain("berth backend show ID");
  expect(
    (await berth("backend", "set", "2", "property:colour=red", "property:fast=true", "property:tags=a,b")).exitCode,
  ).toBe(0);
  expect((await call("GET", "/berth/v1/backends/2")).body.backend.capacity.properties).toMatchObject({
    colour: "red",
    fast: true,
    tags: ["a", "b"],
    volume_backend_name: "store-2",
    thick_provisioning_support: true,
  });
  expect((await berth("volume", "create", "--size", "1", "--flavor", "gold", "--name", "one", "--wait")).exitCode).toBe(
    0,
  );
  const apart = await berth("volume", "create", "--size", "1", "--different-backend-from", "one", "--dry-run");
  expect(apart.out).toContain("different-backend");
  await berth("backend", "set", "2", "property:fast=", "max_concurrent=3");
  const { settings } = (await call("GET", "/berth/v1/backends/2")).body.backend;
  expect(settings).toMatchObject({ maxConcurrent: 3, properties: { colour: "red", tags: ["a", "b"] } });
  expect((await berth("backend", "show", "2")).out).toContain("property:colour=red");
});
