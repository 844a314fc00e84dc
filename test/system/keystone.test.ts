import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Type } from "typebox";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { parser } from "#shared/schema.ts";
import { BerthClient } from "#test/kit/berth-client.ts";
import { fake, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { Installation } from "#test/kit/installation.ts";
import { Keystone, keystoneMissing } from "#test/kit/keystone.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { until } from "#test/kit/until.ts";

/** So short that one can be seen to end; Berth's own among them. */
const TOKEN_LIFE_S = 30;
const EXPIRY_BOUND_MS = 90_000;
const CACHE_MS = 1_000;
const BERTH = "berth";
const LIMIT_MS = 180_000;
const VOLUME = parser(Type.Object({ volume: Type.Object({ id: Type.String() }) }), "the volume");
const OBJECT = parser(Type.Record(Type.String(), Type.Object({ status: Type.String() })), "the object");

describe.skipIf((natsServerMissing() ?? keystoneMissing()) !== null)(
  "with Keystone itself",
  { timeout: LIMIT_MS },
  () => {
    let keystone: Keystone;
    let berth: Installation;
    const projects = { lab: "", shop: "", ops: "", service: "" };

    beforeAll(async () => {
      keystone = await Keystone.start(TOKEN_LIFE_S);
      for (const name of ["lab", "shop", "ops", "service"] as const)
        projects[name] = await keystone.createProject(name);
      await keystone.createUser("ann", projects.lab, "member");
      await keystone.createUser("rita", projects.lab, "reader");
      await keystone.createUser("bob", projects.shop, "member");
      await keystone.createUser("root", projects.ops, "admin");
      await keystone.createUser(BERTH, projects.service, "service");
      const passwordFile = join(keystone.folder, "berth.password");
      writeFileSync(passwordFile, BERTH);
      chmodSync(passwordFile, 0o600);
      berth = await Installation.start({
        catalogue: () => goldCatalogue(["north"], fake("fake")),
        agentsPerZone: 1,
        access: { token: await tokenOf("root", "ops"), project: projects.ops },
        settings: {
          BERTH_AUTH: "keystone",
          BERTH_KEYSTONE_URL: keystone.url,
          BERTH_KEYSTONE_PASSWORD_FILE: passwordFile,
          BERTH_TOKEN_CACHE_MS: String(CACHE_MS),
          BERTH_KEYSTONE_TIMEOUT_MS: "20000",
        },
      });
    }, 300_000);
    afterAll(async () => {
      await berth?.[Symbol.asyncDispose]();
      await keystone?.[Symbol.asyncDispose]();
    });
    beforeEach(() => berth.tellLogsOnFailure());

    async function tokenOf(user: string, project: keyof typeof projects): Promise<string> {
      return await keystone.tokenOf(user, { project: { id: projects[project] } });
    }

    /** Of Berth, as this user in this project. */
    async function as(user: string, project: keyof typeof projects): Promise<BerthClient> {
      return withToken(await tokenOf(user, project), project);
    }

    function withToken(token: string, project: keyof typeof projects): BerthClient {
      const client = new BerthClient(berth.client.url, undefined, { token, project: projects[project] });
      onTestFinished(() => client[Symbol.asyncDispose]());
      return client;
    }

    async function statusOf(client: BerthClient): Promise<number> {
      return (await client.send("GET", "/v3/volumes")).status;
    }

    test("a volume's whole life through its project's tokens; nobody else's come near it", async () => {
      const [ann, rita, bob, root] = [
        await as("ann", "lab"),
        await as("rita", "lab"),
        await as("bob", "shop"),
        await as("root", "ops"),
      ];
      const made = await ann.send("POST", "/v3/volumes", { volume: { size: 1, name: "data" } });
      expect(made.status).toBe(202);
      const { id } = VOLUME.parse(JSON.parse(made.text)).volume;
      const one = `/v3/volumes/${id}`;
      const status = async (path = one) =>
        Object.values(OBJECT.parse(JSON.parse((await ann.send("GET", path)).text)))[0];
      await until("it is available", async () => (await status())?.status === "available");
      expect((await rita.send("GET", "/v3/volumes")).text).toContain(id);
      expect((await rita.send("DELETE", one)).status).toBe(403);
      expect((await bob.send("GET", one)).status).toBe(404);
      expect((await bob.send("GET", "/v3/volumes/detail?all_tenants=1")).text).toBe('{"volumes":[]}');
      expect((await bob.send("DELETE", one)).status).toBe(404);
      expect((await ann.send("GET", `/v3/${projects.lab}/volumes`)).status).toBe(200);
      expect((await ann.send("GET", `/v3/${projects.shop}/volumes`)).status).toBe(400);
      expect((await ann.send("GET", "/berth/v1/backends")).status).toBe(403);
      const seen = await root.send("GET", one);
      expect([seen.status, seen.text]).toEqual([200, expect.stringContaining(projects.lab)]);
      expect((await ann.send("POST", `${one}/action`, { "os-extend": { new_size: 2 } })).status).toBe(202);
      await until("it is larger", async () => (await status())?.status === "available");
      expect((await ann.send("DELETE", one)).status).toBe(202);
      await until("it is gone", async () => (await ann.send("GET", one)).status === 404);
    });

    test("a revoked token is worth nothing once it is forgotten", async () => {
      const token = await tokenOf("ann", "lab");
      const ann = withToken(token, "lab");
      expect(await statusOf(ann)).toBe(200);
      await keystone.revoke(token);
      await until("it is refused", async () => (await statusOf(ann)) === 401);
      const { headers } = await ann.send("GET", "/v3/volumes");
      expect(headers["www-authenticate"]).toBe(`Keystone uri="${keystone.url}"`);
    });

    test("a token that has ended is worth nothing; Berth's own is renewed", {
      timeout: EXPIRY_BOUND_MS + 30_000,
    }, async () => {
      const ann = await as("ann", "lab");
      expect(await statusOf(ann)).toBe(200);
      await until("it ends", async () => (await statusOf(ann)) === 401, EXPIRY_BOUND_MS);
      expect(await statusOf(await as("ann", "lab"))).toBe(200);
    });

    test("without Keystone what is remembered goes on, the rest is told to come later; and it comes back", async () => {
      const [ann, bob] = [await as("ann", "lab"), await as("bob", "shop")];
      expect(await statusOf(ann)).toBe(200);
      await keystone.down();
      const { status, text } = await bob.send("GET", "/v3/volumes");
      expect([status, text]).toEqual([503, expect.stringContaining("E_KEYSTONE")]);
      await until("what was remembered is asked about again", async () => (await statusOf(ann)) === 503);
      // Open all the same.
      expect((await ann.send("GET", "/healthcheck")).status).toBe(200);
      await keystone.up();
      await until("it goes on", async () => (await statusOf(bob)) === 200);
    });

    test("by an application credential", async () => {
      const folder = temporaryFolder();
      const { id, secret } = await keystone.createApplicationCredential(BERTH, projects.service);
      writeFileSync(join(folder, "secret"), secret, { mode: 0o600 });
      await berth.scheduler.kill("SIGTERM");
      berth.scheduler.start({
        BERTH_KEYSTONE_APPLICATION_CREDENTIAL: id,
        BERTH_KEYSTONE_PASSWORD_FILE: join(folder, "secret"),
      });
      const ann = await as("ann", "lab");
      await until("it answers", async () => (await statusOf(ann)) === 200);
    });
  },
);
