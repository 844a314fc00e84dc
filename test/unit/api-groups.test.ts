import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
beforeEach(async () => {
  stand = await openApiStand();
});
afterEach(() => stand.api.close());

function post(url: string, payload: object) {
  return stand.api.inject({ method: "POST", url: `/v3/p1/${url}`, payload });
}

async function get(url: string) {
  return (await stand.api.inject(`/v3/p1/${url}`)).json();
}

async function volume(more: object = {}): Promise<string> {
  const { id } = (await post("volumes", { volume: { size: 1, volume_type: "gold", ...more } })).json().volume;
  await until("volume", id, "available");
  return id;
}

function until(
  kind: "volume" | "group" | "group-snapshot" | "snapshot",
  id: string,
  status: string | undefined,
): Promise<true> {
  return stand.engine.until(kind, id, () => stand.state.get(kind, id)?.status === status || undefined, 2_000);
}

async function group(): Promise<string> {
  const made = await post("groups", { group: { name: "db", group_type: "consistent", volume_types: ["gold"] } });
  expect([made.statusCode, made.json()]).toEqual([202, { group: { id: expect.any(String), name: "db" } }]);
  return made.json().group.id;
}

test("a group is made, filled, shown, listed, renamed and emptied as the field's clients do it", async () => {
  const id = await group();
  const [one, other] = [await volume(), await volume()];
  const filled = await stand.api.inject({
    method: "PUT",
    url: `/v3/p1/groups/${id}`,
    payload: { group: { name: "database", add_volumes: `${one},${other}`, remove_volumes: "" } },
  });
  expect([filled.statusCode, filled.body]).toEqual([202, ""]);
  expect((await get(`groups/${id}?list_volume=true`)).group).toEqual({
    id,
    name: "database",
    description: "",
    status: "available",
    availability_zone: "north",
    group_type: "consistent",
    volume_types: ["11111111-1111-4111-8111-111111111111"],
    group_snapshot_id: null,
    source_group_id: null,
    replication_status: "disabled",
    project_id: "p1",
    created_at: expect.any(String),
    volumes: [one, other],
  });
  expect(await get("groups")).toEqual({ groups: [{ id, name: "database" }] });
  expect((await get("groups/detail?status=available")).groups).toHaveLength(1);
  expect((await get(`volumes?group_id=${id}`)).volumes).toHaveLength(2);
  // The volume's own answer is that of version 3.0.
  expect(Object.keys((await get(`volumes/${one}`)).volume)).not.toContain("group_id");

  const wrong = await stand.api.inject({
    method: "PUT",
    url: `/v3/p1/groups/${id}`,
    payload: { group: { add_volumes: "nonsense" } },
  });
  expect(wrong.statusCode).toBe(400);
  const refused = await post(`groups/${id}/action`, { delete: { "delete-volumes": false } });
  expect([refused.statusCode, refused.json().badRequest.berth_code]).toEqual([400, "E_HAS_DEPENDENTS"]);
  expect((await post(`groups/${id}/action`, { delete: { "delete-volumes": true } })).statusCode).toBe(202);
  await until("group", id, undefined);
  expect((await stand.api.inject(`/v3/p1/groups/${id}`)).statusCode).toBe(404);
});

test("a volume is made in a group; one of another type is refused", async () => {
  const id = await group();
  const member = await volume({ group_id: id });
  expect((await get(`groups/${id}?list_volume=true`)).group.volumes).toEqual([member]);
  const other = await post("volumes", { volume: { size: 1, volume_type: "silver", group_id: id } });
  expect(other.statusCode).toBe(400);
  const deleted = await stand.api.inject({ method: "DELETE", url: `/v3/p1/volumes/${member}` });
  expect([deleted.statusCode, deleted.json().badRequest.berth_code]).toEqual([400, "E_WRONG_STATE"]);
});

test("a group snapshot is taken, shown, copied to a new group, and deleted", async () => {
  const id = await group();
  await volume({ group_id: id });
  const made = await post("group_snapshots", { group_snapshot: { group_id: id, name: "s", description: null } });
  expect(made.statusCode).toBe(202);
  const { id: takenId } = made.json().group_snapshot;
  await until("group-snapshot", takenId, "available");
  expect((await get(`group_snapshots/${takenId}`)).group_snapshot).toEqual({
    id: takenId,
    name: "s",
    description: "",
    status: "available",
    group_id: id,
    group_type_id: "consistent",
    project_id: "p1",
    created_at: expect.any(String),
  });
  expect((await get(`group_snapshots/detail?group_id=${id}`)).group_snapshots).toHaveLength(1);
  const copied = await post("groups/action", { "create-from-src": { name: "copy", group_snapshot_id: takenId } });
  expect(copied.statusCode).toBe(202);
  await until("group", copied.json().group.id, "available");
  expect((await get(`groups/${copied.json().group.id}?list_volume=1`)).group).toMatchObject({
    group_snapshot_id: takenId,
    volumes: [expect.any(String)],
  });
  expect((await post("groups/action", { "create-from-src": { name: "both" } })).statusCode).toBe(400);
  await stand.engine.drained();
  expect((await stand.api.inject(`/berth/v1/group-snapshots/${takenId}/history`)).json().entries).toMatchObject([
    { operation: "group-snapshot.create", error: null },
  ]);
  expect((await stand.api.inject({ method: "DELETE", url: `/v3/p1/group_snapshots/${takenId}` })).statusCode).toBe(202);
  await until("group-snapshot", takenId, undefined);
  expect((await get("snapshots")).snapshots).toEqual([]);
});

test("a volume goes back to its newest snapshot", async () => {
  const id = await volume();
  const { id: snapshotId } = (await post("snapshots", { snapshot: { volume_id: id } })).json().snapshot;
  await until("snapshot", snapshotId, "available");
  expect((await post(`volumes/${id}/action`, { revert: {} })).statusCode).toBe(400);
  expect((await post(`volumes/${id}/action`, { revert: { snapshot_id: snapshotId } })).statusCode).toBe(202);
  await until("volume", id, "available");
  await stand.engine.drained();
  expect((await stand.api.inject(`/berth/v1/volumes/${id}/history`)).json().entries.at(-1)).toMatchObject({
    operation: "volume.revert",
    detail: `to snapshot ${snapshotId}`,
    error: null,
  });
});

test("another project's group is not there", async () => {
  const id = await group();
  expect((await stand.api.inject(`/v3/p2/groups/${id}`)).statusCode).toBe(404);
  expect((await (await stand.api.inject("/v3/p2/groups")).json()).groups).toEqual([]);
});
