import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { Client } from "#scheduler/cli/client.ts";
import { runBerth } from "#scheduler/cli/program.ts";
import { RecordingTerminal } from "#test/kit/recording-terminal.ts";
import { type Script, ScriptedScheduler } from "#test/kit/scripted-scheduler.ts";

const ID = "99858d73-1a0c-4293-a5d6-1dfacb7512ff";
const OTHER_ID = "11111111-1a0c-4293-a5d6-1dfacb7512ff";

function volume(changes: object = {}): object {
  return {
    id: ID,
    name: "data",
    description: null,
    status: "available",
    size: 10,
    volume_type: "gold",
    availability_zone: "north",
    snapshot_id: null,
    source_volid: null,
    metadata: { app: "db" },
    attachments: [],
    created_at: "2026-11-21T06:59:10.053000",
    updated_at: null,
    "os-vol-host-attr:host": "berth@north-gold-1#north-gold-1",
    "os-vol-tenant-attr:tenant_id": "default",
    bootable: "false",
    ...changes,
  };
}

async function run(scheduler: ScriptedScheduler, argv: string[], env: Record<string, string> = {}) {
  const terminal = new RecordingTerminal({ env: { BERTH_API_URL: scheduler.url, ...env } });
  const exitCode = await runBerth(argv, terminal);
  return { exitCode, out: terminal.outText, err: terminal.errText };
}

const SHOW: Script = { [`GET /v3/default/volumes/${ID}`]: () => ({ status: 200, body: { volume: volume() } }) };

describe("forms of output", () => {
  test("--json gives stable fields, whatever else the API has", async () => {
    await using scheduler = await ScriptedScheduler.start(SHOW);
    const { exitCode, out, err } = await run(scheduler, ["volume", "show", ID, "--json"]);
    expect([exitCode, err]).toEqual([0, ""]);
    expect(JSON.parse(out)).toEqual({
      volume: {
        id: ID,
        name: "data",
        description: "",
        status: "available",
        sizeGib: 10,
        flavor: "gold",
        zone: "north",
        backend: "north-gold-1",
        snapshotId: null,
        sourceVolumeId: null,
        lastError: null,
        metadata: { app: "db" },
        attachments: [],
        project: "default",
        createdAt: "2026-11-21T06:59:10.053Z",
        updatedAt: null,
      },
    });
  });

  test("--quiet gives the id and nothing else", async () => {
    await using scheduler = await ScriptedScheduler.start(SHOW);
    expect(await run(scheduler, ["volume", "show", ID, "-q"])).toEqual({ exitCode: 0, out: `${ID}\n`, err: "" });
  });

  test("an empty list says so to people, and is an empty list to programs", async () => {
    await using scheduler = await ScriptedScheduler.start({
      "GET /v3/default/volumes/detail": () => ({ status: 200, body: { volumes: [] } }),
    });
    const people = await run(scheduler, ["volume", "list"]);
    expect(people.out).toBe("");
    expect(people.err).toContain("Next: berth volume create");
    expect(await run(scheduler, ["volume", "list", "--json"])).toMatchObject({
      out: '{\n  "volumes": []\n}\n',
      err: "",
    });
  });
});

test("status tells what is wrong with the catalogue's file", async () => {
  const health = {
    schedulerId: "s",
    version: "1",
    ledgerSeq: 7,
    role: "standby",
    leaderUrl: "http://leader:8776",
    lagCommits: 2,
    agentsUp: 0,
    agentsDown: 1,
    backendsUp: 0,
    backendsTotal: 0,
  };
  await using scheduler = await ScriptedScheduler.start({
    "GET /berth/v1/health": () => ({
      status: 200,
      body: { ...health, status: "degraded", catalogueProblem: "catalogue.json:3:3 comma expected" },
    }),
    "GET /berth/v1/zones": () => ({ status: 200, body: { zones: [] } }),
    "GET /berth/v1/agents": () => ({ status: 200, body: { agents: [] } }),
    "GET /berth/v1/backends": () => ({ status: 200, body: { backends: [] } }),
  });
  const { exitCode, out } = await run(scheduler, ["status"]);
  expect(exitCode).toBe(0);
  expect(out).toMatch(/^status +degraded$/m);
  expect(out).toMatch(/^ledger +commit 7, a standby 2 commits behind http:\/\/leader:8776$/m);
  expect(out).toMatch(/^catalogue +catalogue.json:3:3 comma expected$/m);
  expect(out).toMatch(/^agents +0 of 1 up$/m);
});

