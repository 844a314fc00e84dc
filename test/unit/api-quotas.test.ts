import { afterEach, beforeEach, expect, test } from "vitest";
import { runBerth } from "#scheduler/cli/program.ts";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";
import { RecordingTerminal } from "#test/kit/recording-terminal.ts";

let stand: ApiStand;
let url = "";
beforeEach(async () => {
  stand = await openApiStand();
  url = await stand.api.listen({ host: "127.0.0.1", port: 0 });
});
afterEach(() => stand.api.close());

async function call(method: "GET" | "POST" | "PATCH" | "DELETE", path: string, payload?: object) {
  const answer = await stand.api.inject({ method, url: path, ...(payload === undefined ? {} : { payload }) });
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: answer.body === "" ? null : answer.json(),
  };
}

const create = (volume: object) => call("POST", "/v3/p1/volumes", { volume: { size: 1, ...volume } });

async function berth(...argv: string[]): Promise<{ exitCode: number; out: string; err: string }> {
  const terminal = new RecordingTerminal({ env: { BERTH_API_URL: url, BERTH_PROJECT: "p1" } });
  const exitCode = await runBerth(argv, terminal);
  return { exitCode, out: terminal.outText, err: terminal.errText };
}

const LIMITED = { volumes: 2, gib: 20, flavors: { silver: { gib: 5 } } };

test("a project over its quota is told so as the field's clients know it", async () => {
  await call("PATCH", "/berth/v1/quotas/p1", LIMITED);
  expect((await create({ size: 8 })).status).toBe(202);
  const { status, headers, body } = await create({ size: 13 });
  expect([status, headers["retry-after"]]).toEqual([413, "0"]);
  expect(body).toEqual({
    overLimit: {
      code: 413,
      message:
        "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. Requested 13G, quota is 20G and 8G has been consumed.",
      retryAfter: "0",
      berth_code: "E_QUOTA",
      next: "Delete something, or let an operator raise it: `berth quota show`, `berth quota set`.",
    },
  });
  expect((await create({ size: 6, volume_type: "silver" })).body.overLimit.message).toContain(
    "exceeds allowed gigabytes_silver quota. Requested 6G, quota is 5G and 0G",
  );
  expect((await call("GET", "/v3/p1/limits")).body.limits.absolute).toMatchObject({
    maxTotalVolumes: 2,
    totalVolumesUsed: 1,
    maxTotalVolumeGigabytes: 20,
    totalGigabytesUsed: 8,
    maxTotalSnapshots: -1,
  });
});

test("quotas: set, shown with what is used, changed in part, taken away", async () => {
  await call("PATCH", "/berth/v1/default-quota", { snapshots: 3 });
  await create({ size: 8 });
  expect((await call("PATCH", "/berth/v1/quotas/p1", LIMITED)).body).toEqual({
    quota: {
      project: "p1",
      limits: [
        { kind: "volumes", flavor: null, limit: 2, used: 1 },
        { kind: "snapshots", flavor: null, limit: 3, used: 0 },
        { kind: "gib", flavor: null, limit: 20, used: 8 },
        { kind: "volumes", flavor: "gold", limit: -1, used: 1 },
        { kind: "gib", flavor: "gold", limit: -1, used: 8 },
        { kind: "gib", flavor: "silver", limit: 5, used: 0 },
      ],
    },
  });
  await call("PATCH", "/berth/v1/quotas/p1", { volumes: null, flavors: { silver: { gib: null } } });
  expect(stand.state.catalogue.catalogue.quotas).toEqual({ default: { snapshots: 3 }, projects: { p1: { gib: 20 } } });
  const { body } = await call("GET", "/berth/v1/quotas");
  expect(body).toMatchObject({ default: { snapshots: 3 }, quotas: [{ project: "p1" }] });
  expect((await call("DELETE", "/berth/v1/quotas/p1")).status).toBe(204);
  expect((await call("DELETE", "/berth/v1/quotas/p1")).status).toBe(404);
  expect((await call("DELETE", "/berth/v1/default-quota")).status).toBe(204);
  expect(stand.state.catalogue.catalogue.quotas).toEqual({ default: {}, projects: {} });
});

