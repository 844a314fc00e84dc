import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";

/** Paths that came with a version: below it they are not there, from it on they are. */

let stand: ApiStand;
let groupId = "";
beforeAll(async () => {
  stand = await openApiStand();
  const made = await ask(71, "POST", "/groups", { group: { name: "db", volume_types: ["gold"] } });
  groupId = made.json().group.id;
});
afterAll(() => stand.api.close());

const NOBODY = "99999999-9999-4999-8999-999999999999";

async function ask(minor: number, method: "GET" | "POST" | "PUT" | "DELETE", path: string, payload?: object) {
  return await stand.api.inject({
    method,
    url: `/v3/p1${path.replace("GROUP", groupId)}`,
    headers: { "openstack-api-version": `volume 3.${minor}` },
    ...(payload === undefined ? {} : { payload }),
  });
}

test.each([
  [11, "GET", "/group_types", 200],
  [11, "GET", "/group_types/default", 200],
  [13, "GET", "/groups", 200],
  [13, "GET", "/groups/detail", 200],
  [13, "GET", "/groups/GROUP", 200],
  [14, "GET", "/group_snapshots", 200],
  [14, "GET", "/group_snapshots/detail", 200],
  [55, "GET", "/volume-transfers", 200],
  [55, "GET", "/volume-transfers/detail", 200],
  [62, "GET", "/default-types", 200],
  [62, "DELETE", "/default-types/p1", 204],
] as const)("from 3.%i on: %s %s", async (since, method, path, status) => {
  const [before, from] = [await ask(since - 1, method, path), await ask(since, method, path)];
  expect([before.statusCode, from.statusCode]).toEqual([404, status]);
});

test.each([
  [11, "/group_types", { group_type: {} }],
  [13, "/groups", { group: {} }],
  [14, "/groups/action", { "create-from-src": {} }],
  [14, "/group_snapshots", { group_snapshot: {} }],
  [20, "/groups/GROUP/action", { reset_status: { status: "blue" } }],
  [19, `/group_snapshots/${NOBODY}/action`, { reset_status: { status: "blue" } }],
  [38, "/groups/GROUP/action", { enable_replication: {} }],
  [38, "/groups/GROUP/action", { disable_replication: {} }],
  [38, "/groups/GROUP/action", { failover_replication: {} }],
  [38, "/groups/GROUP/action", { list_replication_targets: {} }],
  [55, "/volume-transfers", { transfer: {} }],
] as const)("from 3.%i on a wrong body is looked at: POST %s %j", async (since, path, body) => {
  const [before, from] = [await ask(since - 1, "POST", path, body), await ask(since, "POST", path, body)];
  expect([before.statusCode, from.statusCode]).toEqual([404, 400]);
});

test("groups have no replication of their own, and say so", async () => {
  const answer = await ask(38, "POST", "/groups/GROUP/action", { enable_replication: {} });
  expect(answer.json().badRequest.message).toBe(
    `Invalid group type: Group ${groupId} is not a replication group type.`,
  );
  expect((await ask(38, "POST", `/groups/${NOBODY}/action`, { enable_replication: {} })).statusCode).toBe(404);
});

test.each([
  [14, "/groups/GROUP", "group", ["group_snapshot_id", "source_group_id"]],
  [25, "/groups/GROUP?list_volume=true", "group", ["volumes"]],
  [38, "/groups/GROUP", "group", ["replication_status"]],
  [58, "/groups/GROUP", "group", ["project_id"]],
] as const)("from 3.%i on %s has more in its %s: %j", async (since, path, key, fields) => {
  const [before, from] = [await ask(since - 1, "GET", path), await ask(since, "GET", path)];
  const had = new Set(Object.keys(before.json()[key]));
  expect(Object.keys(from.json()[key]).filter((field) => !had.has(field))).toEqual(fields);
});

test("nothing is at the paths of consistency groups, which groups took the place of", async () => {
  for (const path of ["/consistencygroups", "/consistencygroups/detail", "/cgsnapshots", "/cgsnapshots/detail"])
    expect((await ask(0, "GET", path)).statusCode, path).toBe(404);
});
