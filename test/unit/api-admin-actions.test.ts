import type { LightMyRequestResponse } from "fastify";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ListedObject } from "#shared/model/listing.ts";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
let id: string;
beforeEach(async () => {
  stand = await openApiStand();
  id = await volume();
});
afterEach(() => stand.api.close());

async function volume(): Promise<string> {
  const made = await ask("POST", "volumes", { volume: { size: 2 } });
  const { id } = made.json().volume;
  await until("volume", id, "available");
  return id;
}

async function snapshot(volumeId: string): Promise<string> {
  const { id } = (await ask("POST", "snapshots", { snapshot: { volume_id: volumeId } })).json().snapshot;
  await until("snapshot", id, "available");
  return id;
}

function ask(
  method: "GET" | "POST" | "PUT" | "DELETE",
  path: string,
  payload?: object,
  version = "latest",
): Promise<LightMyRequestResponse> {
  const headers = { "openstack-api-version": `volume ${version}` };
  return stand.ask({ method, url: `/v3/p1/${path}`, headers, ...(payload === undefined ? {} : { payload }) });
}

function act(payload: object, version = "latest", on = `volumes/${id}`): Promise<LightMyRequestResponse> {
  return ask("POST", `${on}/action`, payload, version);
}

function reset(fields: object, on = `volumes/${id}`): Promise<LightMyRequestResponse> {
  return act({ "os-reset_status": fields }, "latest", on);
}

function until(kind: "volume" | "snapshot", which: string, status: string | undefined): Promise<true> {
  return stand.engine.until(kind, which, () => stand.state.get(kind, which)?.status === status || undefined, 2_000);
}

async function statusOf(path = `volumes/${id}`): Promise<string> {
  const body = (await ask("GET", path)).json();
  return (body.volume ?? body.snapshot).status;
}

async function attach(): Promise<string> {
  const body = { attachment: { volume_uuid: id, instance_uuid: "server-1", connector: { host: "h1" } } };
  const { id: attachmentId } = (await ask("POST", "attachments", body)).json().attachment;
  expect((await act({ "os-complete": null }, "latest", `attachments/${attachmentId}`)).statusCode).toBe(204);
  return attachmentId;
}

describe("deleting", () => {
  test("takes the snapshots along where that is said, at every version", async () => {
    const snapshotId = await snapshot(id);
    expect((await ask("DELETE", `volumes/${id}`)).statusCode).toBe(400);
    expect((await ask("DELETE", `volumes/${id}?cascade=perhaps`)).statusCode).toBe(400);
    expect((await ask("DELETE", `volumes/${id}?cascade=True`, undefined, "3.0")).statusCode).toBe(202);
    await until("volume", id, undefined);
    expect(stand.state.get("snapshot", snapshotId)).toBeUndefined();
  });

  test("is forced from 3.23 on; before, the word is let be", async () => {
    await reset({ status: "maintenance" });
    expect((await ask("DELETE", `volumes/${id}?force=true`, undefined, "3.22")).statusCode).toBe(400);
    expect((await ask("DELETE", `volumes/${id}?force=true`, undefined, "3.23")).statusCode).toBe(202);
    await until("volume", id, undefined);
  });

  test("is forced by an action, and not while somebody has it attached", async () => {
    await act({ "os-reserve": null });
    expect((await ask("DELETE", `volumes/${id}`)).statusCode).toBe(400);
    expect((await act({ "os-force_delete": {} })).statusCode).toBe(202);
    await until("volume", id, undefined);
    expect(stand.state.table("attachment").size).toBe(0);
    id = await volume();
    await attach();
    expect((await act({ "os-force_delete": {} })).statusCode).toBe(400);
    expect((await act({ "os-force_delete": {} }, "3.0", "volumes/none")).statusCode).toBe(404);
  });

  test("of a snapshot is forced as well", async () => {
    const snapshotId = await snapshot(id);
    await reset({ status: "error" }, `snapshots/${snapshotId}`);
    expect((await act({ "os-force_delete": null }, "3.0", `snapshots/${snapshotId}`)).statusCode).toBe(202);
    await until("snapshot", snapshotId, undefined);
  });
});

