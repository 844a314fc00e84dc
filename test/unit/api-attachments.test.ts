import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { keyIdOf, SealingKey } from "#shared/sealed.ts";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";

const HOST = { initiator: "iqn.1993-08.org.debian:01:abc", host: "node-1", ip: "10.0.0.7" };

let stand: ApiStand;
let id: string;
beforeEach(async () => {
  stand = await openApiStand({ connectTimeoutMs: 1_000 });
  id = (await post("/v3/p1/volumes", { volume: { size: 1 } })).json().volume.id;
  await untilStatus("available");
  for (const backend of stand.state.catalogue.catalogue.backends)
    await stand.report(backend.id, { capabilities: ["connect", "snapshot", "attach-snapshot"] });
});
afterEach(() => stand.api.close());

function post(url: string, payload: object) {
  return stand.ask({ method: "POST", url, payload });
}

function act(body: object) {
  return post(`/v3/p1/volumes/${id}/action`, body);
}

function untilStatus(status: string): Promise<true> {
  return stand.engine.until("volume", id, () => stand.state.get("volume", id)?.status === status || undefined, 2_000);
}

const get = async (url: string) => (await stand.ask(url)).json();
const status = async () => (await get(`/v3/p1/volumes/${id}`)).volume.status;
const ATTACHMENTS = "/v3/p1/attachments";

describe("the field's attachments", () => {
  test("stay in error_attaching when the host could not be let in, until they are deleted or it is tried again", async () => {
    const reserved = (await post(ATTACHMENTS, { attachment: { volume_uuid: id } })).json().attachment;
    const url = `${ATTACHMENTS}/${reserved.id}`;
    const { agent } = stand;
    stand.agent = (job) =>
      job.operation.kind === "attachment.connect" ? { outcome: "not-done", message: "no target" } : agent(job);
    const put = () => stand.ask({ method: "PUT", url, payload: { attachment: { connector: HOST } } });
    const failed = await put();
    expect([failed.statusCode, failed.body]).toEqual([500, expect.stringContaining("computeFault")]);
    await untilStatus("reserved");
    expect((await get(url)).attachment).toMatchObject({
      status: "error_attaching",
      connection_info: {},
      attached_at: "",
    });
    expect((await get(`${ATTACHMENTS}?status=error_attaching`)).attachments).toHaveLength(1);
    expect((await get(`/v3/p1/volumes/${id}`)).volume.attachments).toEqual([]);
    stand.agent = agent;
    expect((await put()).statusCode).toBe(200);
    expect((await stand.ask({ method: "DELETE", url })).statusCode).toBe(200);
    await untilStatus("available");
  });

  test("reserve, connect for a host, complete, and delete", async () => {
    const wish = { volume_uuid: id, instance_uuid: "server-1" };
    const reserved = (await post(ATTACHMENTS, { attachment: wish })).json().attachment;
    expect(reserved).toMatchObject({ status: "reserved", volume_id: id, instance: "server-1", connection_info: {} });
    expect(reserved).toMatchObject({ attached_at: "", detached_at: "", attach_mode: "rw" });
    expect(await status()).toBe("reserved");
    const url = `${ATTACHMENTS}/${reserved.id}`;
    expect((await post(`${url}/action`, { "os-complete": {} })).statusCode).toBe(400);

    const payload = { attachment: { connector: { ...HOST, mountpoint: "/dev/vdb", wwpns: ["50014380186b3f65"] } } };
    const updated = await stand.ask({ method: "PUT", url, payload });
    expect(updated.statusCode).toBe(200);
    const info = updated.json().attachment.connection_info;
    expect(info).toMatchObject({ driver_volume_type: "iscsi", attachment_id: reserved.id, auth_method: "CHAP" });
    expect(info.auth_password).toMatch(/^[A-Za-z0-9]{16}$/);
    expect(await status()).toBe("attaching");
    expect(JSON.stringify(await get(url))).not.toContain(info.auth_password);

    expect((await post(`${url}/action`, { "os-complete": {} })).statusCode).toBe(204);
    expect((await post(`${url}/action`, { "os-complete": {} })).statusCode).toBe(204);
    expect((await get(`/v3/p1/volumes/${id}`)).volume).toMatchObject({
      status: "in-use",
      attachments: [{ attachment_id: reserved.id, server_id: "server-1", device: "/dev/vdb", host_name: "node-1" }],
    });
    expect(await get(ATTACHMENTS)).toEqual({
      attachments: [{ id: reserved.id, status: "attached", instance: "server-1", volume_id: id }],
    });
    expect((await get(`${ATTACHMENTS}/detail?volume_id=${id}`)).attachments).toHaveLength(1);
    expect((await get("/v3/p2/attachments")).attachments).toEqual([]);
    expect((await stand.ask(`/v3/p2/attachments/${reserved.id}`)).statusCode).toBe(404);

    const gone = await stand.ask({ method: "DELETE", url });
    expect([gone.statusCode, gone.json()]).toEqual([200, { attachments: [] }]);
    await untilStatus("available");
    expect((await stand.ask({ method: "DELETE", url })).statusCode).toBe(404);
  });

  test("at once with a connector, to read only; a second host is refused", async () => {
    const wish = { volume_uuid: id, instance_uuid: "s", connector: HOST, mode: "ro" };
    const made = (await post(ATTACHMENTS, { attachment: wish })).json().attachment;
    expect(made).toMatchObject({ status: "attaching", attach_mode: "ro", connection_info: { access_mode: "ro" } });
    const other = await post(ATTACHMENTS, { attachment: { volume_uuid: id, instance_uuid: "t" } });
    expect(other.statusCode).toBe(409);
    expect((await post(ATTACHMENTS, { attachment: { ...wish, mode: "wr" } })).statusCode).toBe(400);
  });

  test("a reservation that is deleted leaves the volume as it was", async () => {
    const wish = { volume_uuid: id, instance_uuid: "s" };
    const { id: attachment } = (await post(ATTACHMENTS, { attachment: wish })).json().attachment;
    expect((await stand.ask({ method: "DELETE", url: `${ATTACHMENTS}/${attachment}` })).statusCode).toBe(200);
    expect(await status()).toBe("available");
  });
});

