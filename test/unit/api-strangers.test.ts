import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { openApiStand } from "#test/kit/api-stand.ts";
import {
  FLAVOR,
  KEY,
  MARK,
  type Method,
  OWNERS_PROJECT,
  type OwnedStand,
  openOwnedStand,
  othersThan,
  type Route,
  routesOf,
  STRANGERS_PROJECT,
  sendAs,
} from "#test/kit/owned-objects.ts";
import { CHANGELESS_ACTIONS, detours, NOTHING_THERE, WRITES, type Write } from "#test/kit/project-writes.ts";

/** What anybody may ask who has no token. A route that is opened must be written down here as well. */
const OPEN = ["/", "/v3", "/healthcheck", "/berth/v1/health", "/openapi.json", "/services/compute"];
/** The API's document for people. */
const CONSOLE = "/console/api";
const BASE = /^\/v3(\/:project)?/;

/** All that the API has, whatever is added to it: each test below walks over it. */
const routes: readonly Route[] = await routesOf(async () => {
  const stand = await openApiStand();
  await stand.api.ready();
  await stand.api.close();
});
const reads = routes.filter(({ method, access }) => method === "GET" && access === "reader");
const writes = routes.filter(({ access }) => access === "member");

/** Of the first of the two forms of each path, so that each request is sent once a form. */
function keyOf({ method, url }: Route): string {
  return `${method} ${url.replace(BASE, "")}`;
}

/** They have a test of their own. */
const ACCEPT = ["POST /os-volume-transfer/:id/accept", "POST /volume-transfers/:id/accept"];
/** What stands for the parameters that name no project's object. */
const EVERYBODYS = { name: "gold", flavor: "gold", host: "berth@store-1#store-1", alias: "os-extended-services" };

