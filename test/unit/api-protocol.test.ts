import { connect } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiStand, CATALOGUE, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
beforeEach(async () => {
  stand = await openApiStand();
});
afterEach(() => stand.api.close());

test("version documents: 300 at the root, 200 at /v3, the same either way", async () => {
  const root = await stand.api.inject("/");
  expect(root.statusCode).toBe(300);
  expect(root.json().versions).toMatchObject([{ id: "v3.0", status: "CURRENT", version: "3.71", min_version: "3.0" }]);
  expect(root.json().versions[0].links).toMatchObject([
    { rel: "describedby" },
    { rel: "self", href: "http://localhost:80/v3/" },
  ]);
  for (const url of ["/v3", "/v3/"]) {
    const answer = await stand.api.inject(url);
    expect([answer.statusCode, answer.json()]).toEqual([200, root.json()]);
  }
  for (const url of ["/v1", "/v2", "/v2/p1/volumes"]) expect((await stand.api.inject(url)).statusCode).toBe(404);
});

test("noauth: who asks with a user and no token is told the token to send", async () => {
  const answer = await stand.api.inject({
    url: "/v3",
    headers: { "x-auth-user": "ann", "x-auth-project-id": "p1", host: "berth.example:8776" },
  });
  expect(answer.statusCode).toBe(204);
  expect(answer.headers["x-auth-token"]).toBe("ann:p1");
  expect(answer.headers["x-server-management-url"]).toBe("http://berth.example:8776/v3/p1");
  expect(
    (await stand.api.inject({ url: "/v3", headers: { "x-auth-user": "ann\u00e9" } })).headers["x-auth-token"],
  ).toBe("admin:admin");
});

test.each([
  [undefined, 200, "3.0"],
  ["volume 3.0", 200, "3.0"],
  ["volume 3.27", 200, "3.27"],
  ["volume 3.71", 200, "3.71"],
  ["volume latest", 200, "3.71"],
  ["compute 2.90, volume 3.50", 200, "3.50"],
  ["compute 2.90", 200, "3.0"],
  ["volume 3.72", 406, "3.0"],
  ["volume 2.0", 406, "3.0"],
  ["volume 4.0", 406, "3.0"],
  ["volume 3", 400, "3.0"],
  ["volume 3.x", 400, "3.0"],
  ["volume 3.0 3.1", 400, "3.0"],
  ["volume", 400, "3.0"],
  [`volume ${"9".repeat(200)}.0`, 400, "3.0"],
])("OpenStack-API-Version: %s", async (version, status, used) => {
  const answer = await stand.api.inject({
    url: "/v3/p1/volumes",
    headers: version === undefined ? {} : { "openstack-api-version": version },
  });
  expect(answer.statusCode).toBe(status);
  expect(answer.headers["openstack-api-version"]).toBe(`volume ${used}`);
  expect(answer.headers.vary).toBe("OpenStack-API-Version");
  if (status === 406)
    expect(answer.json().computeFault.message).toMatch(
      /^Version \d\.\d+ is not supported by the API. Minimum is 3.0 and maximum is 3.71.$/,
    );
  if (status === 400) expect(answer.json().badRequest.message).toMatch(/is of invalid format. Must be of format Major/);
});

test("each answer has a request id, the caller's own where it is one", async () => {
  const own = await stand.api.inject("/v3/p1/volumes");
  expect(own.headers["x-compute-request-id"]).toMatch(/^req-[0-9a-f-]{36}$/);
  expect(own.headers["x-openstack-request-id"]).toBe(own.headers["x-compute-request-id"]);
  const given = "req-11111111-2222-4333-8444-555555555555";
  const kept = await stand.api.inject({ url: "/v3/p1/volumes/x", headers: { "x-openstack-request-id": given } });
  expect(kept.headers["x-compute-request-id"]).toBe(given);
  const odd = await stand.api.inject({ url: "/v3", headers: { "x-openstack-request-id": "req-\t<script>" } });
  expect(odd.headers["x-compute-request-id"]).toMatch(/^req-[0-9a-f-]{36}$/);
});

