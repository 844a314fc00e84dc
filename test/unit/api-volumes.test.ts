import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
beforeEach(async () => {
  stand = await openApiStand();
});
afterEach(() => stand.api.close());

function post(url: string, payload: object, headers: Record<string, string> = {}) {
  return stand.api.inject({ method: "POST", url, payload, headers });
}

async function create(volume: object = {}, project = "p1"): Promise<string> {
  const answer = await post(`/v3/${project}/volumes`, { volume: { size: 1, ...volume } });
  expect(answer.statusCode).toBe(202);
  return answer.json().volume.id;
}

async function untilStatus(id: string, status: string): Promise<void> {
  await stand.engine.until("volume", id, () => stand.state.get("volume", id)?.status === status || undefined, 2_000);
}

test("a volume is created with 202 and polled until it is available", async () => {
  const made = await post("/v3/p1/volumes", {
    volume: { size: 10, name: "data", description: "d", metadata: { a: "1" }, availability_zone: "north" },
  });
  expect(made.statusCode).toBe(202);
  const { volume } = made.json();
  expect(volume).toMatchObject({ status: "creating", size: 10, name: "data", volume_type: "gold", attachments: [] });
  await untilStatus(volume.id, "available");

  const shown = (await stand.api.inject(`/v3/p1/volumes/${volume.id}`)).json().volume;
  expect(shown).toEqual({
    id: volume.id,
    name: "data",
    description: "d",
    status: "available",
    size: 10,
    availability_zone: "north",
    volume_type: "gold",
    user_id: "admin",
    metadata: { a: "1" },
    snapshot_id: null,
    source_volid: null,
    bootable: "false",
    encrypted: false,
    multiattach: false,
    attachments: [],
    replication_status: null,
    consistencygroup_id: null,
    migration_status: null,
    created_at: "2026-11-21T06:59:10.053000",
    updated_at: "2026-11-21T06:59:10.053000",
    links: [
      { rel: "self", href: `http://localhost:80/v3/p1/volumes/${volume.id}` },
      { rel: "bookmark", href: `http://localhost:80/p1/volumes/${volume.id}` },
    ],
    "os-vol-host-attr:host": "berth@store-1#store-1",
    "os-vol-mig-status-attr:migstat": null,
    "os-vol-mig-status-attr:name_id": null,
    "os-vol-tenant-attr:tenant_id": "p1",
  });
});

test("what clients send beside: nulls, sizes as text, unknown keys, old names", async () => {
  const answer = await post("/v3/p1/volumes", {
    volume: {
      size: "3",
      display_name: "old",
      display_description: null,
      consistencygroup_id: null,
      snapshot_id: null,
      source_volid: null,
      volume_type: null,
      availability_zone: null,
      imageRef: null,
      backup_id: null,
      multiattach: false,
      something_new: { deep: [1] },
    },
    "OS-SCH-HNT:scheduler_hints": {},
  });
  expect(answer.statusCode).toBe(202);
  expect(answer.json().volume).toMatchObject({ size: 3, name: "old", description: null });
});