describe("the field's older actions", () => {
  test("reserve, initialize, attach, begin to detach, roll back, terminate, detach", async () => {
    expect((await act({ "os-reserve": null })).statusCode).toBe(202);
    expect(await status()).toBe("attaching");
    expect((await act({ "os-reserve": {} })).statusCode).toBe(409);
    expect((await act({ "os-initialize_connection": { connector: HOST } })).statusCode).toBe(200);
    expect(await status()).toBe("attaching");
    const attach = { instance_uuid: "server-1", mountpoint: "/dev/vdc", mode: "rw" };
    expect((await act({ "os-attach": attach })).statusCode).toBe(202);
    const { attachments } = (await get(`/v3/p1/volumes/${id}`)).volume;
    expect(attachments).toMatchObject([{ server_id: "server-1", device: "/dev/vdc", host_name: "node-1" }]);
    expect((await act({ "os-begin_detaching": {} })).statusCode).toBe(202);
    expect(await status()).toBe("detaching");
    expect((await act({ "os-roll_detaching": {} })).statusCode).toBe(202);
    expect(await status()).toBe("in-use");
    await act({ "os-begin_detaching": {} });
    expect((await act({ "os-terminate_connection": { connector: HOST } })).statusCode).toBe(202);
    await untilStatus("available");
    const over = { "os-detach": { attachment_id: attachments[0].attachment_id } };
    expect((await act(over)).statusCode).toBe(202);
  });

  test("what was reserved and is not wanted any more is free again", async () => {
    await act({ "os-reserve": {} });
    expect((await act({ "os-unreserve": {} })).statusCode).toBe(202);
    expect(await status()).toBe("available");
  });

  test("by force: free at once though the agent says nothing; operators see what is left to do", async () => {
    await act({ "os-initialize_connection": { connector: HOST } });
    stand.agent = () => null;
    expect((await act({ "os-force_detach": {} })).statusCode).toBe(202);
    expect(await status()).toBe("available");
    expect((await get(ATTACHMENTS)).attachments).toEqual([]);
    const { attachments } = await get(`/berth/v1/volumes/${id}/attachments`);
    expect(attachments).toMatchObject([{ status: "evicting", host: "node-1" }]);
  });
});

test("a snapshot is connected to read, and disconnected, by operators", async () => {
  const made = await post("/v3/p1/snapshots", { snapshot: { volume_id: id } });
  const snapshot = made.json().snapshot.id;
  const settled = () => stand.state.get("snapshot", snapshot)?.status === "available" || undefined;
  await stand.engine.until("snapshot", snapshot, settled, 2_000);
  const answer = await post(`/berth/v1/snapshots/${snapshot}/connect`, { connector: HOST });
  expect(answer.json().connection_info.data).toMatchObject({ access_mode: "ro" });
  expect(answer.json().connection_info.data.auth_password).toMatch(/^[A-Za-z0-9]{16}$/);
  expect(await get(`/berth/v1/snapshots/${snapshot}/attachments`)).toMatchObject({
    attachments: [{ status: "attached", access: "ro" }],
  });
  expect((await stand.ask({ method: "DELETE", url: `/v3/p1/snapshots/${snapshot}` })).statusCode).toBe(400);
  expect((await post(`/berth/v1/snapshots/${snapshot}/disconnect`, {})).statusCode).toBe(202);
});

test("keys are exchanged while volumes are connected: the same secret, under the newest key, and what can go is told", async () => {
  const before = (await act({ "os-initialize_connection": { connector: HOST } })).json().connection_info.data;
  const [old] = stand.keyFile.keys;
  if (old === undefined) throw new Error("there is no key");
  const fresh = new SealingKey(SealingKey.generate());
  stand.keyFile.keys = [fresh, old];
  expect(await get("/berth/v1/keys")).toMatchObject({ sealsWith: fresh.id, secrets: [{ key: old.id, count: 1 }] });
  const rotated = (await post("/berth/v1/keys/rotate", {})).json();
  expect(rotated).toMatchObject({ resealed: 1, removable: [old.id], secrets: [{ key: fresh.id, count: 1 }] });
  expect((await post("/berth/v1/keys/rotate", {})).json()).toMatchObject({ resealed: 0 });
  expect(keyIdOf(stand.state.get("volume", id)?.chap?.sealedSecret ?? "")).toBe(fresh.id);
  stand.keyFile.keys = [fresh];
  const after = (await act({ "os-initialize_connection": { connector: HOST } })).json().connection_info.data;
  expect(after).toEqual(before);
});

test("secrets of a key that nobody has are told as left", async () => {
  await act({ "os-initialize_connection": { connector: HOST } });
  const [old] = stand.keyFile.keys;
  const fresh = new SealingKey(SealingKey.generate());
  stand.keyFile.keys = [fresh];
  expect((await post("/berth/v1/keys/rotate", {})).json()).toMatchObject({
    resealed: 0,
    secrets: [{ key: old?.id, count: 1 }],
    removable: [],
  });
});