/** A path with these for its parameters. A parameter that is not known here must be made known. */
function filled(url: string, values: Readonly<Record<string, string>>): string {
  return url.replace(/:(\w+)/g, (_all, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${url}: say in this test what stands for :${name}`);
    return encodeURIComponent(value);
  });
}

function expectRefused(what: string, status: number): void {
  expect([what, status], what).toEqual([what, expect.toSatisfy((code: number) => code >= 400 && code < 500)]);
}

/** A list's links say again what was asked for. */
const LINK = /"href": ?"[^"]*"/g;

/** A refusal as well. */
function withoutEcho(text: string): string {
  return [OWNERS_PROJECT, FLAVOR, KEY].reduce((left, said) => left.replaceAll(said, ""), text);
}

let shared: OwnedStand;
beforeAll(async () => {
  shared = await openOwnedStand();
});
afterAll(() => shared.stand.api.close());

test("the walk sees the routes", () => {
  expect(reads.length).toBeGreaterThan(30);
  expect(writes.length).toBeGreaterThan(30);
  expect(routes.filter(({ access }) => access === "admin").length).toBeGreaterThan(30);
});

test("only what is meant to be is open", () => {
  const open = routes.filter(({ access, method }) => access === "open" && method !== "HEAD");
  const urls = new Set(open.map(({ url }) => url).filter((url) => !url.startsWith(CONSOLE)));
  expect([...urls].sort()).toEqual([...OPEN].sort());
});

describe("no token, or a bad one", () => {
  test.each([null, "made-up"])("%s: 401 everywhere, and nothing changed", async (who) => {
    const { stand } = shared;
    const before = othersThan("nobody", stand);
    const values = { project: OWNERS_PROJECT, id: shared.owned.volume, key: KEY, ...EVERYBODYS };
    for (const route of routes.filter(({ access }) => access !== "open")) {
      const { status } = await sendAs(stand, who, route.method, filled(route.url, values), {});
      expect([keyOf(route), status]).toEqual([keyOf(route), 401]);
    }
    expect(othersThan("nobody", stand)).toBe(before);
  });
});

describe("a member of another project", () => {
  /** With every id of the owner's in each place, for it need not be known which is of which kind. */
  function* requestsTo(url: string): Generator<string> {
    const ids = [...Object.values(shared.owned), OWNERS_PROJECT];
    for (const id of url.includes(":id") ? ids : [""])
      for (const project of url.includes(":project") ? [STRANGERS_PROJECT, OWNERS_PROJECT] : [""])
        yield filled(url, { id, project, key: KEY, ...EVERYBODYS, name: FLAVOR, flavor: FLAVOR });
  }

  test.each(reads.map((route) => [keyOf(route), route] as const))("%s tells nothing of it", async (_key, { url }) => {
    const { owned, stand } = shared;
    const queries = ["", "?all_tenants=1", `?all_tenants=1&project_id=${OWNERS_PROJECT}`, "?is_public=None"];
    for (const path of requestsTo(url))
      for (const query of [...queries, `?marker=${owned.volume}`, `?volume_id=${owned.volume}`]) {
        const { status, text } = await sendAs(stand, "stranger", "GET", `${path}${query}`);
        const what = `${path}${query}: ${status} ${text}`;
        if (status >= 300) expectRefused(what, status);
        const told = status < 300 ? text.replaceAll(LINK, "") : withoutEcho(text);
        expect(told, what).not.toContain(MARK);
        if (status < 300) for (const id of Object.values(owned)) expect(told, what).not.toContain(id);
      }
  });

  test("what is the administrators' is refused, whatever is sent", async () => {
    const { stand } = shared;
    const before = othersThan(STRANGERS_PROJECT, stand);
    for (const route of routes.filter(({ access }) => access === "admin"))
      for (const path of requestsTo(route.url)) {
        const { status } = await sendAs(stand, "stranger", route.method, path, {});
        expect([keyOf(route), status]).toEqual([keyOf(route), 403]);
      }
    expect(othersThan(STRANGERS_PROJECT, stand)).toBe(before);
  });

  test("every write of members is known to this test", () => {
    const known = new Set([...Object.keys(WRITES), ...NOTHING_THERE, ...ACCEPT]);
    const unknown = [...new Set(writes.map(keyOf))].filter((key) => !known.has(key));
    expect(unknown, "say in test/kit/project-writes.ts how it succeeds, or give it access: admin").toEqual([]);
  });

  test.each(NOTHING_THERE)("%s: nobody can", async (key) => {
    const [method, path] = partsOf(key);
    const url = `/v3${filled(path, { id: shared.owned.volume })}`;
    const body = { backup: { volume_id: shared.owned.volume } };
    for (const who of ["owner", "root"])
      expect((await sendAs(shared.stand, who, method, url, body)).status).toBeGreaterThanOrEqual(400);
  });

  const actions = writes.filter(({ url }) => url.startsWith("/v3/:project") && url.endsWith("/action"));
  test.each(actions.map((route) => [keyOf(route), route] as const))("%s: so is each action", async (key, { url }) => {
    const { stand, owned } = shared;
    const path = filled(url, { project: OWNERS_PROJECT, id: owned.volume });
    const { text } = await sendAs(stand, "owner", "POST", path, { "no-such-action": {} });
    const [, list = ""] = /actions are: ([\w, -]+)/.exec(text) ?? [];
    const changeless = CHANGELESS_ACTIONS[key] ?? [];
    for (const name of changeless) {
      const { status, text: told } = await sendAs(
        stand,
        "stranger",
        "POST",
        path.replace(OWNERS_PROJECT, STRANGERS_PROJECT),
        { [name]: {} },
      );
      expectRefused(name, status);
      expect(withoutEcho(told)).not.toContain(MARK);
    }
    const known = [...changeless, ...(WRITES[key] ?? []).flatMap((write) => Object.keys(write.body?.(owned) ?? {}))];
    for (const name of list.split(", ").filter((one) => one !== "" && !known.includes(one))) {
      const { status } = await sendAs(stand, "owner", "POST", path, { [name]: {} });
      expect([name, status], "it is in test/kit/project-writes.ts, or for administrators").toEqual([name, 403]);
    }
  });

  const cases = Object.entries(WRITES).flatMap(([key, list]) => list.map((write, n) => [key, n, write] as const));
  test.each(cases)("%s (%i) changes nothing of it; its owner does", async (key, _n, write) => {
    const on = await openOwnedStand();
    onTestFinished(() => on.stand.api.close());
    const [method, path] = partsOf(key);
    const before = othersThan(STRANGERS_PROJECT, on.stand);
    const body = write.body?.(on.owned);
    for (const base of ["/v3", `/v3/${STRANGERS_PROJECT}`, `/v3/${OWNERS_PROJECT}`]) {
      const { status, text } = await sendAs(on.stand, "stranger", method, `${base}${pathOf(path, write, on)}`, body);
      expectRefused(`${base}: ${status} ${text}`, status);
      expect(withoutEcho(text)).not.toContain(MARK);
    }
    const reader = await sendAs(on.stand, "owners-reader", method, `/v3${pathOf(path, write, on)}`, body);
    expect(reader.status).toBe(403);
    await on.stand.engine.drained();
    expect(othersThan(STRANGERS_PROJECT, on.stand)).toBe(before);
    // The same request, of who may: so it was not refused for something else.
    const owners = await sendAs(on.stand, "owner", method, `/v3${pathOf(path, write, on)}`, body);
    const done =
      owners.status === 403 ? await sendAs(on.stand, "root", method, `/v3${pathOf(path, write, on)}`, body) : owners;
    expect(done.text, done.text).not.toContain("berth_code");
    expect(done.status).toBeLessThan(300);
    await on.stand.engine.drained();
    expect(othersThan(STRANGERS_PROJECT, on.stand)).not.toBe(before);
  });

  test.each(ACCEPT.map((key) => partsOf(key)))(
    "%s %s: an offer is taken with its key, and not without",
    async (_method, route) => {
      const on = await openOwnedStand();
      onTestFinished(() => on.stand.api.close());
      const path = `/v3${filled(route, { id: on.owned.transfer })}`;
      const before = othersThan(STRANGERS_PROJECT, on.stand);
      const wrong = await sendAs(on.stand, "stranger", "POST", path, { accept: { auth_key: "0123456789abcdef" } });
      expectRefused(wrong.text, wrong.status);
      expect(othersThan(STRANGERS_PROJECT, on.stand)).toBe(before);
      const right = await sendAs(on.stand, "stranger", "POST", path, { accept: { auth_key: on.transferKey } });
      expect(right.status).toBe(202);
    },
  );

  test("nor by way of what is their own", async () => {
    const on = await openOwnedStand();
    onTestFinished(() => on.stand.api.close());
    const before = othersThan(STRANGERS_PROJECT, on.stand);
    for (const [method, path, body] of detours(on.owned, on.strangers)) {
      const { text } = await sendAs(on.stand, "stranger", method, `/v3${path}`, body);
      await on.stand.engine.drained();
      expect(othersThan(STRANGERS_PROJECT, on.stand), `${path} ${JSON.stringify(body)}: ${text}`).toBe(before);
    }
  });
});

function partsOf(key: string): readonly [Method, string] {
  const [method, path = ""] = key.split(" ");
  if (method !== "POST" && method !== "PUT" && method !== "DELETE") throw new Error(`${key} is no write`);
  return [method, path];
}

function pathOf(path: string, { id }: Write, { owned }: OwnedStand): string {
  return filled(path, { id: id?.(owned) ?? "", key: KEY });
}