test("an unknown path is 404, a known one with another method is 405 that says which it has", async () => {
  expect((await stand.api.inject("/v3/p1/servers/detail")).json().itemNotFound.message).toBe(
    "there is nothing at /v3/p1/servers/detail",
  );
  const answer = await stand.api.inject({ method: "PATCH", url: "/v3/p1/volumes" });
  expect(answer.statusCode).toBe(405);
  expect(answer.json().badMethod.berth_code).toBe("E_METHOD_NOT_ALLOWED");
  expect(answer.headers.allow).toBe("GET, HEAD, POST");
  const operator = await stand.api.inject({ method: "DELETE", url: "/berth/v1/health" });
  expect([operator.statusCode, operator.json().error.code]).toEqual([405, "E_METHOD_NOT_ALLOWED"]);
});

test.each([
  "/v3/p1/volumes/%zz",
  "/v3/%00/volumes",
  "/v3/p1/volumes/..%2f..%2fetc",
  `/v3/p1/volumes/${"a".repeat(5000)}`,
])("a path that cannot be is refused and no more: %s", async (url) => {
  const answer = await stand.api.inject(url);
  expect([400, 404]).toContain(answer.statusCode);
  expect(answer.json()).toHaveProperty(answer.statusCode === 400 ? "badRequest" : "itemNotFound");
});

test("what nobody foresaw is 500 without its text, and in the log with it", async () => {
  stand.api.addHook("preHandler", (_request, _reply, done) => done(new Error("disk on fire at /secret/path")));
  const answer = await stand.api.inject("/v3/p1/volumes");
  expect(answer.statusCode).toBe(500);
  expect(answer.body).not.toContain("secret");
  expect(answer.json().computeFault.message).toMatch(/^The server has either erred/);
  expect(stand.logLines.some((line) => line.includes("disk on fire"))).toBe(true);
});

test("types are the flavors: list, default, by id and by name", async () => {
  const list = (await stand.api.inject("/v3/p1/types?is_public=None")).json().volume_types;
  expect(list.map((type: { name: string }) => type.name)).toEqual(["silver", "gold"]);
  expect((await stand.api.inject("/v3/types/default")).json().volume_type.name).toBe("gold");
  const [gold] = CATALOGUE.flavors;
  for (const key of ["gold", gold?.id])
    expect((await stand.api.inject(`/v3/p1/types/${key}`)).json().volume_type).toEqual({
      id: gold?.id,
      name: "gold",
      description: "Not all that glitters",
      is_public: true,
      "os-volume-type-access:is_public": true,
      extra_specs: {},
      qos_specs_id: null,
    });
  expect((await stand.api.inject("/v3/p1/types/none")).statusCode).toBe(404);
});

test("health", async () => {
  expect((await stand.api.inject("/healthcheck")).body).toBe("OK\n");
});

test("a body of 100 MB is refused by its length, before it is sent, and the process lives on", async () => {
  const address = await stand.api.listen({ host: "127.0.0.1", port: 0 });
  const { hostname, port } = new URL(address);
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(port), hostname, () =>
      socket.write(
        "POST /v3/p1/volumes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n",
      ),
    );
    socket.setTimeout(5_000, () => reject(new Error("no answer")));
    socket.once("error", reject);
    socket.once("data", (data) => {
      resolve(data.toString());
      socket.destroy();
    });
  });
  expect(answer).toMatch(/^HTTP\/1.1 413 /);
  expect((await fetch(`${address}/healthcheck`)).status).toBe(200);
});

test("a body that grows beyond the limit without saying its length is refused", async () => {
  const address = await stand.api.listen({ host: "127.0.0.1", port: 0 });
  const body = new ReadableStream({
    pull(controller) {
      controller.enqueue(new TextEncoder().encode("x".repeat(65_536)));
    },
  });
  const sent = fetch(`${address}/v3/p1/volumes`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    duplex: "half",
  });
  // The server may close while the client still sends: either way it ends, and the process lives on.
  const status = await sent.then(
    (answer) => answer.status,
    () => 413,
  );
  expect(status).toBe(413);
  expect((await fetch(`${address}/healthcheck`)).status).toBe(200);
});