describe("requests", () => {
  test("name the project and carry a request id; a project comes from the option before the environment", async () => {
    await using scheduler = await ScriptedScheduler.start({});
    await run(scheduler, ["volume", "show", ID], { BERTH_PROJECT: "blue" });
    await run(scheduler, ["volume", "show", ID, "--project", "red"], { BERTH_PROJECT: "blue" });
    expect(scheduler.requests.map(({ url }) => url)).toEqual([`/v3/blue/volumes/${ID}`, `/v3/red/volumes/${ID}`]);
    expect(scheduler.requests[1]?.headers).toMatchObject({
      "x-auth-token": "berth:red",
      "x-openstack-request-id": expect.stringMatching(/^req-[0-9a-f-]{36}$/),
    });
  });

  test("no word leaves its place in the path", async () => {
    await using scheduler = await ScriptedScheduler.start({});
    for (const name of ["..", "."]) expect((await run(scheduler, ["zone", "delete", name])).exitCode).toBe(2);
    await run(scheduler, ["zone", "delete", "../agents?x#y"]);
    await run(scheduler, ["flavor", "delete", "ä/%2e%2e"]);
    expect(scheduler.writes).toEqual([
      "DELETE /berth/v1/zones/..%2Fagents%3Fx%23y",
      "DELETE /berth/v1/flavors/%C3%A4%2F%252e%252e",
    ]);
  });

  test("create sends what was asked for, once, and nothing that was not", async () => {
    await using scheduler = await ScriptedScheduler.start({
      "POST /v3/default/volumes": () => ({ status: 202, body: { volume: volume({ status: "creating" }) } }),
    });
    const argv = ["volume", "create", "--size", "10", "--metadata", "a=b=c", "--metadata", "d.e=f", "--name", "007"];
    const { exitCode } = await run(scheduler, [...argv, "--idempotency-key", "k 1"]);
    expect(exitCode).toBe(0);
    expect(scheduler.requests).toHaveLength(1);
    expect(scheduler.requests[0]?.headers["idempotency-key"]).toBe("k 1");
    expect(scheduler.requests[0]?.body).toEqual({
      volume: {
        name: "007",
        description: null,
        metadata: { a: "b=c", "d.e": "f" },
        size: 10,
        volume_type: null,
        availability_zone: null,
        snapshot_id: null,
        source_volid: null,
      },
    });
  });

  test("lists follow the pages up to the limit", async () => {
    const ids = [ID, OTHER_ID, ID.replace("99", "88")];
    await using scheduler = await ScriptedScheduler.start({
      "GET /v3/default/volumes/detail": ({ url }) => {
        const query = new URL(url, "http://x").searchParams;
        const from = ids.indexOf(query.get("marker") ?? "") + 1;
        const page = ids.slice(from, from + Math.min(2, Number(query.get("limit"))));
        const more = from + page.length < ids.length;
        return {
          status: 200,
          body: {
            volumes: page.map((id) => volume({ id })),
            ...(more ? { volumes_links: [{ rel: "next", href: "http://elsewhere/" }] } : {}),
          },
        };
      },
    });
    expect((await run(scheduler, ["volume", "list", "-q"])).out.split("\n")).toEqual([...ids, ""]);
    expect(scheduler.requests).toHaveLength(2);
    expect((await run(scheduler, ["volume", "list", "-q", "--limit", "1"])).out).toBe(`${ID}\n`);
  });

  test("a name that several volumes have is refused with their ids, and nothing is deleted", async () => {
    await using scheduler = await ScriptedScheduler.start({
      "GET /v3/default/volumes/detail": () => ({
        status: 200,
        body: { volumes: [volume(), volume({ id: OTHER_ID })] },
      }),
    });
    const { exitCode, err } = await run(scheduler, ["volume", "delete", "data", "--json"]);
    expect(exitCode).toBe(2);
    expect(JSON.parse(err)).toMatchObject({ error: { code: "E_BAD_REQUEST", details: { ids: [ID, OTHER_ID] } } });
    expect(scheduler.writes).toEqual([]);
  });

  test("disconnect without a host does nothing when several are connected", async () => {
    const attachments = ["a", "b"].map((host_name) => ({ attachment_id: host_name, host_name }));
    await using scheduler = await ScriptedScheduler.start({
      [`GET /v3/default/volumes/${ID}`]: () => ({ status: 200, body: { volume: volume({ attachments }) } }),
      [`POST /v3/default/volumes/${ID}/action`]: () => ({ status: 202 }),
    });
    const refused = await run(scheduler, ["volume", "disconnect", ID]);
    expect(refused.exitCode).toBe(2);
    expect(refused.err).toContain("connected to several hosts: a, b");
    expect(scheduler.writes).toEqual([]);
    expect((await run(scheduler, ["volume", "disconnect", ID, "--host", "b"])).exitCode).toBe(0);
    expect((await run(scheduler, ["volume", "disconnect", ID, "--all"])).exitCode).toBe(0);
    const connectors = scheduler.requests.filter(({ method }) => method === "POST").map(({ body }) => body);
    expect(connectors).toEqual([
      { "os-terminate_connection": { connector: { host: "b", ip: null, initiator: null, multipath: false } } },
      { "os-terminate_connection": { connector: null } },
    ]);
  });
});