test.each([
  ["negative", { size: -1 }, /^size must be a whole number of GiB from 1 to 1048576, not -1$/],
  ["zero", { size: 0 }, /^size must be a whole number/],
  ["huge", { size: 1048577 }, /^size must be a whole number/],
  ["far too huge", { size: 1e300 }, /^size must be a whole number/],
  ["huge text", { size: "9".repeat(5000) }, /^size must be a whole number/],
  ["fractional", { size: 1.5 }, /^size must be a whole number/],
  ["not a number", { size: "ten" }, /^size must be a whole number of GiB from 1 to 1048576, not "ten"$/],
  ["negative text", { size: "-1" }, /^size must be a whole number/],
  ["true", { size: true }, /^size must be a whole number/],
  ["a list", { size: [1] }, /^size must be a whole number/],
  ["no size and no source", {}, /^size is needed/],
  ["null size", { size: null }, /^size is needed/],
  ["line break in the name", { size: 1, name: "a\nb" }, /^name has a control character/],
  ["NUL in the name", { size: 1, name: "a\u0000b" }, /^name has a control character/],
  ["half an emoji", { size: 1, name: "a\ud83d" }, /^name has a control character or half a character/],
  ["name of 10 kB", { size: 1, name: "x".repeat(10_240) }, /^name has 10240 characters; at most 255/],
  ["name is a number", { size: 1, name: 5 }, /^name must be text, not 5$/],
  ["metadata is a list", { size: 1, metadata: [] }, /^metadata must be an object/],
  ["metadata value is a number", { size: 1, metadata: { a: 1 } }, /^metadata.a must be text/],
  ["metadata key has a line break", { size: 1, metadata: { "a\nb": "1" } }, /^a key of metadata has a control/],
  ["metadata has an empty key", { size: 1, metadata: { "": "1" } }, /^metadata has an empty key/],
  ["unknown zone", { size: 1, availability_zone: "east" }, /^there is no zone "east"; zones are: north, south$/],
  ["source is no id", { snapshot_id: "../../etc/passwd" }, /^snapshot_id must be a UUID/],
  [
    "two sources",
    { snapshot_id: "11111111-1111-4111-8111-111111111111", source_volid: "11111111-1111-4111-8111-111111111111" },
    /one source/,
  ],
  ["an image", { size: 1, imageRef: "x" }, /^imageRef cannot be given: there are no images here$/],
  ["multiattach", { size: 1, multiattach: true }, /^multiattach cannot be given/],
])("create is refused with one sentence and 400: %s", async (_what, volume, sentence) => {
  const answer = await post("/v3/p1/volumes", { volume });
  expect(answer.statusCode).toBe(400);
  const { badRequest } = answer.json();
  expect(badRequest).toMatchObject({
    code: 400,
    message: expect.stringMatching(sentence),
    berth_code: "E_BAD_REQUEST",
  });
  expect(badRequest.next).not.toBe("");
  expect(stand.state.table("volume").size).toBe(0);
});

test.each([
  ["volume_type", { size: 1, volume_type: "platinum" }],
  ["snapshot", { snapshot_id: "99999999-9999-4999-8999-999999999999" }],
  ["source", { source_volid: "99999999-9999-4999-8999-999999999999" }],
])("what is named and not there is 404: %s", async (_what, volume) => {
  const answer = await post("/v3/p1/volumes", { volume });
  expect(answer.statusCode).toBe(404);
  expect(answer.json().itemNotFound.message).toMatch(/could not be found/);
  expect(stand.state.table("volume").size).toBe(0);
});

test.each(["quote \" and ' $(touch /tmp/x) `x`", "../../../etc/passwd", "🦊🦊🦊", "名前", "x".repeat(255)])(
  "a name is kept as it is: %s",
  async (name) => {
    const id = await create({ name });
    expect((await stand.api.inject(`/v3/p1/volumes/${id}`)).json().volume.name).toBe(name);
  },
);

test.each([
  ["not JSON", "{size", 400, "badRequest"],
  ["empty", "", 400, "badRequest"],
  ["a list", "[]", 400, "badRequest"],
  ["null", "null", 400, "badRequest"],
  ["a text", '"volume"', 400, "badRequest"],
  ["no volume in it", "{}", 400, "badRequest"],
  ["volume is a text", '{"volume":"x"}', 400, "badRequest"],
  ["a forbidden key", '{"volume":{"size":1,"__proto__":{"a":1}}}', 400, "badRequest"],
  ["nested without end", `{"volume":{"size":1,"x":${"[".repeat(50_000)}${"]".repeat(50_000)}}}`, 202, "volume"],
  ["too large", `{"volume":{"size":1,"name":"${"x".repeat(120_000)}"}}`, 413, "overLimit"],
])("a body that is %s", async (_what, payload, status, key) => {
  const answer = await stand.api.inject({
    method: "POST",
    url: "/v3/p1/volumes",
    headers: { "content-type": "application/json" },
    payload,
  });
  expect(answer.statusCode).toBe(status);
  expect(Object.keys(answer.json())).toEqual([key]);
  if (status === 413) {
    expect(answer.headers["retry-after"]).toBe("0");
    expect(answer.json().overLimit.retryAfter).toBe("0");
  }
});

test("another content type is 415", async () => {
  const answer = await stand.api.inject({
    method: "POST",
    url: "/v3/p1/volumes",
    headers: { "content-type": "text/xml" },
    payload: "<volume/>",
  });
  expect(answer.statusCode).toBe(415);
  expect(answer.json().badMediaType.berth_code).toBe("E_UNSUPPORTED_MEDIA");
});

