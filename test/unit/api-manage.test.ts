import { afterEach, beforeEach, expect, test } from "vitest";
import type { ForeignObject } from "#shared/model/foreign.ts";
import { gibToBytes } from "#shared/units.ts";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
beforeEach(async () => {
  stand = await openApiStand();
  stand.foreign.set(1, [
    foreign("a.img", 3),
    foreign("b.img", 1.5),
    foreign("link", null, "it is a symbolic link"),
    foreign("c.img", 2),
  ]);
});
afterEach(() => stand.api.close());

function foreign(reference: string, sizeGib: number | null, whyNot: string | null = null): ForeignObject {
  const sizeBytes = sizeGib === null ? null : gibToBytes(sizeGib);
  return { reference, sizeBytes, countedBytes: sizeBytes ?? 0, identity: `of ${reference}`, whyNot };
}

function post(url: string, payload: object) {
  return stand.ask({ method: "POST", url, payload });
}

function wanted(fields: object = {}) {
  return { volume: { host: "berth@b1#b1", ref: { "source-name": "a.img" }, ...fields } };
}

async function managed(fields: object = {}): Promise<string> {
  const answer = await post("/v3/p1/os-volume-manage", wanted(fields));
  expect(answer.statusCode, answer.body).toBe(202);
  return answer.json().volume.id;
}

function list(query: string, detail = "") {
  return stand.ask(`/v3/p1/manageable_volumes${detail}?host=${encodeURIComponent(nameOf(1))}${query}`);
}

function nameOf(id: number): string {
  return stand.state.backend(id)?.name ?? "";
}

test.each(["os-volume-manage", "manageable_volumes"])(
  "POST %s makes a volume of it, as the field has it",
  async (path) => {
    const host = `berth@${nameOf(1)}#${nameOf(1)}`;
    const fields = { name: "data", description: "d", bootable: true, metadata: { a: "b" }, volume_type: "gold" };
    const answer = await post(`/v3/p1/${path}`, wanted({ host, ...fields }));
    expect(answer.statusCode, answer.body).toBe(202);
    const { volume } = answer.json();
    expect(volume).toMatchObject({
      name: "data",
      status: "managing",
      size: 3,
      bootable: "true",
      metadata: { a: "b" },
      volume_type: "gold",
      "os-vol-host-attr:host": host,
    });
    await stand.engine.until("volume", volume.id, () => status(volume.id) === "available" || undefined, 2_000);
  },
);

function status(id: string): string | undefined {
  return stand.state.get("volume", id)?.status;
}

test("the reference may be given as source-id, and the host by the backend's name or id", async () => {
  await managed({ host: nameOf(1), ref: { "source-id": "b.img" } });
  await managed({ host: "1" });
});

test("what cannot be is refused with one sentence", async () => {
  const refusals: [object, number, RegExp][] = [
    [{ host: undefined }, 400, /One and only one of cluster and host/],
    [{ cluster: "c" }, 400, /One and only one of cluster and host/],
    [{ host: undefined, cluster: "c" }, 400, /Cluster 'c' not found/],
    [{ host: "berth@nowhere#nowhere" }, 400, /Host 'berth@nowhere#nowhere' not found/],
    [{ ref: undefined }, 400, /ref is needed/],
    [{ ref: { "source-name": 7 } }, 400, /must be text/],
    [{ ref: { "source-name": "a\nb" } }, 400, /control character/],
    [{ ref: { "source-name": "../../etc/passwd" } }, 400, /invalid backend reference/],
    [{ ref: { "source-name": "link" } }, 400, /symbolic link/],
    [{ volume_type: "silver" }, 400, /does not stand on/],
    [{ volume_type: "none" }, 404, /could not be found/],
    [{ availability_zone: "south" }, 400, /is in zone north/],
  ];
  for (const [fields, code, message] of refusals) {
    const answer = await post("/v3/p1/os-volume-manage", wanted({ host: nameOf(1), ...fields }));
    expect([answer.statusCode, answer.body]).toEqual([code, expect.stringMatching(message)]);
  }
  expect(stand.state.table("volume").size).toBe(0);
});

