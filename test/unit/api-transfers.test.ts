import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
let volumeId: string;
beforeEach(async () => {
  stand = await openApiStand();
  volumeId = (await post("/v3/p1/volumes", { volume: { size: 1, name: "data" } })).json().volume.id;
  await stand.engine.until("volume", volumeId, () => status() === "available" || undefined, 2_000);
});
afterEach(() => stand.api.close());

function post(url: string, payload: object) {
  return stand.api.inject({ method: "POST", url, payload });
}

function status(): string | undefined {
  return stand.state.get("volume", volumeId)?.status;
}

const OFFERS = "/v3/p1/os-volume-transfer";

test("an offer tells its key once, is listed and shown to its project, and taken by another", async () => {
  const made = await post(OFFERS, { transfer: { volume_id: volumeId, name: "offer" } });
  expect(made.statusCode).toBe(202);
  const { id, auth_key: key, ...rest } = made.json().transfer;
  expect(key).toMatch(/^[0-9a-f]{16}$/);
  expect(rest).toEqual({
    name: "offer",
    volume_id: volumeId,
    created_at: expect.any(String),
    links: expect.any(Array),
  });
  expect(status()).toBe("awaiting-transfer");
  const listed = (await stand.api.inject(`${OFFERS}/detail`)).json().transfers;
  expect(listed).toEqual([{ id, ...rest }]);
  expect((await stand.api.inject(`${OFFERS}/${id}`)).json().transfer).toEqual({ id, ...rest });
  expect((await stand.api.inject(`/v3/p2/os-volume-transfer/${id}`)).statusCode).toBe(404);
  expect((await stand.api.inject("/v3/p2/os-volume-transfer")).json().transfers).toEqual([]);

  const wrong = await post(`/v3/p2/os-volume-transfer/${id}/accept`, { accept: { auth_key: "no" } });
  expect(wrong.statusCode).toBe(400);
  const accepted = await post(`/v3/p2/os-volume-transfer/${id}/accept`, { accept: { auth_key: key } });
  expect([accepted.statusCode, accepted.json().transfer.volume_id]).toEqual([202, volumeId]);
  expect((await stand.api.inject(`/v3/p2/volumes/${volumeId}`)).json().volume.status).toBe("available");
  expect((await stand.api.inject(`/v3/p1/volumes/${volumeId}`)).statusCode).toBe(404);
  expect((await stand.api.inject(OFFERS)).json().transfers).toEqual([]);
});

test("what is offered is not deleted; taken back it is", async () => {
  const { id } = (await post(OFFERS, { transfer: { volume_id: volumeId } })).json().transfer;
  const refused = await stand.api.inject({ method: "DELETE", url: `/v3/p1/volumes/${volumeId}` });
  expect(refused.statusCode).toBe(400);
  expect(refused.json().badRequest.message).toContain("awaiting-transfer");
  expect((await stand.api.inject({ method: "DELETE", url: `${OFFERS}/${id}` })).statusCode).toBe(202);
  expect(status()).toBe("available");
});

function at(minor: number, url: string, payload?: object) {
  return stand.api.inject({
    method: payload === undefined ? "GET" : "POST",
    url,
    headers: { "openstack-api-version": `volume 3.${minor}` },
    ...(payload === undefined ? {} : { payload }),
  });
}

const NEWER = "/v3/p1/volume-transfers";

test("an offer says more by version, on either path", async () => {
  const { id } = (await at(55, NEWER, { transfer: { volume_id: volumeId, name: "n" } })).json().transfer;
  for (const path of [NEWER, OFFERS]) {
    const shown = async (minor: number) => (await at(minor, `${path}/${id}`)).json().transfer;
    if (path === OFFERS) expect(await shown(54)).not.toHaveProperty("no_snapshots");
    expect((await shown(55)).no_snapshots).toBe(false);
    expect(await shown(56)).not.toHaveProperty("source_project_id");
    expect(await shown(57)).toMatchObject({ source_project_id: "p1", destination_project_id: null, accepted: false });
    expect((await shown(57)).links[0].href).toContain(`/v3/p1/os-volume-transfer/${id}`);
  }
});

test("an offer that was accepted is no longer there for who made it", async () => {
  const { id, auth_key } = (await post(OFFERS, { transfer: { volume_id: volumeId } })).json().transfer;
  await post(`/v3/p2/os-volume-transfer/${id}/accept`, { accept: { auth_key } });
  expect((await at(71, `${NEWER}/${id}`)).statusCode).toBe(404);
  expect((await stand.api.inject({ method: "DELETE", url: `${OFFERS}/${id}` })).statusCode).toBe(404);
});

