import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
let ids: string[];

/** v0 … v9, a second apart; odd ones in the south; all of p1 but v9. */
beforeEach(async () => {
  stand = await openApiStand();
  ids = [];
  for (let n = 0; n < 10; n++) {
    stand.nowMs += 1000;
    const answer = await stand.api.inject({
      method: "POST",
      url: `/v3/${n === 9 ? "p2" : "p1"}/volumes`,
      payload: {
        volume: {
          name: `v${n}`,
          size: 10 - n,
          availability_zone: n % 2 === 0 ? "north" : "south",
          metadata: { parity: n % 2 === 0 ? "even" : "odd", it: "isn't" },
        },
      },
    });
    ids.push(answer.json().volume.id);
  }
});
afterEach(() => stand.api.close());

interface Item {
  readonly id: string;
  readonly name: string;
}

async function names(query: string, path = "/v3/p1/volumes/detail"): Promise<string[]> {
  const answer = await stand.api.inject(`${path}?${query}`);
  expect(answer.statusCode).toBe(200);
  return answer.json().volumes.map((volume: Item) => volume.name);
}

test("the newest first, of the path's project only; summary and detail", async () => {
  expect(await names("")).toEqual(["v8", "v7", "v6", "v5", "v4", "v3", "v2", "v1", "v0"]);
  const { volumes } = (await stand.api.inject("/v3/p1/volumes?limit=1")).json();
  expect(Object.keys(volumes[0])).toEqual(["id", "name", "links"]);
});

test("all_tenants shows everybody's, project_id one of them", async () => {
  expect((await names("all_tenants=1"))[0]).toBe("v9");
  expect(await names("all_tenants=True&project_id=p2")).toEqual(["v9"]);
  expect(await names("all_tenants=0&project_id=p2")).toHaveLength(9);
});

test.each([
  ["", ["v8", "v7", "v6", "v5", "v4", "v3", "v2", "v1", "v0"]],
  ["sort=created_at:asc", ["v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8"]],
  ["sort_key=size&sort_dir=asc", ["v8", "v7", "v6", "v5", "v4", "v3", "v2", "v1", "v0"]],
  ["sort=availability_zone:asc,name:desc", ["v8", "v6", "v4", "v2", "v0", "v7", "v5", "v3", "v1"]],
  ["sort=bootable,name:asc&metadata={'parity':'odd'}", ["v1", "v3", "v5", "v7"]],
])("following volumes_links gives each once, in order: %s", async (query, expected) => {
  for (const limit of [1, 2, 4]) {
    const seen: string[] = [];
    let url: string | undefined = `/v3/p1/volumes/detail?${query}&limit=${limit}`;
    for (let page = 0; url !== undefined && page < 20; page++) {
      const body: { volumes: Item[]; volumes_links?: { rel: string; href: string }[] } = (
        await stand.api.inject(url)
      ).json();
      seen.push(...body.volumes.map((volume) => volume.name));
      const next = body.volumes_links?.[0];
      expect(next === undefined || next.rel === "next").toBe(true);
      url = next === undefined ? undefined : next.href.replace("http://localhost:80", "");
    }
    expect(seen).toEqual(expected);
  }
});

test("a page that the marker's own change moved out of the filter still goes on from there", async () => {
  const query = "metadata={'parity':'even'}&limit=2";
  expect(await names(query)).toEqual(["v8", "v6"]);
  await stand.api.inject({
    method: "PUT",
    url: `/v3/p1/volumes/${ids[6]}`,
    payload: { volume: { metadata: { parity: "none" } } },
  });
  expect(await names(`${query}&marker=${ids[6]}`)).toEqual(["v4", "v2"]);
});

test("offset counts from the begin or the marker", async () => {
  expect(await names("offset=7")).toEqual(["v1", "v0"]);
  expect(await names("offset=70")).toEqual([]);
  expect(await names("sort=created_at:asc&offset=7")).toEqual(["v7", "v8"]);
  expect(await names(`marker=${ids[5]}&offset=1&limit=2`)).toEqual(["v3", "v2"]);
  expect(await names("sort=size:asc&offset=7")).toEqual(["v1", "v0"]);
});

