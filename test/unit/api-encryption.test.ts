import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";

const GOLD = "11111111-1111-4111-8111-111111111111";
const SPECS = { provider: "luks", control_location: "front-end", cipher: "aes-xts-plain64", key_size: 256 };
const FIXED_KEY = "00000000-0000-0000-0000-000000000000";

let stand: ApiStand;
beforeEach(async () => {
  stand = await openApiStand();
});
afterEach(() => stand.api.close());

async function ask(method: "GET" | "POST" | "PUT" | "DELETE", path: string, payload?: object, minor = 71) {
  const answer = await stand.api.inject({
    method,
    url: `/v3/p1${path}`,
    headers: { "openstack-api-version": `volume 3.${minor}` },
    ...(payload === undefined ? {} : { payload }),
  });
  return { status: answer.statusCode, body: answer.body === "" ? null : answer.json() };
}

const specify = (type: string, encryption: object) => ask("POST", `/types/${type}/encryption`, { encryption });

async function volume(more: object = {}): Promise<string> {
  const made = await ask("POST", "/volumes", { volume: { size: 1, volume_type: "gold", ...more } });
  expect(made.status).toBe(202);
  const { id } = made.body.volume;
  await stand.engine.until(
    "volume",
    id,
    () => stand.state.get("volume", id)?.status === "available" || undefined,
    2_000,
  );
  return id;
}

test("encryption specs are made, shown, changed and taken away as the field's clients do it", async () => {
  expect(await ask("GET", "/types/gold/encryption")).toEqual({ status: 200, body: {} });
  const made = await specify(GOLD, { ...SPECS, key_size: "256" });
  const encryption_id = expect.stringMatching(/^[0-9a-f-]{36}$/);
  expect(made).toEqual({ status: 200, body: { encryption: { volume_type_id: GOLD, encryption_id, ...SPECS } } });
  expect(await specify(GOLD, SPECS)).toMatchObject({
    status: 400,
    body: { badRequest: { message: `Volume type encryption for type ${GOLD} already exists.` } },
  });
  expect((await ask("GET", `/types/${GOLD}/encryption`)).body).toEqual({
    volume_type_id: GOLD,
    encryption_id: made.body.encryption.encryption_id,
    ...SPECS,
    created_at: "2026-11-21T06:59:10.053000",
    updated_at: null,
    deleted: false,
    deleted_at: null,
  });
  expect((await ask("GET", `/types/${GOLD}/encryption/cipher`)).body).toEqual({ cipher: "aes-xts-plain64" });
  // The field's own client puts no id into the path.
  expect(await ask("PUT", `/types/${GOLD}/encryption/provider`, { encryption: { provider: "luks2" } })).toEqual({
    status: 200,
    body: { encryption: { provider: "luks2" } },
  });
  expect((await ask("GET", `/types/${GOLD}/encryption`)).body).toMatchObject({ ...SPECS, provider: "luks2" });
  expect((await ask("PUT", `/types/${GOLD}`, { volume_type: { description: "d" } })).status).toBe(200);
  expect((await ask("GET", `/types/${GOLD}/encryption`)).body).toMatchObject({ provider: "luks2" });
  expect((await ask("DELETE", `/types/${GOLD}/encryption/${made.body.encryption.encryption_id}`)).status).toBe(202);
  for (const [method, path] of [
    ["DELETE", "/encryption/any"],
    ["GET", "/encryption/provider"],
  ] as const)
    expect(await ask(method, `/types/${GOLD}${path}`)).toMatchObject({
      status: 404,
      body: { itemNotFound: { message: `Volume type encryption for type ${GOLD} does not exist.` } },
    });
});

test.each([
  [{ ...SPECS, provider: undefined }, "provider is needed"],
  [{ ...SPECS, control_location: "elsewhere" }, "control_location must be one of front-end, back-end"],
  [{ ...SPECS, key_size: "long" }, "key_size must be an integer"],
  [{ ...SPECS, key_size: -1 }, "key_size must be an integer"],
])("specs that cannot be are refused: %j", async (encryption, why) => {
  const answer = await specify(GOLD, encryption);
  expect([answer.status, answer.body.badRequest.message]).toEqual([400, expect.stringContaining(why)]);
});