describe("a status is reset", () => {
  test("to error, to maintenance, and to what it is", async () => {
    for (const status of ["error", "maintenance", "available", "AVAILABLE"]) {
      expect((await reset({ status })).statusCode, status).toBe(202);
      expect(await statusOf()).toBe(status.toLowerCase());
    }
    const [listed] = (await ask("GET", "volumes?status=available")).json().volumes;
    expect(listed.id).toBe(id);
  });

  test("and bars what is new meanwhile", async () => {
    await reset({ status: "error" });
    const body = { attachment: { volume_uuid: id, instance_uuid: "server-1" } };
    const refused = await ask("POST", "attachments", body);
    expect([refused.statusCode, refused.json().badRequest.message]).toEqual([
      400,
      expect.stringContaining("if the volume is in an error state"),
    ]);
    expect((await act({ "os-extend": { new_size: 3 } })).statusCode).toBe(400);
    expect((await ask("GET", "volumes?status=error")).json().volumes).toHaveLength(1);
  });

  test.each(["creating", "deleting", "attaching", "extending", "nonsense"])("but not to %s", async (status) => {
    const refused = await reset({ status });
    expect([refused.statusCode, refused.json().badRequest.message]).toEqual([400, expect.stringContaining(status)]);
    expect(await statusOf()).toBe("available");
  });

  test("to something at all, and to in-use only if it is attached", async () => {
    expect((await reset({})).json().badRequest.message).toMatch(/Must specify 'status'/);
    expect((await reset({ status: "in-use" })).json().badRequest.message).toMatch(/does not have any attachments/);
    expect((await reset({ attach_status: "attached" })).statusCode).toBe(400);
  });

  test("with its attachments going, where it is said to be detached", async () => {
    const attachmentId = await attach();
    expect((await reset({ status: "error" })).statusCode).toBe(202);
    const connector = { attachment: { connector: { host: "h1" } } };
    expect((await ask("PUT", `attachments/${attachmentId}`, connector)).statusCode).toBe(409);
    expect((await reset({ status: "available" })).statusCode).toBe(400);
    expect((await reset({ status: "in-use" })).statusCode).toBe(202);
    expect(await statusOf()).toBe("in-use");
    expect((await reset({ status: "available", attach_status: "detached" })).statusCode).toBe(202);
    expect(await statusOf()).toBe("available");
    expect((await ask("GET", `volumes/${id}`)).json().volume.attachments).toEqual([]);
  });

  test("of its migration, too", async () => {
    for (const [said, told] of [
      ["error", "error"],
      ["success", "success"],
      ["none", null],
    ] as const) {
      expect((await reset({ migration_status: said })).statusCode).toBe(202);
      expect((await ask("GET", `volumes/${id}`)).json().volume.migration_status).toBe(told);
    }
    expect((await reset({ migration_status: "migrating" })).statusCode).toBe(400);
  });

  test("from error only with what the backends say", async () => {
    for (const backendId of [1, 2, 3]) await stand.reportDown(backendId, "away");
    const { id: lost } = (await ask("POST", "volumes", { volume: { size: 2 } })).json().volume;
    stand.nowMs += stand.state.settings.placementDeadlineMs + 1;
    await stand.engine.submit("tick", {});
    expect(await statusOf(`volumes/${lost}`)).toBe("error");
    expect((await reset({ status: "error" }, `volumes/${lost}`)).statusCode).toBe(202);
    expect((await reset({ status: "available" }, `volumes/${lost}`)).statusCode).toBe(409);
    const facts = { mark: null, whole: true, ageMs: null, providerId: null, properties: {}, volumeId: null };
    const object: ListedObject = { kind: "volume", id: lost, sizeBytes: 2 * 2 ** 30, ...facts };
    stand.listing = async (backendId) => ({ objects: backendId === 3 ? [object] : [], foreign: [] });
    const again = await reset({ status: "available" }, `volumes/${lost}`);
    expect([again.statusCode, await statusOf(`volumes/${lost}`)]).toEqual([202, "available"]);
  });

  test("of a snapshot to error and back, and by no hypervisor", async () => {
    const on = `snapshots/${await snapshot(id)}`;
    expect((await reset({ status: "error" }, on)).statusCode).toBe(202);
    expect(await statusOf(on)).toBe("error");
    expect((await ask("GET", "snapshots?status=error")).json().snapshots).toHaveLength(1);
    expect((await ask("POST", "volumes", { volume: { snapshot_id: on.slice(10) } })).statusCode).toBe(400);
    expect((await reset({ status: "creating" }, on)).statusCode).toBe(400);
    expect((await reset({}, on)).statusCode).toBe(400);
    expect((await reset({ status: "available" }, on)).statusCode).toBe(202);
    expect(await statusOf(on)).toBe("available");
    const told = await act({ "os-update_snapshot_status": { status: "error", progress: "80%" } }, "latest", on);
    expect([told.statusCode, told.json().badRequest.message]).toEqual([
      400,
      "Snapshot status available not allowed for update_snapshot_status",
    ]);
  });
});

