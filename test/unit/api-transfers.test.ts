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