test("a backend without the capability refuses clearly", async () => {
  await stand.report(1, { capabilities: ["snapshot"] });
  for (const answer of [await post("/v3/p1/os-volume-manage", wanted({ host: nameOf(1) })), await list("")]) {
    expect(answer.statusCode).toBe(409);
    expect(answer.body).toContain("(manage)");
  }
});

test.each(["os-snapshot-manage", "manageable_snapshots"])(
  "%s lists what is managed, and takes nothing over",
  async (path) => {
    const { volume } = (await post("/v3/p1/volumes", { volume: { size: 2 } })).json();
    await stand.engine.until("volume", volume.id, () => status(volume.id) === "available" || undefined, 2_000);
    const taken: string[] = [];
    for (let n = 0; n < 3; n++)
      taken.push((await post("/v3/p1/snapshots", { snapshot: { volume_id: volume.id } })).json().snapshot.id);
    taken.sort();
    const ask = (query: string) => stand.ask(`/v3/p1/${path}${query}`);
    const ids = async (query: string) =>
      (await ask(query))
        .json()
        ["manageable-snapshots"].map((one: { reference: object }) => Object.values(one.reference)[0]);
    expect(await ids("?host=berth@store-1&sort=reference:asc&limit=2")).toEqual(taken.slice(0, 2));
    expect(await ids(`?host=berth@store-1&sort=reference:asc&marker=${taken[1]}`)).toEqual(taken.slice(2));
    expect((await ask("/detail?host=berth@store-1&sort=reference:asc")).json()["manageable-snapshots"][0]).toEqual({
      reference: { "source-name": taken[0] },
      size: 2,
      safe_to_manage: false,
      reason_not_safe: "already managed",
      cinder_id: taken[0],
      extra_info: null,
      source_reference: { "source-name": volume.id },
    });
    expect((await ask("?host=berth@store-1&sort=colour")).statusCode).toBe(400);
    expect((await ask("?host=berth@nowhere")).statusCode).toBe(404);
    const refused = await post(`/v3/p1/${path}`, { snapshot: { volume_id: volume.id, ref: { "source-name": "s" } } });
    expect([refused.statusCode, refused.body]).toEqual([409, expect.stringContaining("manage-snapshot")]);
    expect((await post(`/v3/p1/${path}`, { snapshot: { volume_id: volume.id } })).statusCode).toBe(400);
  },
);

test("what came with a version is not there before it", async () => {
  const at = (minor: number, url: string) =>
    stand.ask({ url, headers: { "openstack-api-version": `volume 3.${minor}` } });
  for (const path of ["manageable_volumes", "manageable_snapshots"]) {
    expect((await at(7, `/v3/p1/${path}?host=1`)).statusCode).toBe(404);
    expect((await at(8, `/v3/p1/${path}?host=1`)).statusCode).toBe(200);
    expect((await at(16, `/v3/p1/${path}?host=1&cluster=c`)).statusCode).toBe(200);
    expect((await at(17, `/v3/p1/${path}?host=1&cluster=c`)).statusCode).toBe(400);
    expect((await at(17, `/v3/p1/${path}?cluster=c`)).statusCode).toBe(404);
  }
  expect((await at(0, "/v3/p1/os-volume-manage?host=1")).statusCode).toBe(200);
  const manage = (minor: number) =>
    stand.ask({
      method: "POST",
      url: "/v3/p1/os-volume-manage",
      headers: { "openstack-api-version": `volume 3.${minor}` },
      payload: wanted({ host: nameOf(1), cluster: "c" }),
    });
  expect((await manage(16)).statusCode).toBe(400);
  expect((await manage(15)).statusCode).toBe(202);
});