test.each([
  ["a number below -1", { gib: -2 }, "gib"],
  ["an unknown kind", { servers: 1 }, "servers is not known here"],
  ["nothing", {}, "nothing is asked for"],
])("%s is refused and changes nothing", async (_what, body, message) => {
  const answer = await call("PATCH", "/berth/v1/quotas/p1", body);
  expect(answer.status).toBe(400);
  expect(answer.body.error.message).toContain(message);
  expect(stand.state.catalogue.catalogue.quotas.projects).toEqual({});
});

test("berth quota: words as they are typed", async () => {
  await create({ size: 8 });
  const set = await berth("quota", "set", "p1", "gib=10", "volumes=unlimited", "gib:silver=5");
  expect([set.exitCode, set.err]).toEqual([0, ""]);
  expect(
    set.out
      .split("\n")
      .slice(0, 4)
      .map((line) => line.split(/ {2,}/)),
  ).toEqual([
    ["LIMIT ON", "USED", "LIMIT", "LEFT"],
    ["volumes", "1", "unlimited", "-"],
    ["snapshots", "0", "unlimited", "-"],
    ["gib", "8", "10", "2"],
  ]);
  // Without a project it is the one that commands are about.
  await berth("quota", "set", "snapshots=4");
  expect(stand.state.catalogue.catalogue.quotas.projects).toEqual({
    p1: { volumes: -1, snapshots: 4, gib: 10, flavors: { silver: { gib: 5 } } },
  });
  const refused = await berth("volume", "create", "--size", "3");
  expect(refused.exitCode).toBe(1);
  expect(refused.err).toContain("quota is 10G and 8G has been consumed");
  await berth("quota", "unset", "p1", "gib", "gib:silver");
  expect(stand.state.catalogue.catalogue.quotas.projects).toEqual({ p1: { volumes: -1, snapshots: 4 } });
  await berth("quota", "set", "--default", "gib=100", "volumes:gold=9");
  expect((await berth("quota", "show", "--default")).out).toBe("gib           100\nvolumes:gold  9\n");
  expect((await berth("quota", "show")).out).toMatch(/^gib +8 +100 +92$/m);
  expect((await berth("quota", "list", "--json")).out).toContain('"default"');
  expect((await berth("quota", "unset", "--default", "gib")).exitCode).toBe(0);
  expect((await berth("quota", "unset", "p1")).exitCode).toBe(0);
  expect(stand.state.catalogue.catalogue.quotas).toEqual({
    default: { flavors: { gold: { volumes: 9 } } },
    projects: {},
  });
});

test("berth quota: how many groups there may be, and how large one volume", async () => {
  const set = await berth("quota", "set", "p1", "groups=3", "perVolumeGib=5");
  expect(set.out).toMatch(/^groups +0 +3 +3$/m);
  expect(set.out).toMatch(/^perVolumeGib +- +5 +-$/m);
  expect((await berth("volume", "create", "--size", "6")).err).toContain("larger than maximum allowed limit 5G");
  await berth("quota", "set", "--default", "perVolumeGib=9");
  expect((await berth("quota", "show", "--default")).out).toBe("perVolumeGib  9\n");
  await berth("quota", "unset", "p1", "groups", "perVolumeGib");
  expect(stand.state.catalogue.catalogue.quotas).toEqual({ default: { perVolumeGib: 9 }, projects: {} });
  expect((await berth("quota", "set", "p1", "groups:gold=1")).err).toContain('"groups:gold" is not a limit');
});

test.each([
  [["set", "p1", "gig=1"], '"gig" is not a limit'],
  [["set", "p1", "gib=many"], "gib must be a whole number"],
  [["set", "p1"], "no limit is given"],
  [["unset"], "a project is needed, or --default"],
])("berth quota %j is bad usage", async (words, message) => {
  const { exitCode, err } = await berth("quota", ...words);
  expect(exitCode).toBe(2);
  expect(err).toContain(message);
});