test("one Idempotency-Key: same request, same volume; another request, 409; another project, another volume", async () => {
  const key = { "idempotency-key": "k-1" };
  const first = await post("/v3/p1/volumes", { volume: { size: 1, name: "a", metadata: { x: "1", y: "2" } } }, key);
  const again = await post("/v3/p1/volumes", { volume: { metadata: { y: "2", x: "1" }, name: "a", size: "1" } }, key);
  expect(again.statusCode).toBe(202);
  expect(again.json().volume.id).toBe(first.json().volume.id);

  const other = await post("/v3/p1/volumes", { volume: { size: 2, name: "a" } }, key);
  expect(other.statusCode).toBe(409);
  expect(other.json().conflictingRequest.berth_code).toBe("E_IDEMPOTENCY_CONFLICT");

  const elsewhere = await post("/v3/p2/volumes", { volume: { size: 1, name: "a" } }, key);
  expect(elsewhere.json().volume.id).not.toBe(first.json().volume.id);
  expect(stand.state.table("volume").size).toBe(2);
});

test("two requests with one key at once make one volume", async () => {
  const key = { "idempotency-key": "k-2" };
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => post("/v3/p1/volumes", { volume: { size: 1 } }, key)),
  );
  expect(new Set(answers.map((answer) => answer.json().volume.id)).size).toBe(1);
  expect(stand.state.table("volume").size).toBe(1);
});

test("an Idempotency-Key that cannot be one is 400", async () => {
  for (const key of ["", "x".repeat(256), "with space"])
    expect((await post("/v3/p1/volumes", { volume: { size: 1 } }, { "idempotency-key": key })).statusCode).toBe(400);
});

test("another project's volume is not there; without a project in the path everybody's is", async () => {
  const id = await create({}, "p1");
  for (const method of ["GET", "DELETE"] as const) {
    const answer = await stand.api.inject({ method, url: `/v3/p2/volumes/${id}` });
    expect(answer.statusCode).toBe(404);
    expect(answer.json().itemNotFound.message).toBe(`Volume ${id} could not be found.`);
  }
  expect((await stand.api.inject(`/v3/volumes/${id}`)).statusCode).toBe(200);
});

test("the owner is the path's project, else the token's, else default", async () => {
  const owner = async (url: string, headers: Record<string, string>) => {
    const { volume } = (await post(url, { volume: { size: 1 } }, headers)).json();
    return [volume["os-vol-tenant-attr:tenant_id"], volume.user_id];
  };
  expect(await owner("/v3/p1/volumes", { "x-auth-token": "ann:p2" })).toEqual(["p1", "ann"]);
  expect(await owner("/v3/volumes", { "x-auth-token": "ann:p2" })).toEqual(["p2", "ann"]);
  expect(await owner("/v3/volumes", { "x-auth-token": "ann" })).toEqual(["ann", "ann"]);
  expect(await owner("/v3/volumes", { "x-auth-token": "notused" })).toEqual(["default", "admin"]);
  expect(await owner("/v3/volumes", {})).toEqual(["default", "admin"]);
});

test("a token whose project cannot be one is 401, where the project comes from it", async () => {
  const headers = { "x-auth-token": "ann:../../etc" };
  expect((await post("/v3/volumes", { volume: { size: 1 } }, headers)).statusCode).toBe(401);
  expect((await post("/v3/p1/volumes", { volume: { size: 1 } }, headers)).statusCode).toBe(202);
});

test("a project that cannot be one is 400", async () => {
  const answer = await post("/v3/..%2f..%2fetc/volumes", { volume: { size: 1 } });
  expect(answer.statusCode).toBe(400);
  expect(answer.json().badRequest.message).toMatch(/^Malformed request url/);
});

test("name, description and metadata can be changed; what is not given stays", async () => {
  const id = await create({ name: "a", description: "d", metadata: { k: "v" } });
  const put = (volume: object) => stand.api.inject({ method: "PUT", url: `/v3/p1/volumes/${id}`, payload: { volume } });
  expect((await put({ name: "b" })).json().volume).toMatchObject({ name: "b", description: "d", metadata: { k: "v" } });
  expect((await put({ metadata: { n: "1" } })).json().volume.metadata).toEqual({ n: "1" });
  expect((await put({ name: "x\ny" })).statusCode).toBe(400);
});