test("the list tells sizes, reasons and what is managed, sorted and page by page", async () => {
  const references = (answer: { json(): unknown }): string[] => {
    const text = JSON.stringify(answer.json());
    return [...text.matchAll(/"source-name":"([^"]+)"/g)].map(([, name = ""]) => name);
  };
  expect((await list("")).json()["manageable-volumes"][0]).toEqual({
    reference: { "source-name": "link" },
    size: null,
    safe_to_manage: false,
  });
  expect(references(await list("&sort=reference:asc"))).toEqual(["a.img", "b.img", "c.img", "link"]);
  expect(references(await list("&sort=size:desc"))).toEqual(["a.img", "b.img", "c.img", "link"]);
  expect(references(await list("&sort_key=reference&sort_dir=asc&limit=2"))).toEqual(["a.img", "b.img"]);
  const marker = encodeURIComponent(JSON.stringify({ "source-name": "b.img" }));
  expect(references(await list(`&sort=reference:asc&marker=${marker}`))).toEqual(["c.img", "link"]);
  expect(references(await list("&sort=reference:asc&marker=b.img&offset=1"))).toEqual(["link"]);
  expect((await list("&marker=nothing")).statusCode).toBe(404);
  for (const wrong of ["&sort=colour", "&sort=size:up", "&limit=x", "&offset=-1"])
    expect((await list(wrong)).statusCode).toBe(400);

  stand.agent = () => null;
  const underWay = await managed({ host: nameOf(1) });
  const [taken] = (await list("&sort=reference:asc", "/detail")).json()["manageable-volumes"];
  expect(taken).toMatchObject({
    safe_to_manage: false,
    reason_not_safe: expect.stringContaining(underWay),
    cinder_id: null,
  });
});

test("the list tells volumes by what they are called there", async () => {
  const id = await managed({ host: nameOf(1) });
  await stand.engine.until("volume", id, () => status(id) === "available" || undefined, 2_000);
  stand.foreign.set(1, []);
  expect((await list("", "/detail")).json()["manageable-volumes"]).toEqual([
    {
      reference: { "source-name": expect.any(String) },
      size: 3,
      safe_to_manage: false,
      reason_not_safe: "already managed",
      cinder_id: id,
      extra_info: null,
    },
  ]);
});

test("os-unmanage lets go of a volume, and not of a snapshot", async () => {
  const id = await managed({ host: nameOf(1) });
  await stand.engine.until("volume", id, () => status(id) === "available" || undefined, 2_000);
  const { snapshot } = (await post("/v3/p1/snapshots", { snapshot: { volume_id: id } })).json();
  const refused = await post(`/v3/p1/snapshots/${snapshot.id}/action`, { "os-unmanage": {} });
  expect([refused.statusCode, refused.body]).toEqual([409, expect.stringContaining("manage-snapshot")]);
  await stand.engine.until(
    "snapshot",
    snapshot.id,
    () => stand.state.get("snapshot", snapshot.id)?.status === "available" || undefined,
    2_000,
  );
  expect((await post(`/v3/p1/volumes/${id}/action`, { "os-unmanage": {} })).body).toContain(snapshot.id);
  await stand.api.inject({ method: "DELETE", url: `/v3/p1/snapshots/${snapshot.id}` });
  await stand.engine.until(
    "snapshot",
    snapshot.id,
    () => !stand.state.get("snapshot", snapshot.id) || undefined,
    2_000,
  );
  expect((await post(`/v3/p2/volumes/${id}/action`, { "os-unmanage": {} })).statusCode).toBe(404);
  expect((await post(`/v3/p1/volumes/${id}/action`, { "os-unmanage": {} })).statusCode).toBe(202);
  await stand.engine.until("volume", id, () => status(id) === undefined || undefined, 2_000);
});

test("nothing is taken over into a type whose volumes hosts encrypt", async () => {
  const encryption = { provider: "luks", control_location: "front-end" };
  expect((await post("/v3/p1/types/gold/encryption", { encryption })).statusCode).toBe(200);
  const answer = await post("/v3/p1/os-volume-manage", wanted({ host: nameOf(1), volume_type: "gold" }));
  expect([answer.statusCode, answer.json().badRequest.message]).toEqual([
    400,
    "Invalid volume type: Managing to an encrypted volume type is not supported.",
  ]);
});
