import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiStand, CONNECTION, DONE, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
let volumeId: string;
beforeEach(async () => {
  stand = await openApiStand();
  volumeId = (await post("/v3/p1/volumes", { volume: { size: 3 } })).json().volume.id;
  await volumeStatus(volumeId, "available");
});
afterEach(() => stand.api.close());

function post(url: string, payload: object) {
  return stand.api.inject({ method: "POST", url, payload });
}

function volumeStatus(id: string, status: string): Promise<true> {
  return stand.engine.until("volume", id, () => stand.state.get("volume", id)?.status === status || undefined, 2_000);
}

function snapshotStatus(id: string, status: string | undefined): Promise<true> {
  return stand.engine.until(
    "snapshot",
    id,
    () => stand.state.get("snapshot", id)?.status === status || undefined,
    2_000,
  );
}

test("a snapshot is made with 202, shown, renamed, copied from, and deleted", async () => {
  const made = await post("/v3/p1/snapshots", {
    snapshot: { volume_id: volumeId, name: "s", description: null, force: false, metadata: { a: "1" } },
  });
  expect(made.statusCode).toBe(202);
  const { id } = made.json().snapshot;
  await snapshotStatus(id, "available");
  expect((await stand.api.inject(`/v3/p1/snapshots/${id}`)).json().snapshot).toEqual({
    id,
    name: "s",
    description: null,
    volume_id: volumeId,
    status: "available",
    size: 3,
    metadata: { a: "1" },
    created_at: "2026-11-21T06:59:10.053000",
    updated_at: "2026-11-21T06:59:10.053000",
    "os-extended-snapshot-attributes:progress": "100%",
    "os-extended-snapshot-attributes:project_id": "p1",
  });
  const renamed = await stand.api.inject({
    method: "PUT",
    url: `/v3/p1/snapshots/${id}`,
    payload: { snapshot: { name: "t" } },
  });
  expect(renamed.json().snapshot).toMatchObject({ name: "t", metadata: { a: "1" } });

  const copy = await post("/v3/p1/volumes", { volume: { snapshot_id: id, size: null } });
  expect(copy.json().volume).toMatchObject({ size: 3, snapshot_id: id, source_volid: null });
  await volumeStatus(copy.json().volume.id, "available");
  const small = await post("/v3/p1/volumes", { volume: { snapshot_id: id, size: 2 } });
  expect(small.statusCode).toBe(400);

  const volumeDelete = await stand.api.inject({ method: "DELETE", url: `/v3/p1/volumes/${volumeId}` });
  expect(volumeDelete.statusCode).toBe(400);
  expect(volumeDelete.json().badRequest).toMatchObject({
    berth_code: "E_HAS_DEPENDENTS",
    message: expect.stringContaining(id),
  });

  expect((await stand.api.inject({ method: "DELETE", url: `/v3/p1/snapshots/${id}` })).statusCode).toBe(202);
  await snapshotStatus(id, undefined);
  expect((await stand.api.inject(`/v3/p1/snapshots/${id}`)).json().itemNotFound.message).toBe(
    `Snapshot ${id} could not be found.`,
  );
});

test("a clone names its source", async () => {
  const clone = await post("/v3/p1/volumes", { volume: { source_volid: volumeId } });
  expect(clone.json().volume).toMatchObject({ size: 3, snapshot_id: null, source_volid: volumeId });
});

test("a connected volume needs force", async () => {
  stand.agent = () => ({ ...DONE, connectionInfo: CONNECTION });
  await post(`/v3/p1/volumes/${volumeId}/action`, { "os-initialize_connection": { connector: { host: "node-1" } } });
  const snapshot = { volume_id: volumeId };
  expect((await post("/v3/p1/snapshots", { snapshot })).statusCode).toBe(400);
  expect((await post("/v3/p1/snapshots", { snapshot: { ...snapshot, force: true } })).statusCode).toBe(202);
});

test.each([
  ["no volume", {}, 400],
  ["a volume id that is none", { volume_id: "x" }, 400],
  ["an unknown volume", { volume_id: "99999999-9999-4999-8999-999999999999" }, 404],
])("refused: %s", async (_what, snapshot, status) => {
  expect((await post("/v3/p1/snapshots", { snapshot })).statusCode).toBe(status);
});

test("refused: force that is neither true nor false, a name with a line break, another project's volume", async () => {
  const volume_id = volumeId;
  expect((await post("/v3/p1/snapshots", { snapshot: { volume_id, force: "maybe" } })).statusCode).toBe(400);
  expect((await post("/v3/p1/snapshots", { snapshot: { volume_id, name: "a\nb" } })).statusCode).toBe(400);
  expect((await post("/v3/p2/snapshots", { snapshot: { volume_id } })).statusCode).toBe(404);
  expect(stand.state.table("snapshot").size).toBe(0);
});