test.each([
  ["name=v3", ["v3"]],
  ["name=nothing", []],
  ["name=", []],
  [`id=placeholder`, []],
  ["size=8", ["v2"]],
  ["availability_zone=south", ["v7", "v5", "v3", "v1"]],
  ["metadata=%7B%22parity%22%3A%20%22odd%22%7D", ["v7", "v5", "v3", "v1"]],
  ["metadata={u'parity': u'odd', \"it\": \"isn't\"}&availability_zone=south&name=v5", ["v5"]],
  ["metadata={'it':'isn\\'t'}&name=v5", ["v5"]],
  ["metadata={}&name=v5", ["v5"]],
  ["created_at=2026-11-21T06:59:13.053000", ["v2"]],
  ["something_else=1&name=v1", ["v1"]],
])("filter %s", async (query, expected) => {
  expect(await names(query)).toEqual(expected);
});

test.each([
  ["limit=-1", 400, "limit param must be positive"],
  ["limit=ten", 400, "limit param must be an integer"],
  ["limit=1.5", 400, "limit param must be an integer"],
  ["offset=-1", 400, "offset param must be positive"],
  ["marker=99999999-9999-4999-8999-999999999999", 404, "could not be found"],
  ["sort=colour", 400, "sort key is not one of"],
  ["sort=name:up", 400, "sort direction must be asc or desc"],
  ["sort=name&sort_key=size", 400, "cannot be used with the 'sort' parameter"],
  ["metadata=parity", 400, "metadata must have the form"],
  ["metadata={'a':1}", 400, "metadata must have the form"],
  ["metadata={'a':'b'", 400, "metadata must have the form"],
])("a query that cannot be: %s", async (query, status, message) => {
  const answer = await stand.api.inject(`/v3/p1/volumes/detail?${query}`);
  expect(answer.statusCode).toBe(status);
  expect(answer.body).toContain(message);
});

test("limit=0 is an empty page without a next one; a limit above 1000 is 1000", async () => {
  expect((await stand.api.inject("/v3/p1/volumes?limit=0")).json()).toEqual({ volumes: [] });
  expect(await names("limit=1000000")).toHaveLength(9);
});

test("the next page's link keeps the query and is reachable from where the client is", async () => {
  const headers = { "x-forwarded-host": "storage.example:8443", "x-forwarded-proto": "https" };
  const answer = await stand.api.inject({ url: "/v3/volumes/detail?all_tenants=1&limit=2&offset=1", headers });
  const { volumes, volumes_links } = answer.json();
  expect(volumes_links).toEqual([
    {
      rel: "next",
      href: `https://storage.example:8443/v3/volumes/detail?all_tenants=1&limit=2&marker=${volumes[1].id}`,
    },
  ]);
});

test("a host that cannot be one stands in no link", async () => {
  const answer = await stand.api.inject({ url: "/v3/p1/volumes", headers: { "x-forwarded-host": 'a"><script>' } });
  expect(answer.body).not.toContain("script");
});

test("snapshots list, filter and page alike", async () => {
  const [volumeId] = ids;
  await stand.engine.until(
    "volume",
    volumeId ?? "",
    () => stand.state.get("volume", volumeId ?? "")?.status === "available" || undefined,
    2_000,
  );
  for (const name of ["s0", "s1", "s2"]) {
    const made = await stand.api.inject({
      method: "POST",
      url: "/v3/p1/snapshots",
      payload: { snapshot: { volume_id: volumeId, name, force: "true", metadata: null } },
    });
    expect(made.statusCode).toBe(202);
  }
  const list = async (query: string) => (await stand.api.inject(`/v3/p1/snapshots/detail?${query}`)).json();
  expect((await list("")).snapshots.map((item: Item) => item.name)).toEqual(["s2", "s1", "s0"]);
  expect((await list(`volume_id=${volumeId}&name=s1`)).snapshots).toHaveLength(1);
  expect((await list(`volume_id=${ids[1]}`)).snapshots).toEqual([]);
  expect((await list("limit=2")).snapshots_links[0].href).toMatch(/\/v3\/p1\/snapshots\/detail\?limit=2&marker=/);
  expect((await stand.api.inject("/v3/p2/snapshots")).json()).toEqual({ snapshots: [] });
});