test("a volume of the type says that it is encrypted, and tells the host that attaches how", async () => {
  await specify(GOLD, SPECS);
  const id = await volume();
  const shown = (await ask("GET", `/volumes/${id}`)).body.volume;
  expect(shown.encrypted).toBe(true);
  // The field hides the key that all hosts have.
  expect(shown).not.toHaveProperty("encryption_key_id");
  expect((await ask("GET", `/volumes/${id}/encryption`)).body).toEqual({ encryption_key_id: FIXED_KEY, ...SPECS });
  expect(await ask("GET", `/volumes/${id}/encryption/key_size`)).toEqual({ status: 200, body: { key_size: 256 } });
  expect((await ask("GET", `/volumes/${id}/encryption/colour`)).status).toBe(404);
  const connector = { host: "h", initiator: "iqn.2026-01.test:host" };
  const connected = await ask("POST", `/volumes/${id}/action`, { "os-initialize_connection": { connector } });
  expect(connected.body.connection_info.data.encrypted).toBe(true);

  const plain = await volume({ volume_type: "silver" });
  expect((await ask("GET", `/volumes/${plain}`)).body.volume.encrypted).toBe(false);
  expect((await ask("GET", `/volumes/${plain}/encryption`)).body).toEqual({ encryption_key_id: null });
});

test("while there are volumes of it, a type is encrypted as it was", async () => {
  const plain = await volume({ volume_type: "silver" });
  const made = await specify("silver", SPECS);
  expect([made.status, made.body.badRequest.message]).toEqual([
    400,
    expect.stringMatching(/^Cannot create encryption specs\. Volume type in use\..*volume /),
  ]);
  await specify(GOLD, SPECS);
  const id = await volume();
  const changed = await ask("PUT", `/types/${GOLD}/encryption/x`, { encryption: { key_size: 512 } });
  const deleted = await ask("DELETE", `/types/${GOLD}/encryption/x`);
  expect([changed, deleted].map(({ status, body }) => [status, body.badRequest.message.slice(0, 32)])).toEqual([
    [400, "Cannot update encryption specs. "],
    [400, "Cannot delete encryption specs. "],
  ]);
  for (const [path, payload] of [
    ["/volumes", { volume: { size: 1, volume_type: "silver", source_volid: id } }],
    ["/volumes", { volume: { size: 1, volume_type: "gold", source_volid: plain } }],
    [`/volumes/${id}/action`, { "os-retype": { new_type: "silver", migration_policy: "on-demand" } }],
    [`/volumes/${plain}/action`, { "os-retype": { new_type: "gold", migration_policy: "on-demand" } }],
    [`/volumes/${id}/action`, { "os-unmanage": {} }],
  ] as const) {
    const answer = await ask("POST", path, payload);
    expect([answer.status, answer.body.badRequest?.message], JSON.stringify(payload)).toEqual([
      400,
      expect.stringContaining("encrypted"),
    ]);
  }
  expect((await ask("GET", `/volumes/${await volume({ source_volid: id })}`)).body.volume.encrypted).toBe(true);
});

test("what nobody here can keep is refused when a volume is asked for", async () => {
  await specify(GOLD, { ...SPECS, control_location: "back-end" });
  const byStorage = await ask("POST", "/volumes", { volume: { size: 1, volume_type: "gold" } });
  expect([byStorage.status, byStorage.body.badRequest.message]).toEqual([400, expect.stringContaining("back-end")]);
  await ask("PUT", `/types/${GOLD}/encryption/x`, { encryption: { control_location: "front-end" } });
  await ask("POST", `/types/${GOLD}/extra_specs`, { extra_specs: { multiattach: "<is> True" } });
  expect(await ask("POST", "/volumes", { volume: { size: 1, volume_type: "gold" } })).toMatchObject({
    status: 400,
    body: { badRequest: { message: "Invalid volume: Multiattach cannot be used with encrypted volumes." } },
  });
});

test("an encrypted volume is handed over from 3.70 on, with its snapshots", async () => {
  await specify(GOLD, SPECS);
  const id = await volume();
  const offer = { transfer: { volume_id: id } };
  for (const [path, minor] of [
    ["/volume-transfers", 69],
    ["/os-volume-transfer", 70],
  ] as const)
    expect(await ask("POST", path, offer, minor), path).toMatchObject({
      status: 400,
      body: { badRequest: { message: "Invalid volume: transferring encrypted volume is not supported" } },
    });
  const without = await ask("POST", "/volume-transfers", { transfer: { volume_id: id, no_snapshots: true } }, 70);
  expect([without.status, without.body.badRequest.message]).toEqual([
    400,
    expect.stringContaining("without its snapshots"),
  ]);
  expect((await ask("POST", "/volume-transfers", offer, 70)).status).toBe(202);
});