describe("an extension", () => {
  test("of what is in use is for 3.42 and later", async () => {
    await attach();
    const before = await act({ "os-extend": { new_size: 4 } }, "3.41");
    expect([before.statusCode, before.json().badRequest.message]).toEqual([400, expect.stringContaining("in-use")]);
    expect((await act({ "os-extend": { new_size: 4 } }, "3.42")).statusCode).toBe(202);
  });

  test("is completed by nobody else, which can be asked from 3.71", async () => {
    const asked = { "os-extend_volume_completion": { error: false } };
    expect((await act(asked, "3.70")).statusCode).toBe(404);
    const refused = await act(asked, "3.71");
    expect([refused.statusCode, refused.json().badRequest.message]).toEqual([
      400,
      expect.stringContaining("by itself"),
    ]);
  });
});

describe("what is told of an image", () => {
  test("is kept, shown, filtered by, and forgotten", async () => {
    const set = await act({ "os-set_image_metadata": { metadata: { image_name: "cirros", min_disk: "1" } } });
    expect([set.statusCode, set.json()]).toEqual([200, { metadata: { image_name: "cirros", min_disk: "1" } }]);
    const seen = (await ask("GET", `volumes/${id}`)).json().volume;
    expect(seen.volume_image_metadata).toEqual({ image_name: "cirros", min_disk: "1" });
    expect((await act({ "os-show_image_metadata": null })).json()).toEqual(set.json());
    await volume();
    const filter = `volumes?glance_metadata=${encodeURIComponent("{'image_name':'cirros'}")}`;
    expect((await ask("GET", filter, undefined, "3.3")).json().volumes).toHaveLength(2);
    expect((await ask("GET", filter, undefined, "3.4")).json().volumes).toHaveLength(1);

    expect((await act({ "os-unset_image_metadata": { key: "image_name" } })).statusCode).toBe(200);
    expect((await act({ "os-unset_image_metadata": { key: "image_name" } })).statusCode).toBe(404);
    await act({ "os-unset_image_metadata": { key: "min_disk" } });
    expect((await ask("GET", `volumes/${id}`)).json().volume).not.toHaveProperty("volume_image_metadata");
  });

  test("is all: there are no images", async () => {
    const upload = await act({ "os-volume_upload_image": { image_name: "golden" } }, "3.0");
    expect([upload.statusCode, upload.json().badRequest.message]).toEqual([400, expect.stringContaining("no image")]);
    const reimage = { "os-reimage": { image_id: "11111111-1111-4111-8111-111111111111" } };
    expect((await act(reimage, "3.67")).statusCode).toBe(404);
    expect((await act(reimage, "3.68")).statusCode).toBe(400);
    expect((await act(reimage, "3.68", "volumes/none")).statusCode).toBe(404);
  });
});

test("a migration to a cluster is refused by name from 3.16 on", async () => {
  const refused = await act({ "os-migrate_volume": { host: null, cluster: "c" } }, "3.16");
  expect(refused.json().badRequest.message).toMatch(/cluster/);
  expect((await act({ "os-migrate_volume": { cluster: "c" } }, "3.15")).json().badRequest.message).toMatch(/host is/);
});
