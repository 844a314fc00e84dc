import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
beforeEach(async () => {
  stand = await openApiStand();
});
afterEach(() => stand.api.close());

async function ask(method: "GET" | "POST" | "PUT" | "DELETE", path: string, payload?: object, minor?: number) {
  const answer = await stand.ask({
    method,
    url: `/v3/p1/${path}`,
    ...(payload === undefined ? {} : { payload }),
    ...(minor === undefined ? {} : { headers: { "openstack-api-version": `volume 3.${minor}` } }),
  });
  return { status: answer.statusCode, body: answer.body === "" ? null : answer.json() };
}

const set = (quota_set: object, query = "") => ask("PUT", `os-quota-sets/p1${query}`, { quota_set });
const create = async (size: number) => (await ask("POST", "volumes", { volume: { size } })).body;
const quotas = () => stand.state.catalogue.catalogue.quotas;
const UNLIMITED = {
  ...{ volumes: -1, snapshots: -1, gigabytes: -1 },
  ...{ groups: -1, per_volume_gigabytes: -1, backups: -1, backup_gigabytes: -1 },
  ...{ volumes_gold: -1, snapshots_gold: -1, gigabytes_gold: -1 },
  ...{ volumes_silver: -1, snapshots_silver: -1, gigabytes_silver: -1 },
};

test("a project's limits, of each type as well; those of nobody are the defaults", async () => {
  expect((await ask("GET", "os-quota-sets/p1")).body).toEqual({ quota_set: { id: "p1", ...UNLIMITED } });
  const wanted = { volumes: 11, backups: 5, backup_gigabytes: 9, gigabytes_gold: 100, groups: "4" };
  const told = { ...UNLIMITED, ...wanted, groups: 4 };
  expect(await set({ tenant_id: "p1", ...wanted })).toEqual({ status: 200, body: { quota_set: told } });
  expect((await ask("GET", "os-quota-sets/p1?usage=false")).body).toEqual({ quota_set: { id: "p1", ...told } });
  expect((await ask("GET", "os-quota-sets/p1/defaults")).body).toEqual({ quota_set: { id: "p1", ...UNLIMITED } });
  expect(quotas().projects.p1).toEqual({
    ...{ volumes: 11, groups: 4, backups: 5, backupGib: 9 },
    flavors: { gold: { gib: 100 } },
  });
  expect(await ask("DELETE", "os-quota-sets/p1")).toEqual({ status: 200, body: null });
  expect(await ask("DELETE", "os-quota-sets/p1")).toEqual({ status: 200, body: null });
  expect(quotas().projects).toEqual({});
});

test("usage tells what is there of each", async () => {
  const { volume } = await create(3);
  await stand.engine.until("volume", volume.id, () => isAvailable(volume.id), 2_000);
  await ask("POST", "snapshots", { snapshot: { volume_id: volume.id } });
  await set({ gigabytes: 20 });
  const line = (in_use: number, limit = -1) => ({ in_use, limit, reserved: 0 });
  expect((await ask("GET", "os-quota-sets/p1?usage=True")).body.quota_set).toMatchObject({
    id: "p1",
    volumes: line(1),
    snapshots: line(1),
    gigabytes: line(6, 20),
    per_volume_gigabytes: line(0),
    backups: line(0),
    groups: line(0),
    volumes_gold: line(1),
    gigabytes_gold: line(6),
    gigabytes_silver: line(0),
  });
});

function isAvailable(id: string): true | undefined {
  return stand.state.get("volume", id)?.status === "available" || undefined;
}

test("less than there is already is refused, unless that is meant", async () => {
  await create(3);
  const refused = await set({ gigabytes: 2 });
  expect([refused.status, refused.body.badRequest.message]).toEqual([
    400,
    "Quota gigabytes limit must be equal or greater than existing resources. Current usage is 3 and the requested limit is 2.",
  ]);
  expect((await set({ gigabytes_gold: 2 })).status).toBe(400);
  expect(quotas().projects).toEqual({});
  expect((await set({ gigabytes: 3 })).status).toBe(200);
  expect((await set({ gigabytes: 2, force: true })).status).toBe(200);
  expect((await set({ gigabytes: 1 }, "?skip_validation=True")).status).toBe(200);
});

test.each([
  [{ servers: 1, volumes: 2 }, "Bad key(s) in quota set: servers"],
  [{ volumes_bronze: 1 }, "Bad key(s) in quota set: volumes_bronze"],
  [{ per_volume_gigabytes_gold: 1 }, "Bad key(s) in quota set: per_volume_gigabytes_gold"],
  [{ volumes: -2 }, "volumes must be >= -1"],
  [{ volumes: 2_147_483_648 }, "volumes must be <= 2147483647"],
  [{ volumes: "many" }, "volumes must be an integer"],
  [{ volumes: 1.5 }, "volumes must be an integer"],
  [{ volumes: null }, "volumes must be an integer"],
  [{}, "no limit"],
])("%j is refused and changes nothing", async (limits, message) => {
  const { status, body } = await set(limits);
  expect([status, body.badRequest.message]).toEqual([400, expect.stringContaining(message)]);
  expect(quotas().projects).toEqual({});
});

