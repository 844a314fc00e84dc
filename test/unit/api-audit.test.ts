import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parseDuration } from "#scheduler/cli/key-value.ts";
import { runBerth } from "#scheduler/cli/program.ts";
import { BerthError } from "#shared/errors.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import { gibToBytes } from "#shared/units.ts";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";
import { RecordingTerminal } from "#test/kit/recording-terminal.ts";
import { uuid } from "#test/kit/records.ts";

let stand: ApiStand;
let url = "";
const standing = new Map<number, ListedObject[]>();

beforeAll(async () => {
  stand = await openApiStand();
  url = await stand.api.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => stand.api.close());
beforeEach(() => {
  standing.clear();
  stand.listing = async (backendId) => ({ objects: standing.get(backendId) ?? [], foreign: [] });
});

function orphan(n: number, fields: Partial<ListedObject> = {}): ListedObject {
  return {
    kind: "volume",
    id: uuid(n),
    volumeId: uuid(n),
    sizeBytes: gibToBytes(2),
    mark: { projectId: "p1", flavorName: "gold", name: `lost-${n}` },
    whole: true,
    ageMs: 7_200_000,
    providerId: null,
    properties: {},
    ...fields,
  };
}

async function send(method: "GET" | "POST", path: string, body?: object, headers: Record<string, string> = {}) {
  const answer = await stand.api.inject({ method, url: `/berth/v1${path}`, headers, ...(body && { payload: body }) });
  const parsed: unknown = JSON.parse(answer.payload);
  return { status: answer.statusCode, body: parsed };
}

async function berth(argv: string[], answer?: string) {
  const env = { BERTH_API_URL: url };
  const terminal = new RecordingTerminal(answer === undefined ? { env } : { env, answer });
  const exitCode = await runBerth(argv, terminal);
  return { exitCode, out: terminal.outText, err: terminal.errText };
}

describe("the audit over the API", () => {
  test("tells of each backend, also of one that cannot be asked, which does not spoil the others", async () => {
    standing.set(1, [orphan(0xa1)]);
    stand.listing = async (backendId) => {
      if (backendId === 2) throw new BerthError("E_BACKEND_FAILED", "the disk is broken");
      return { objects: standing.get(backendId) ?? [], foreign: ["stranger"] };
    };
    const { body } = await send("GET", "/audit");
    expect(body).toMatchObject({
      backends: [
        {
          backend: { id: 1 },
          error: null,
          counts: { orphans: 1, foreign: 1 },
          orphans: [{ id: uuid(0xa1), origin: "unknown" }],
        },
        { backend: { id: 2 }, error: { code: "E_BACKEND_FAILED", message: "the disk is broken" } },
        { backend: { id: 3 }, error: null, foreign: ["stranger"] },
      ],
    });
    expect((await send("GET", "/audit?backend=store-3")).body).toMatchObject({ backends: [{ backend: { id: 3 } }] });
    expect((await send("GET", "/audit?backend=nine")).status).toBe(404);
    const told = await berth(["audit"]);
    expect(told.exitCode).toBe(5);
    expect(told.out).toMatch(/store-2 +0 +0 +0 +0 +0 +0 +not looked at: the disk is broken/);
    expect(told.out).toMatch(/lost-161 +p1 +gold +2 GiB +2 h +store-1 +not in the ledger/);
    expect(told.err).toContain("backend store-2 could not be looked at: the disk is broken");
  });

  test("removes of what is named only marked orphans of that age, and says why of the rest", async () => {
    stand.agent = () => null;
    standing.set(1, [
      orphan(0xb1),
      orphan(0xb2, { mark: null }),
      orphan(0xb3, { ageMs: 1000 }),
      orphan(0xb4, { ageMs: null }),
    ]);
    const ids = [0xb1, 0xb2, 0xb3, 0xb4, 0xb5].map(uuid);
    const { status, body } = await send("POST", "/backends/1/audit/repair", { olderThanMs: 3_600_000, ids });
    expect([status, body]).toEqual([
      200,
      {
        done: [uuid(0xb1)],
        passed: [
          { id: uuid(0xb2), why: "it does not bear our mark" },
          { id: uuid(0xb3), why: "it is only 1 s old" },
          { id: uuid(0xb4), why: "its age is not known" },
          { id: uuid(0xb5), why: "it is no orphan any more" },
        ],
      },
    ]);
    expect([...stand.state.table("leftover").values()].map(({ volume }) => volume.id)).toEqual([uuid(0xb1)]);
    for (const wrong of [{ ids: [] }, { ids: ["x"] }, { ids, more: 1 }, { ids, olderThanMs: -1 }])
      expect((await send("POST", "/backends/1/audit/repair", { olderThanMs: 0, ...wrong })).status).toBe(400);
  });

  test("the command asks before it removes, with what it would remove, and takes no for an answer", async () => {
    standing.set(3, [orphan(0xc1), orphan(0xc2, { ageMs: 60_000 })]);
    const declined = await berth(["audit", "--repair"], "");
    expect(declined.exitCode).toBe(0);
    expect(declined.out).toContain(uuid(0xc1));
    expect(declined.out).not.toContain(uuid(0xc2));
    expect(declined.err).toContain("Nothing was changed.");
    expect(stand.state.users(3)).toEqual([]);
    const unasked = await berth(["audit", "--repair", "--older-than", "1m", "--yes"]);
    expect([unasked.exitCode, unasked.err]).toEqual([4, expect.stringContaining("does not know 2: was it lost?")]);
    expect(stand.state.users(3)).toEqual([]);
    const programs = await berth(["audit", "--repair", "--older-than", "1m", "--backend", "3", "--json"], "y");
    expect(JSON.parse(programs.out)).toMatchObject({
      plan: [{ id: uuid(0xc1), backend: { id: 3 } }, { id: uuid(0xc2) }],
      done: [uuid(0xc1), uuid(0xc2)],
      passed: [],
    });
    expect((await berth(["audit", "--repair", "--adopt"])).exitCode).toBe(2);
    expect((await berth(["audit", "--older-than", "soon"])).exitCode).toBe(2);
  });
});

test("reset names who: the caller, or whom the caller names; and wants a reason", async () => {
  standing.set(3, []);
  expect((await send("POST", `/volumes/${uuid(0xdd)}/reset`, { to: "error", reason: "why" })).status).toBe(404);
  await send("POST", "/backends/3/audit/adopt", { ids: [uuid(0xd1)] });
  standing.set(3, [orphan(0xd1)]);
  expect((await send("POST", "/backends/3/audit/adopt", { ids: [uuid(0xd1)] })).body).toEqual({
    done: [uuid(0xd1)],
    passed: [],
  });
  standing.set(3, []);
  const path = `/volumes/${uuid(0xd1)}/reset`;
  expect((await send("POST", path, { to: "error" })).status).toBe(400);
  expect((await send("POST", path, { to: "in-use", reason: "x" })).status).toBe(400);
  const token = { "x-auth-token": "ann:p1" };
  expect((await send("POST", path, { to: "error", reason: "gone" }, token)).body).toMatchObject({
    status: "error",
    backend: null,
    reset: { by: "ann", reason: "gone", from: "available", backendId: 3 },
  });
  expect((await send("GET", `/volumes/${uuid(0xd1)}/last-error`)).body).toMatchObject({ reset: { by: "ann" } });
  expect(stand.logLines.some((line) => line.includes("volume reset") && line.includes('"by":"ann"'))).toBe(true);
});

test("a snapshot is reset by the command, which asks first; its backend has the last word", async () => {
  const [volume, snapshot] = [uuid(0xe1), uuid(0xe2)];
  const state: ListedObject = { ...orphan(0xe2), kind: "snapshot", volumeId: volume };
  standing.set(3, [orphan(0xe1), state]);
  await send("POST", "/backends/3/audit/adopt", { ids: [volume, snapshot] });
  const reset = (to: string, answer?: string) =>
    berth(["snapshot", "reset", snapshot, "--project", "p1", "--to", to, "--reason", "why"], answer);
  expect(await reset("error", "y")).toMatchObject({ exitCode: 4, err: expect.stringContaining("stands on backend 3") });
  standing.set(3, [orphan(0xe1)]);
  const declined = await reset("error", "");
  expect(declined.err).toContain("Say that it is error, if the backend agrees?");
  expect(stand.state.get("snapshot", snapshot)?.status).toBe("available");
  expect(await reset("error", "y")).toMatchObject({ exitCode: 0, out: expect.stringContaining("from available by ") });
  expect((await send("GET", `/snapshots/${snapshot}/last-error`)).body).toMatchObject({ reset: { reason: "why" } });
  expect(stand.logLines.some((line) => line.includes("snapshot reset") && line.includes(snapshot))).toBe(true);
  stand.listing = async () => {
    throw new BerthError("E_BACKEND_FAILED", "the disk is broken");
  };
  expect((await reset("available", "y")).err).toContain("the disk is broken");
  standing.set(3, [orphan(0xe1), state]);
  stand.listing = async (backendId) => ({ objects: standing.get(backendId) ?? [], foreign: [] });
  expect((await reset("available", "y")).exitCode).toBe(0);
  expect(stand.state.get("snapshot", snapshot)?.status).toBe("available");
});

test("times are written as people say them", () => {
  expect(["45s", "30m", "1h", "7d", "0s"].map((text) => parseDuration(text, "it"))).toEqual([
    45_000, 1_800_000, 3_600_000, 604_800_000, 0,
  ]);
  for (const wrong of ["", "1", "h", "-1h", "1.5h", "1 h", "1w"]) expect(() => parseDuration(wrong, "it")).toThrow();
});