test("without its snapshots a volume goes alone, and they stay with whose they are", async () => {
  const taken = await post("/v3/p1/snapshots", { snapshot: { volume_id: volumeId } });
  const { id: snapshotId } = taken.json().snapshot;
  const isThere = () => stand.state.get("snapshot", snapshotId)?.status === "available" || undefined;
  await stand.engine.until("snapshot", snapshotId, isThere, 2_000);
  const body = { transfer: { volume_id: volumeId, no_snapshots: true } };
  // Below the version that has the word it says nothing, or is refused where words that are not known are.
  expect((await at(54, OFFERS, body)).statusCode).toBe(400);
  const older = await at(52, OFFERS, body);
  expect((await at(55, `${OFFERS}/${older.json().transfer.id}`)).json().transfer.no_snapshots).toBe(false);
  await stand.api.inject({ method: "DELETE", url: `${OFFERS}/${older.json().transfer.id}` });
  const { id, auth_key, no_snapshots } = (await at(55, NEWER, body)).json().transfer;
  expect(no_snapshots).toBe(true);
  expect((await at(55, `/v3/p2/volume-transfers/${id}/accept`, { accept: { auth_key } })).statusCode).toBe(202);
  expect(stand.state.get("volume", volumeId)?.projectId).toBe("p2");
  expect(stand.state.get("snapshot", snapshotId)?.projectId).toBe("p1");
  expect((await stand.api.inject(`/v3/p2/snapshots/${snapshotId}`)).statusCode).toBe(404);
  expect(stand.state.usage.of("p1")).toEqual({ volumes: 0, snapshots: 1, gib: 1 });
  expect(stand.state.usage.of("p2")).toEqual({ volumes: 1, snapshots: 0, gib: 1 });
});

test("offers are listed oldest first, and from 3.59 on by the newer path newest first and page by page", async () => {
  const other = (await post("/v3/p1/volumes", { volume: { size: 1 } })).json().volume.id;
  await stand.engine.until(
    "volume",
    other,
    () => stand.state.get("volume", other)?.status === "available" || undefined,
    2_000,
  );
  for (const [name, volume_id] of [
    ["first", volumeId],
    ["second", other],
  ])
    await post(OFFERS, { transfer: { name, volume_id } });
  const names = async (minor: number, url: string) =>
    (await at(minor, url)).json().transfers.map(({ name }: { name: string }) => name);
  expect(await names(0, OFFERS)).toEqual(["first", "second"]);
  expect(await names(71, OFFERS)).toEqual(["first", "second"]);
  expect(await names(58, NEWER)).toEqual(["first", "second"]);
  expect(await names(59, NEWER)).toEqual(["second", "first"]);
  expect(await names(59, `${NEWER}?sort=name:asc`)).toEqual(["first", "second"]);
  const page = (await at(59, `${NEWER}?limit=1`)).json();
  expect(page.transfers_links[0].href).toContain(`/v3/p1/volume-transfers?limit=1&marker=${page.transfers[0].id}`);
  expect(await names(59, `${NEWER}?limit=1&marker=${page.transfers[0].id}`)).toEqual(["first"]);
});

test.each([
  [{}, "transfer"],
  [{ transfer: {} }, "volume_id"],
  [{ transfer: { volume_id: "x" } }, "volume_id"],
])("%j is refused", async (body, what) => {
  const answer = await post(OFFERS, body);
  expect(answer.statusCode).toBe(400);
  expect(answer.json().badRequest.message).toContain(what);
});

test("a volume is made bootable and read-only, and says so", async () => {
  const action = `/v3/p1/volumes/${volumeId}/action`;
  expect((await post(action, { "os-set_bootable": { bootable: "True" } })).statusCode).toBe(200);
  expect((await post(action, { "os-update_readonly_flag": { readonly: true } })).statusCode).toBe(202);
  expect((await post(action, { "os-set_bootable": {} })).statusCode).toBe(400);
  const { volume } = (await stand.api.inject(`/v3/p1/volumes/${volumeId}`)).json();
  expect(volume).toMatchObject({ bootable: "true", metadata: { readonly: "True" } });
  const connection = await post(action, { "os-initialize_connection": { connector: { host: "h" } } });
  expect(connection.json().connection_info.data.access_mode).toBe("ro");
});