test("no volume becomes larger than one may be, however it comes to be", async () => {
  await set({ per_volume_gigabytes: 10 });
  const over = (size: number) =>
    `VolumeSizeExceedsLimit: Requested volume size ${size}G is larger than maximum allowed limit 10G.`;
  expect((await create(11)).overLimit.message).toBe(over(11));
  const { volume } = await create(10);
  await stand.engine.until("volume", volume.id, () => isAvailable(volume.id), 2_000);
  const extended = await ask("POST", `volumes/${volume.id}/action`, { "os-extend": { new_size: 12 } });
  expect([extended.status, extended.body.overLimit.message]).toEqual([413, over(12)]);
  stand.foreign.set(1, [
    { reference: "big", sizeBytes: 13 * 2 ** 30, countedBytes: 0, identity: "of big", whyNot: null },
  ]);
  const managed = await ask("POST", "manageable_volumes", {
    volume: { host: "berth@store-1", ref: { "source-name": "big" } },
  });
  expect([managed.status, managed.body.overLimit.message]).toEqual([413, over(13)]);
});

test("no more groups come to be than there may be", async () => {
  await set({ groups: 1 });
  const group = { group: { name: "g", volume_types: ["gold"] } };
  const [type] = (await ask("GET", "group_types")).body.group_types;
  const wanted = { group: { ...group.group, group_type: type.id } };
  expect((await ask("POST", "groups", wanted)).status).toBe(202);
  expect((await ask("POST", "groups", wanted)).body.overLimit.message).toContain(
    "Maximum number of groups allowed (1) exceeded",
  );
  expect((await ask("GET", "os-quota-sets/p1?usage=true")).body.quota_set.groups).toEqual({
    ...{ in_use: 1, limit: 1, reserved: 0 },
  });
});

test("the default class is the default limits, and takes what it tells", async () => {
  const { body } = await ask("GET", "os-quota-class-sets/default");
  expect(body).toEqual({ quota_class_set: { id: "default", ...UNLIMITED } });
  const raised = Object.fromEntries(Object.keys(UNLIMITED).map((key) => [key, 99]));
  expect((await ask("PUT", "os-quota-class-sets/default", { quota_class_set: raised })).body).toEqual({
    quota_class_set: raised,
  });
  expect((await ask("GET", "os-quota-sets/p1/defaults")).body.quota_set.volumes_gold).toBe(99);
  expect((await ask("GET", "os-quota-sets/p1")).body.quota_set.volumes).toBe(99);
  await ask("PUT", "os-quota-class-sets/default", { quota_class_set: UNLIMITED });
  expect(quotas()).toEqual({ default: {}, projects: {} });
  expect((await ask("GET", "os-quota-class-sets/other")).body.quota_class_set).toMatchObject({
    id: "other",
    volumes: -1,
  });
  expect((await ask("PUT", "os-quota-class-sets/other", { quota_class_set: { volumes: 1 } })).status).toBe(400);
  const bad = await ask("PUT", "os-quota-class-sets/default", { quota_class_set: { servers: 1 } });
  expect(bad.body.badRequest.message).toBe("Bad key(s) in quota class set: servers");
});

test("limits: what holds for the project and what it uses; another's from 3.39", async () => {
  await create(7);
  await set({ volumes: 3, backups: 2 });
  const absolute = async (query: string, minor: number) =>
    (await ask("GET", `limits${query}`, undefined, minor)).body.limits.absolute;
  expect((await ask("GET", "limits", undefined, 0)).body).toEqual({
    limits: {
      rate: [],
      absolute: {
        ...{ maxTotalVolumes: 3, totalVolumesUsed: 1, maxTotalVolumeGigabytes: -1, totalGigabytesUsed: 7 },
        ...{ maxTotalSnapshots: -1, totalSnapshotsUsed: 0, maxTotalBackups: 2, totalBackupsUsed: 0 },
        ...{ maxTotalBackupGigabytes: -1, totalBackupGigabytesUsed: 0 },
      },
    },
  });
  expect(await absolute("?project_id=p2", 38)).toMatchObject({ maxTotalVolumes: 3, totalVolumesUsed: 1 });
  for (const name of ["project_id", "tenant_id"])
    expect(await absolute(`?${name}=p2`, 39)).toMatchObject({ maxTotalVolumes: -1, totalVolumesUsed: 0 });
});
