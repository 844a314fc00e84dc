import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import type { ApiSettings } from "#scheduler/api/dependencies.ts";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";
import { identitiesOf } from "#test/kit/identities.ts";

const TOKENS = identitiesOf({
  ann: ["p1", "member"],
  rita: ["p1", "reader"],
  bob: ["p2", "member"],
  root: ["ops", "admin"],
  nova: ["service", "service"],
  nobody: ["p1"],
});

async function open(settings: Partial<ApiSettings> = {}): Promise<{ stand: ApiStand; written: object[] }> {
  const written: object[] = [];
  const writeLog = pino({ base: null }, { write: (line: string) => void written.push(JSON.parse(line)) });
  const stand = await openApiStand(settings, { identities: TOKENS, writeLog });
  onTestFinished(() => stand.api.close());
  return { stand, written };
}

function as(token: string | null) {
  return token === null ? {} : { "x-auth-token": token };
}

async function create(stand: ApiStand, token: string, url = "/v3/volumes"): Promise<string> {
  const payload = { volume: { size: 1, name: `${token}'s` } };
  const answer = await stand.api.inject({ method: "POST", url, headers: as(token), payload });
  expect(answer.statusCode).toBe(202);
  return answer.json().volume.id;
}

test("without a token, or with a bad one, nothing is told but where to get one", async () => {
  const { stand } = await open();
  for (const token of [null, "", "notused", "ann:p1", "caf\u00e9"])
    for (const url of ["/v3/p1/volumes", "/v3/volumes", "/berth/v1/backends", "/metrics", "/nothing/here"]) {
      const answer = await stand.api.inject({ url, headers: as(token) });
      expect([url, answer.statusCode, answer.headers["www-authenticate"]]).toEqual([url, 401, 'Token realm="test"']);
    }
  const answer = await stand.api.inject("/v3/volumes");
  expect(answer.json().unauthorized).toMatchObject({ code: 401, berth_code: "E_UNAUTHENTICATED" });
  expect(answer.headers["x-compute-request-id"]).toMatch(/^req-/);
});

test("what clients ask before they have a token is open; noauth's way to log in is not there", async () => {
  const { stand } = await open();
  const asked = await Promise.all(
    ["/", "/v3", "/v3/", "/healthcheck", "/berth/v1/health"].map(
      async (url) => (await stand.api.inject(url)).statusCode,
    ),
  );
  expect(asked).toEqual([300, 200, 200, 200, 200]);
  const grant = await stand.api.inject({ url: "/v3", headers: { "x-auth-user": "ann" } });
  expect([grant.statusCode, grant.headers["x-auth-token"]]).toEqual([200, undefined]);
});

test("a token has its own project, whether the path names it or not; a path with another is malformed", async () => {
  const { stand } = await open();
  const id = await create(stand, "ann");
  expect(stand.state.get("volume", id)).toMatchObject({ projectId: "p1", userId: "ann" });
  for (const base of ["/v3", "/v3/p1"])
    expect((await stand.api.inject({ url: `${base}/volumes/${id}`, headers: as("rita") })).statusCode).toBe(200);
  expect((await stand.api.inject({ url: `/v3/volumes/${id}`, headers: as("bob") })).statusCode).toBe(404);
  for (const token of ["bob", "root"]) {
    const answer = await stand.api.inject({ url: `/v3/p1/volumes/${id}`, headers: as(token) });
    expect([answer.statusCode, answer.json().badRequest.message]).toEqual([
      400,
      expect.stringContaining("Malformed request url"),
    ]);
  }
});

test("an administrator sees everybody's by id, and in lists their own unless they ask for all", async () => {
  const { stand } = await open();
  const [anns, bobs] = [await create(stand, "ann"), await create(stand, "bob")];
  const listed = async (token: string, query: string): Promise<string[]> => {
    const answer = await stand.api.inject({ url: `/v3/volumes?${query}`, headers: as(token) });
    return answer.json().volumes.map(({ id }: { id: string }) => id);
  };
  expect((await stand.api.inject({ url: `/v3/volumes/${anns}`, headers: as("root") })).statusCode).toBe(200);
  expect(await listed("root", "")).toEqual([]);
  expect(await listed("root", "all_tenants=1")).toEqual([bobs, anns]);
  expect(await listed("root", "all_tenants=1&project_id=p1")).toEqual([anns]);
  // Who is none asks in vain, and is not told that they may not.
  expect(await listed("ann", "all_tenants=1")).toEqual([anns]);
  expect(await listed("ann", "all_tenants=1&project_id=p2")).toEqual([anns]);
  const marker = await stand.api.inject({ url: `/v3/volumes?marker=${bobs}`, headers: as("ann") });
  expect(marker.statusCode).toBe(404);
});