test("metadata: read, merged, replaced, by key, deleted", async () => {
  const id = await create({ metadata: { a: "1" } });
  const url = `/v3/p1/volumes/${id}/metadata`;
  const call = (method: "GET" | "POST" | "PUT" | "DELETE", path: string, payload?: object) =>
    stand.api.inject({ method, url: path, ...(payload === undefined ? {} : { payload }) });
  expect((await call("POST", url, { metadata: { b: "2" } })).json()).toEqual({ metadata: { a: "1", b: "2" } });
  expect((await call("PUT", url, { metadata: { c: "3" } })).json()).toEqual({ metadata: { c: "3" } });
  expect((await call("PUT", `${url}/d`, { meta: { d: "4" } })).json()).toEqual({ meta: { d: "4" } });
  expect((await call("PUT", `${url}/d`, { meta: { e: "4" } })).statusCode).toBe(400);
  expect((await call("GET", `${url}/d`)).json()).toEqual({ meta: { d: "4" } });
  expect((await call("DELETE", `${url}/c`)).statusCode).toBe(200);
  expect((await call("DELETE", `${url}/c`)).statusCode).toBe(404);
  expect((await call("GET", url)).json()).toEqual({ metadata: { d: "4" } });
});

test("clients who add metadata at once lose none", async () => {
  const id = await create();
  const keys = Array.from({ length: 20 }, (_, n) => `k${n}`);
  await Promise.all(keys.map((key) => post(`/v3/p1/volumes/${id}/metadata`, { metadata: { [key]: "x" } })));
  const { metadata } = (await stand.api.inject(`/v3/p1/volumes/${id}/metadata`)).json();
  expect(Object.keys(metadata).sort()).toEqual([...keys].sort());
});

test("delete answers 202 with nothing, then 404; also with a content type and no body", async () => {
  const id = await create();
  await untilStatus(id, "available");
  const answer = await stand.api.inject({
    method: "DELETE",
    url: `/v3/p1/volumes/${id}`,
    headers: { "content-type": "application/json" },
  });
  expect([answer.statusCode, answer.body]).toEqual([202, ""]);
  await stand.engine.until("volume", id, () => stand.state.get("volume", id) === undefined || undefined, 2_000);
  expect((await stand.api.inject(`/v3/p1/volumes/${id}`)).statusCode).toBe(404);
});

test("extend: larger only, by 202", async () => {
  const id = await create({ size: 2 });
  await untilStatus(id, "available");
  const extend = (argument: unknown) => post(`/v3/p1/volumes/${id}/action`, { "os-extend": argument });
  expect((await extend({ new_size: 1 })).statusCode).toBe(400);
  expect((await extend({ new_size: 2 })).statusCode).toBe(400);
  expect((await extend({})).statusCode).toBe(400);
  expect((await extend(null)).statusCode).toBe(400);
  expect((await extend({ new_size: "5" })).statusCode).toBe(202);
  await stand.engine.until("volume", id, () => stand.state.get("volume", id)?.sizeGib === 5 || undefined, 2_000);
});

test("actions: one known key, or 400", async () => {
  const id = await create();
  for (const body of [{}, [], { "os-fly": {} }, { "os-extend": { new_size: 3 }, "os-detach": {} }]) {
    const answer = await post(`/v3/p1/volumes/${id}/action`, body);
    expect(answer.statusCode).toBe(400);
  }
});

test("a volume that no backend can hold is accepted and ends in error; its placement says why", async () => {
  const id = await create({ size: 1000 });
  await untilStatus(id, "error");
  const placement = (await stand.api.inject(`/berth/v1/volumes/${id}/placement`)).json();
  expect(placement).toMatchObject({ status: "error", backend: null, lastError: { code: "E_NO_PLACEMENT" } });
  expect(placement.rounds[0].verdicts).toHaveLength(3);
  expect(placement.rounds[0].verdicts[0]).toMatchObject({
    backendId: 1,
    fits: false,
    reason: "not-enough-free",
    text: expect.stringMatching(/1000 GiB needed, 100 GiB available/),
  });
});