describe("errors", () => {
  test.each([
    [404, { itemNotFound: { code: 404, message: "Volume x.", berth_code: "E_NOT_FOUND", next: "List." } }, 3],
    [400, { badRequest: { code: 400, message: "In use.", berth_code: "E_WRONG_STATE" } }, 4],
    [409, { error: { code: "E_IN_USE", message: "used", next: "n", requestId: "r", details: { by: [1] } } }, 4],
    [500, { error: { code: "E_BACKEND_FAILED", message: "no", next: "n", requestId: "r", details: {} } }, 1],
    [409, { error: { code: "E_FROM_THE_FUTURE", message: "new", next: "n", requestId: "r", details: {} } }, 4],
    [413, { overLimit: { code: 413, message: "too much", retryAfter: "0" } }, 1],
    [503, { serviceUnavailable: { code: 503, message: "later", berth_code: "E_UNAVAILABLE" } }, 5],
    [502, "<html>Bad gateway</html>", 1],
    [500, { surprising: true }, 1],
    [200, { volume: { id: 5 } }, 1],
    [200, "not json", 1],
  ])("HTTP %i with %j ends with %i and one document on stderr", async (status, body, exitCode) => {
    await using scheduler = await ScriptedScheduler.start({
      [`GET /v3/default/volumes/${ID}`]: () => ({ status, body }),
    });
    const result = await run(scheduler, ["volume", "show", ID, "--json"]);
    expect([result.exitCode, result.out]).toEqual([exitCode, ""]);
    expect(JSON.parse(result.err)).toMatchObject({ exitCode, error: { next: expect.any(String) } });
    const people = await run(scheduler, ["volume", "show", ID]);
    expect(people.err).toMatch(/^berth: .+ \(.+\)( \[req-scripted\])?\nNext: .+\n$/);
  });

  test("nothing listens: one sentence and exit code 5", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    server.close();
    await once(server, "close");
    if (address === null || typeof address === "string") throw new Error("no port");
    const terminal = new RecordingTerminal({ env: { BERTH_API_PORT: String(address.port) } });
    expect(await runBerth(["volume", "list"], terminal)).toBe(5);
    expect(terminal.errText).toBe(
      `berth: the scheduler cannot be reached at http://127.0.0.1:${address.port}: nothing listens there (E_UNAVAILABLE)\n` +
        "Next: Start it with `npm start`, or name its address by --api or BERTH_API_URL.\n",
    );
  });

  test("a call that is not answered ends at its deadline", async () => {
    await using scheduler = await ScriptedScheduler.start({
      "GET /slow": () => new Promise(() => {}),
      "DELETE /slow": () => new Promise(() => {}),
    });
    const client = new Client(scheduler.url, "default");
    await expect(client.get("/slow", (a) => a.ZoneList, { deadlineMs: 20 })).rejects.toMatchObject({
      exitCode: 5,
      message: expect.stringContaining("gave no answer within 0.02 s"),
    });
    await expect(client.tell("DELETE", "/slow", undefined, { deadlineMs: 20 })).rejects.toMatchObject({
      next: "It may have been done all the same: look at the object before you try again.",
    });
  });

  test("a connection that is cut: a write may have been done", async () => {
    const server = createServer((socket) => void socket.once("data", () => socket.destroy())).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const client = new Client(`http://127.0.0.1:${address.port}`, "default");
    await expect(client.tell("DELETE", "/x")).rejects.toMatchObject({
      exitCode: 5,
      message: expect.stringContaining("the connection was cut"),
      next: expect.stringContaining("It may have been done"),
    });
    await expect(client.get("/x", (a) => a.ZoneList)).rejects.toMatchObject({
      next: expect.stringContaining("npm start"),
    });
    server.close();
    await once(server, "close");
  });

  test.each(["localhost:80", "ftp://x", "", "http://"])("%j is no address", (address) => {
    expect(() => new Client(address, "default")).toThrow("is not the address of a scheduler");
  });

  test("the address may be an OpenStack endpoint's", () => {
    for (const address of ["http://h:1", "http://h:1/", "http://h:1/v3", "http://h:1/v3/"])
      expect(new Client(address, "default").baseUrl).toBe("http://h:1");
    expect(new Client("http://h/storage/v3", "default").baseUrl).toBe("http://h/storage");
  });
});