test("a reader changes nothing, in the field's words; the operator's API is the administrators'", async () => {
  const { stand } = await open();
  const id = await create(stand, "ann");
  const refused = await stand.api.inject({ method: "DELETE", url: `/v3/volumes/${id}`, headers: as("rita") });
  expect([refused.statusCode, refused.json().forbidden.message]).toEqual([
    403,
    expect.stringMatching(/^Policy doesn't allow [a-z:]+ to be performed\.$/),
  ]);
  expect(stand.state.get("volume", id)?.status).toBe("available");
  for (const token of ["ann", "rita", "nova", "nobody"]) {
    const answer = await stand.api.inject({ url: "/berth/v1/backends", headers: as(token) });
    expect([answer.statusCode, answer.json().error.code]).toEqual([403, "E_FORBIDDEN"]);
  }
  expect((await stand.api.inject({ url: "/berth/v1/backends", headers: as("root") })).statusCode).toBe(200);
  for (const token of ["nova", "nobody"])
    expect((await stand.api.inject({ url: "/v3/volumes", headers: as(token) })).statusCode).toBe(403);
});

test("a body is not read for who may not send it", async () => {
  const { stand } = await open();
  const answer = await stand.api.inject({
    method: "POST",
    url: "/v3/volumes",
    headers: { ...as("rita"), "content-type": "application/json" },
    payload: "{ not JSON",
  });
  expect(answer.statusCode).toBe(403);
});

test("metrics are the administrators', or open if that is set", async () => {
  const { stand } = await open();
  expect((await stand.api.inject({ url: "/metrics", headers: as("ann") })).statusCode).toBe(403);
  const bearer = await stand.api.inject({ url: "/metrics", headers: { authorization: "Bearer root" } });
  expect(bearer.statusCode).toBe(200);
  const { stand: other } = await open({ metricsAccess: "open" });
  expect((await other.api.inject("/metrics")).statusCode).toBe(200);
});

test("who asks too often waits, each project for itself", async () => {
  const { stand } = await open({ ratePerS: 2, rateBurst: 3 });
  const ask = async (token: string) => {
    const { statusCode, headers, body } = await stand.api.inject({ url: "/v3/volumes", headers: as(token) });
    return { status: statusCode, retryAfter: headers["retry-after"], body };
  };
  for (let n = 0; n < 3; n++) expect((await ask("ann")).status).toBe(200);
  // Another user of the same project.
  const refused = await ask("rita");
  expect([refused.status, refused.retryAfter]).toEqual([413, "1"]);
  expect(JSON.parse(refused.body).overLimit).toMatchObject({
    code: 413,
    retryAfter: "1",
    berth_code: "E_RATE_LIMITED",
  });
  expect((await ask("bob")).status).toBe(200);
  expect((await stand.api.inject("/v3")).statusCode).toBe(200);
  stand.nowMs += 500;
  expect((await ask("ann")).status).toBe(200);
  expect((await ask("ann")).status).toBe(413);
});

test("each write is written down with who, what and what came of it; reads are not, nor what is in bodies", async () => {
  const { stand, written } = await open();
  const id = await create(stand, "ann", "/v3/p1/volumes");
  await stand.api.inject({ url: `/v3/volumes/${id}`, headers: as("ann") });
  await stand.api.inject({
    method: "POST",
    url: `/v3/volumes/${id}/action`,
    headers: { ...as("bob"), "x-forwarded-for": "203.0.113.7" },
    payload: { "os-extend": { new_size: 2, password: "not to be written" } },
  });
  await stand.api.inject({ method: "DELETE", url: `/v3/volumes/${id}` });
  await stand.api.inject({ method: "POST", url: "/berth/v1/zones", headers: as("root"), payload: { name: "east" } });
  const common = { level: 30, time: expect.any(Number), msg: "write", requestId: expect.stringMatching(/^req-/) };
  const from = { remoteAddress: "127.0.0.1", forwardedFor: null, durationMs: expect.any(Number), isService: false };
  expect(written).toEqual([
    {
      ...common,
      ...from,
      userId: "ann",
      projectId: "p1",
      roles: ["member", "reader"],
      method: "POST",
      route: "/v3/:project/volumes",
      pathProject: "p1",
      action: null,
      objectId: null,
      madeId: id,
      status: 202,
    },
    {
      ...common,
      ...from,
      forwardedFor: "203.0.113.7",
      userId: "bob",
      projectId: "p2",
      roles: ["member", "reader"],
      method: "POST",
      route: "/v3/volumes/:id/action",
      pathProject: null,
      action: "os-extend",
      objectId: id,
      madeId: null,
      status: 404,
    },
    expect.objectContaining({ userId: null, projectId: null, roles: [], method: "DELETE", objectId: id, status: 401 }),
    expect.objectContaining({ userId: "root", route: "/berth/v1/zones", status: 201 }),
  ]);
});
