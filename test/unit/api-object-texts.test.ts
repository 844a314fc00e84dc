import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
let id: string;
beforeEach(async () => {
  stand = await openApiStand();
  const payload = { volume: { size: 1, metadata: { a: "1" } } };
  id = (await stand.ask({ method: "POST", url: "/v3/p1/volumes", payload })).json().volume.id;
  const isThere = () => stand.state.get("volume", id)?.status === "available" || undefined;
  await stand.engine.until("volume", id, isThere, 2_000);
});
afterEach(() => stand.api.close());

function put(payload: object, version: string, path = "", headers: Record<string, string> = {}) {
  const url = `/v3/p1/volumes/${id}${path}`;
  return stand.ask({
    method: "PUT",
    url,
    payload,
    headers: { "openstack-api-version": `volume ${version}`, ...headers },
  });
}

test("what has no name is told so with null, and a name is taken away with null", async () => {
  const told = async () => (await stand.ask(`/v3/p1/volumes/${id}`)).json().volume;
  expect(await told()).toMatchObject({ name: null, description: null });
  // An empty one is none: the ledger knows no difference.
  expect((await put({ volume: { name: "" } }, "3.71")).json().volume.name).toBeNull();
  await put({ volume: { name: "n", description: "d" } }, "3.71");
  expect(await told()).toMatchObject({ name: "n", description: "d" });
  const named = (await put({ volume: { display_name: null } }, "3.71")).json().volume;
  expect([named.name, named.description]).toEqual([null, "d"]);
});

test("a list is filtered by the older word for a name, and sorted by whatever is told", async () => {
  await put({ volume: { name: "n" } }, "3.71");
  const found = async (query: string) => (await stand.ask(`/v3/p1/volumes?${query}`)).json().volumes.length;
  expect([await found("display_name=n"), await found("display_name=m")]).toEqual([1, 0]);
  expect(await found("sort=user_id:asc,source_volid:desc")).toBe(1);
  expect((await stand.ask("/v3/p1/volumes?sort=nonsense")).statusCode).toBe(400);
});

test("an update says something from 3.53 on; before, nothing changes nothing", async () => {
  expect((await put({ volume: {} }, "3.52")).statusCode).toBe(200);
  expect((await put({ volume: {} }, "3.53")).statusCode).toBe(400);
  expect((await put({ volume: { metadata: {} } }, "3.53")).statusCode).toBe(200);
  expect((await put({}, "3.52")).statusCode).toBe(400);
});

describe("metadata have an ETag from 3.15 on", () => {
  const read = (version: string) =>
    stand.ask({ url: `/v3/p1/volumes/${id}/metadata`, headers: { "openstack-api-version": `volume ${version}` } });

  test("which is another when they are changed", async () => {
    expect((await read("3.14")).headers).not.toHaveProperty("etag");
    const first = (await read("3.15")).headers.etag;
    expect(first).toMatch(/^"[0-9a-f]{32}"$/);
    expect((await read("3.15")).headers.etag).toBe(first);
    await put({ metadata: { a: "2" } }, "3.15", "/metadata");
    expect((await read("3.15")).headers.etag).not.toBe(first);
  });

  test("and who has read others changes none", async () => {
    const etag = String((await read("3.15")).headers.etag);
    const bare = etag.replaceAll('"', "");
    for (const [version, match, status] of [
      ["3.15", '"nonsense"', 412],
      ["3.14", '"nonsense"', 200],
      ["3.15", `"nonsense", ${etag}`, 200],
      ["3.15", bare, 200],
      ["3.15", "*", 200],
    ] as const) {
      const changed = await put({ metadata: { a: "1" } }, version, "/metadata", { "if-match": match });
      expect(changed.statusCode, `${version} ${match}`).toBe(status);
    }
    const item = await put({ meta: { a: "3" } }, "3.15", "/metadata/a", { "if-match": "nonsense" });
    expect(item.statusCode).toBe(412);
    expect((await read("3.15")).json()).toEqual({ metadata: { a: "1" } });
  });
});

test("metadata are a filter of snapshots from 3.22 on", async () => {
  for (const metadata of [{ a: "1" }, { a: "2" }]) {
    const payload = { snapshot: { volume_id: id, metadata } };
    expect((await stand.ask({ method: "POST", url: "/v3/p1/snapshots", payload })).statusCode).toBe(202);
  }
  const found = async (version: string) => {
    const url = `/v3/p1/snapshots?metadata=${encodeURIComponent("{'a':'2'}")}`;
    return (await stand.ask({ url, headers: { "openstack-api-version": `volume ${version}` } })).json().snapshots
      .length;
  };
  expect([await found("3.21"), await found("3.22")]).toEqual([2, 1]);
});

describe("a server that moves to another host", () => {
  const reserve = (instance: string | null) => {
    const payload = { attachment: { volume_uuid: id, instance_uuid: instance } };
    return stand.ask({ method: "POST", url: "/v3/p1/attachments", payload });
  };

  test("keeps its place before it gives up the one that it has, and nobody else does", async () => {
    const first = (await reserve("server-1")).json().attachment.id;
    const update = { attachment: { connector: { host: "h1" } } };
    await stand.ask({ method: "PUT", url: `/v3/p1/attachments/${first}`, payload: update });
    const complete = { "os-complete": null };
    await stand.ask({ method: "POST", url: `/v3/p1/attachments/${first}/action`, payload: complete });
    expect((await reserve("server-2")).statusCode).toBe(409);
    expect((await reserve(null)).statusCode).toBe(409);
    const second = await reserve("server-1");
    expect([second.statusCode, stand.state.get("volume", id)?.status]).toEqual([200, "in-use"]);
    const left = await stand.ask({ method: "DELETE", url: `/v3/p1/attachments/${first}` });
    // In short: what a host needs to connect is for who has the attachment.
    expect(left.json().attachments).toEqual([
      { id: second.json().attachment.id, status: "reserved", instance: "server-1", volume_id: id },
    ]);
    const there = { attachment: { connector: { host: "h2" } } };
    const moved = await stand.ask({
      method: "PUT",
      url: `/v3/p1/attachments/${second.json().attachment.id}`,
      payload: there,
    });
    expect(moved.statusCode).toBe(200);
  });

  test("is found among the attachments by its id, its volume's and its status", async () => {
    const { id: attachmentId } = (await reserve("server-1")).json().attachment;
    for (const [filter, found] of [
      ["instance_id=server-1", 1],
      ["instance_id=server-2", 0],
      [`volume_id=${id}`, 1],
      ["attach_status=reserved", 1],
      ["attach_status=attached", 0],
      ["all_tenants=1&project_id=p1", 1],
      ["all_tenants=1&project_id=p2", 0],
      ["sort=instance_id:asc", 1],
    ] as const) {
      const { attachments } = (await stand.ask(`/v3/p1/attachments?${filter}`)).json();
      expect(attachments, filter).toHaveLength(found);
      if (found === 1) expect(attachments[0].id).toBe(attachmentId);
    }
  });
});
