import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiStand, DONE, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
let id: string;
beforeEach(async () => {
  stand = await openApiStand();
  id = (await post("/v3/p1/volumes", { volume: { size: 1, name: "data" } })).json().volume.id;
  await until("available");
});
afterEach(() => stand.api.close());

function post(url: string, payload: object) {
  return stand.api.inject({ method: "POST", url, payload });
}

function action(body: object) {
  return post(`/v3/p1/volumes/${id}/action`, body);
}

async function until(status: string): Promise<void> {
  await stand.engine.until("volume", id, () => stand.state.get("volume", id)?.status === status || undefined, 2_000);
}

async function seen() {
  return (await stand.api.inject(`/v3/p1/volumes/${id}`)).json().volume;
}

/** Agents do everything but the copy, which they never end. */
function stopAtCopy(): void {
  stand.agent = ({ operation }) => (operation.kind === "volume.copy" ? null : DONE);
}

test("os-migrate_volume moves to the backend that the host names, and is seen to", async () => {
  stopAtCopy();
  expect((await action({ "os-migrate_volume": { host: "berth@store-2#store-2" } })).statusCode).toBe(202);
  await stand.engine.until(
    "volume",
    id,
    () => stand.state.get("volume", id)?.move?.phase === "copying" || undefined,
    2_000,
  );
  expect(await seen()).toMatchObject({
    status: "maintenance",
    migration_status: "migrating",
    "os-vol-mig-status-attr:migstat": "migrating",
    "os-vol-mig-status-attr:name_id": null,
    "os-vol-host-attr:host": "berth@store-1#store-1",
  });
  // A repeat is the same move.
  expect((await action({ "os-migrate_volume": { host: "store-2" } })).statusCode).toBe(202);
  const { move } = (await stand.api.inject(`/berth/v1/volumes/${id}/move`)).json();
  expect(move).toMatchObject({
    kind: "migrate",
    phase: "copying",
    fromBackend: "store-1",
    toBackend: "store-2",
    doneBytes: 0,
  });

  const refused = await stand.api.inject({ method: "DELETE", url: `/v3/p1/volumes/${id}` });
  expect(refused.statusCode).toBe(400);
  expect(refused.body).toContain("is maintenance");
  expect((await post(`/berth/v1/volumes/${id}/cancel`, {})).statusCode).toBe(202);
  expect(await seen()).toMatchObject({ status: "available", migration_status: "error" });
  expect((await post(`/berth/v1/volumes/${id}/cancel`, {})).statusCode).toBe(400);
});

test("a volume that was moved is on the other backend under another name", async () => {
  expect((await post(`/berth/v1/volumes/${id}/migrate`, { zone: "south", bandwidthMibPerS: 10 })).statusCode).toBe(202);
  await until("available");
  const volume = await seen();
  expect(volume).toMatchObject({
    availability_zone: "south",
    migration_status: "success",
    "os-vol-mig-status-attr:migstat": "success",
    "os-vol-mig-status-attr:name_id": expect.stringMatching(/^[0-9a-f-]{36}$/),
    "os-vol-host-attr:host": "berth@store-3#store-3",
  });
  expect(volume.attachments).toEqual([]);
  const { entries } = (await stand.api.inject(`/berth/v1/volumes/${id}/history`)).json();
  expect(entries.at(-1)).toMatchObject({
    operation: "volume.migrate",
    detail: "from backend store-1 to store-3",
    result: "done",
  });
});

test("os-retype changes the type where it is to be had, and moves only if it may", async () => {
  const never = await action({ "os-retype": { new_type: "silver" } });
  expect([never.statusCode, never.json().conflictingRequest?.message]).toEqual([
    409,
    expect.stringContaining('the migration policy "never" forbids'),
  ]);
  expect((await action({ "os-retype": { new_type: "silver", migration_policy: "on-demand" } })).statusCode).toBe(409);
  expect((await action({ "os-retype": { new_type: "gold", migration_policy: "never" } })).statusCode).toBe(400);
  expect((await action({ "os-retype": { new_type: "silver", migration_policy: "maybe" } })).statusCode).toBe(400);
  expect((await action({ "os-retype": { new_type: "lead" } })).statusCode).toBe(404);
});

test("what is asked for wrongly is told", async () => {
  expect((await action({ "os-migrate_volume": {} })).statusCode).toBe(400);
  expect((await action({ "os-migrate_volume": { host: "berth@nowhere#nowhere" } })).statusCode).toBe(404);
  expect((await action({ "os-migrate_volume_completion": { new_volume: id } })).statusCode).toBe(400);
  expect((await post(`/berth/v1/volumes/${id}/migrate`, {})).statusCode).toBe(400);
  expect((await post(`/berth/v1/volumes/${id}/migrate`, { backend: "2", zone: "south" })).statusCode).toBe(400);
  expect((await post(`/berth/v1/volumes/${id}/migrate`, { backend: "2", bandwidthMibPerS: 0 })).statusCode).toBe(400);
});
