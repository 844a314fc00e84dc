import { afterEach, beforeEach, expect, test } from "vitest";
import { DEFAULT_GROUP_TYPE } from "#shared/model/group-type.ts";
import { type ApiStand, DONE, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
beforeEach(async () => {
  stand = await openApiStand();
});
afterEach(() => stand.api.close());

function post(url: string, payload: object) {
  return stand.ask({ method: "POST", url: `/v3/p1/${url}`, payload });
}

async function get(url: string) {
  return (await stand.ask(`/v3/p1/${url}`)).json();
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
  const made = await post("groups", { group: { name: "db", volume_types: ["gold"] } });
  expect([made.statusCode, made.json()]).toEqual([202, { group: { id: expect.any(String), name: "db" } }]);
  return made.json().group.id;
}

test("a group is made, filled, shown, listed, renamed and emptied as the field's clients do it", async () => {
  const id = await group();
  const [one, other] = [await volume(), await volume()];
  const filled = await stand.ask({
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
    group_type: DEFAULT_GROUP_TYPE.id,
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
  expect((await get(`volumes/${one}`)).volume.group_id).toBe(id);
  expect((await stand.api.inject(`/v3/p1/volumes/${one}`)).json().volume).not.toHaveProperty("group_id");

  const wrong = await stand.ask({
    method: "PUT",
    url: `/v3/p1/groups/${id}`,
    payload: { group: { add_volumes: "nonsense" } },
  });
  expect(wrong.statusCode).toBe(400);
  const refused = await post(`groups/${id}/action`, { delete: { "delete-volumes": false } });
  expect([refused.statusCode, refused.json().badRequest.berth_code]).toEqual([400, "E_HAS_DEPENDENTS"]);
  expect((await post(`groups/${id}/action`, { delete: { "delete-volumes": true } })).statusCode).toBe(202);
  await until("group", id, undefined);
  expect((await stand.ask(`/v3/p1/groups/${id}`)).statusCode).toBe(404);
});

test("a volume is made in a group; one of another type is refused", async () => {
  const id = await group();
  const member = await volume({ group_id: id });
  expect((await get(`groups/${id}?list_volume=true`)).group.volumes).toEqual([member]);
  const other = await post("volumes", { volume: { size: 1, volume_type: "silver", group_id: id } });
  expect(other.statusCode).toBe(400);
  const deleted = await stand.ask({ method: "DELETE", url: `/v3/p1/volumes/${member}` });
  expect([deleted.statusCode, deleted.json().badRequest.berth_code]).toEqual([400, "E_WRONG_STATE"]);
});

test("a group snapshot is taken, shown, copied to a new group, and deleted", async () => {
  const id = await group();
  await volume({ group_id: id });
  const made = await post("group_snapshots", { group_snapshot: { group_id: id, name: "s", description: null } });
  expect(made.statusCode).toBe(202);
  const { id: takenId } = made.json().group_snapshot;
  expect(made.json().group_snapshot).toEqual({ id: takenId, name: "s", group_type_id: DEFAULT_GROUP_TYPE.id });
  await until("group-snapshot", takenId, "available");
  expect((await get("group_snapshots")).group_snapshots).toEqual([{ id: takenId, name: "s" }]);
  const at = async (minor: number, url: string) => {
    const headers = { "openstack-api-version": `volume 3.${minor}` };
    return (await stand.api.inject({ url: `/v3/p1/${url}`, headers })).json();
  };
  expect((await at(57, `group_snapshots/${takenId}`)).group_snapshot).not.toHaveProperty("project_id");
  expect((await at(58, `group_snapshots/${takenId}`)).group_snapshot.project_id).toBe("p1");
  expect((await at(28, "group_snapshots?name=other")).group_snapshots).toHaveLength(1);
  expect((await at(29, "group_snapshots?name=other")).group_snapshots).toHaveLength(0);
  expect((await get(`group_snapshots/${takenId}`)).group_snapshot).toEqual({
    id: takenId,
    name: "s",
    description: "",
    status: "available",
    group_id: id,
    group_type_id: DEFAULT_GROUP_TYPE.id,
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
  expect((await stand.ask(`/berth/v1/group-snapshots/${takenId}/history`)).json().entries).toMatchObject([
    { operation: "group-snapshot.create", error: null },
  ]);
  expect((await stand.ask({ method: "DELETE", url: `/v3/p1/group_snapshots/${takenId}` })).statusCode).toBe(202);
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
  expect((await stand.ask(`/berth/v1/volumes/${id}/history`)).json().entries.at(-1)).toMatchObject({
    operation: "volume.revert",
    detail: `to snapshot ${snapshotId}`,
    error: null,
  });
});

test("group types are made, changed, asked for by groups, and kept while groups are of them", async () => {
  const made = await post("group_types", {
    group_type: { name: "fast", description: "d", is_public: false, group_specs: { tier: "1" } },
  });
  expect(made.statusCode).toBe(202);
  const type = { id: expect.any(String), name: "fast", description: "d", is_public: false, group_specs: { tier: "1" } };
  expect(made.json()).toEqual({ group_type: type });
  const { id } = made.json().group_type;
  const put = (url: string, payload: object) => stand.ask({ method: "PUT", url: `/v3/p1/${url}`, payload });
  const remove = (url: string) => stand.ask({ method: "DELETE", url: `/v3/p1/${url}` });
  expect((await post("group_types", { group_type: { name: "fast" } })).statusCode).toBe(409);
  expect((await put(`group_types/${id}`, { group_type: { name: "faster" } })).json()).toMatchObject({
    group_type: { name: "faster", description: "d" },
  });
  expect((await post(`group_types/${id}/group_specs`, { group_specs: { more: true } })).statusCode).toBe(202);
  expect((await put(`group_types/${id}/group_specs/tier`, { tier: "2" })).statusCode).toBe(200);
  expect((await put(`group_types/${id}/group_specs/tier`, { other: "2" })).statusCode).toBe(400);
  expect((await get(`group_types/${id}/group_specs`)).group_specs).toEqual({ tier: "2", more: "True" });
  expect(await get(`group_types/${id}/group_specs/tier`)).toEqual({ tier: "2" });
  expect((await remove(`group_types/${id}/group_specs/more`)).statusCode).toBe(202);
  expect((await remove(`group_types/${id}/group_specs/more`)).statusCode).toBe(404);
  const replicated = { consistent_group_replication_enabled: "<is> True" };
  expect((await post(`group_types/${id}/group_specs`, { group_specs: replicated })).statusCode).toBe(400);

  const { group_types: listed } = await get("group_types?is_public=None&sort=name:asc");
  expect(listed.map(({ name }: { name: string }) => name)).toEqual(["default_cgsnapshot_type", "faster"]);
  expect((await get("group_types/default")).group_type.id).toBe(DEFAULT_GROUP_TYPE.id);
  expect((await remove(`group_types/${DEFAULT_GROUP_TYPE.id}`)).statusCode).toBe(400);
  const unknown = await post("groups", { group: { group_type: "slow", volume_types: ["gold"] } });
  expect([unknown.statusCode, unknown.json().itemNotFound.message]).toEqual([
    404,
    "Group type slow could not be found.",
  ]);
  const of = await post("groups", { group: { group_type: "faster", volume_types: ["gold"] } });
  expect((await get(`groups/${of.json().group.id}`)).group.group_type).toBe(id);
  const used = await remove(`group_types/${id}`);
  expect([used.statusCode, used.json().badRequest.message]).toEqual([400, expect.stringContaining(of.json().group.id)]);
  expect((await post(`groups/${of.json().group.id}/action`, { delete: {} })).statusCode).toBe(202);
  expect((await remove(`group_types/${id}`)).statusCode).toBe(202);
  expect((await stand.ask(`/v3/p1/group_types/${id}`)).statusCode).toBe(404);
});

test("a group and its snapshot are said to be in error and available again; nothing is lost by it", async () => {
  const id = await group();
  await volume({ group_id: id });
  const made = await post("group_snapshots", { group_snapshot: { group_id: id } });
  const { id: takenId } = made.json().group_snapshot;
  await until("group-snapshot", takenId, "available");
  for (const [path, kind, object] of [
    [`groups/${id}`, "group", id],
    [`group_snapshots/${takenId}`, "group-snapshot", takenId],
  ] as const) {
    expect((await post(`${path}/action`, { reset_status: { status: "deleted" } })).statusCode).toBe(400);
    expect((await post(`${path}/action`, { reset_status: { status: "error" } })).statusCode).toBe(202);
    expect(stand.state.get(kind, object)?.status).toBe("error");
    if (kind === "group")
      expect((await post("group_snapshots", { group_snapshot: { group_id: id } })).statusCode).toBe(400);
    expect((await post(`${path}/action`, { reset_status: { status: "available" } })).statusCode).toBe(202);
    expect(stand.state.get(kind, object)?.status).toBe("available");
  }
  // What a person put in error stands yet, and is removed from its backend when it is deleted.
  await post(`group_snapshots/${takenId}/action`, { reset_status: { status: "error" } });
  const done: string[] = [];
  stand.agent = ({ operation }) => {
    done.push(operation.kind);
    return DONE;
  };
  await stand.ask({ method: "DELETE", url: `/v3/p1/group_snapshots/${takenId}` });
  await until("group-snapshot", takenId, undefined);
  expect(done).toEqual(["group-snapshot.delete"]);
});

test("what could not be made is not available for a word", async () => {
  const id = await group();
  await volume({ group_id: id });
  stand.agent = (job) =>
    job.operation.kind === "group-snapshot.create" ? { outcome: "not-done", message: "somebody writes" } : DONE;
  const made = await post("group_snapshots", { group_snapshot: { group_id: id } });
  const { id: takenId } = made.json().group_snapshot;
  await until("group-snapshot", takenId, "error");
  await stand.engine.drained();
  const refused = await post(`group_snapshots/${takenId}/action`, { reset_status: { status: "available" } });
  expect([refused.statusCode, refused.json().conflictingRequest.message]).toEqual([
    409,
    expect.stringContaining("nothing brings it back"),
  ]);
});

test("another project's group is not there", async () => {
  const id = await group();
  expect((await stand.ask(`/v3/p2/groups/${id}`)).statusCode).toBe(404);
  expect((await (await stand.ask("/v3/p2/groups")).json()).groups).toEqual([]);
});
