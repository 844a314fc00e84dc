import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { Type } from "typebox";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { Front, type Standing } from "#scheduler/api/front.ts";
import { parser } from "#shared/schema.ts";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";
import { Ec2TestClient, FORM, readReply } from "#test/kit/ec2-caller.ts";
import { signed } from "#test/kit/ec2-signing.ts";
import { freePort } from "#test/kit/free-port.ts";
import { quietLog } from "#test/kit/nats-ledgers.ts";

const madeVolumes = parser(
  Type.Object({
    volume: Type.Object({ id: Type.String(), links: Type.Array(Type.Object({ href: Type.String() })) }),
  }),
);

let stand: ApiStand;
beforeAll(async () => {
  stand = await openApiStand();
  await stand.api.ready();
});
afterAll(() => stand.api.close());

/** A front that stands as told; its address. */
async function opened(standing: () => Standing, schedulerId = "front"): Promise<string> {
  const front = new Front({ schedulerId, standing, tls: null, log: quietLog });
  const port = await freePort();
  await front.listen({ host: "127.0.0.1", port });
  onTestFinished(() => front.close());
  return `http://127.0.0.1:${port}`;
}

async function server(listener: RequestListener): Promise<string> {
  const port = await freePort();
  const own = createServer(listener).listen(port, "127.0.0.1");
  await once(own, "listening");
  onTestFinished(() => {
    own.closeAllConnections();
    own.close();
  });
  return `http://127.0.0.1:${port}`;
}

const leading = (): Standing => ({ role: "leader", api: stand.api, isCurrent: true, ledgerSeq: 7 });
const following = (leaderUrl: string | null) => (): Standing => ({ role: "standby", leaderUrl, ledgerSeq: 0 });

async function expectNoLeader(answer: Response): Promise<void> {
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
  const text = await answer.text();
  expect(text).toContain("E_NOT_LEADER");
  expect(text).toContain("Idempotency-Key");
}

test("a leader answers by itself; not when it cannot tell whether it leads", async () => {
  const url = await opened(leading);
  expect(await fetch(`${url}/berth/v1/health`).then((answer) => answer.json())).toMatchObject({ role: "leader" });
  const overdue = await opened(() => ({ role: "leader", api: stand.api, isCurrent: false, ledgerSeq: 7 }));
  await expectNoLeader(await fetch(`${overdue}/v3/p/volumes`));
  // It lives, and says that it does not lead.
  expect((await fetch(`${overdue}/healthcheck`)).status).toBe(200);
  expect(await fetch(`${url}/metrics`).then((answer) => answer.text())).toContain("berth_leading 1\n");
  expect(await fetch(`${overdue}/metrics`).then((answer) => answer.text())).toContain("berth_leading 0\n");
});

test("a standby hands on everything of a request, and everything of its answer", async () => {
  let seen: IncomingMessage | null = null;
  let body = "";
  const leader = await server(async (request, response) => {
    seen = request;
    for await (const chunk of request) body += String(chunk);
    response.writeHead(418, { "x-own": "kept", connection: "close" }).end("short and stout");
  });
  const url = await opened(following(leader), "the standby");
  const answer = await fetch(`${url}/v3/p/volumes?limit=1&name=%20x`, {
    method: "POST",
    headers: { "idempotency-key": "k", "x-auth-token": "u:p" },
    body: "{ not even JSON",
  });
  expect([answer.status, answer.headers.get("x-own"), await answer.text()]).toEqual([418, "kept", "short and stout"]);
  expect(body).toBe("{ not even JSON");
  expect(seen).toMatchObject({
    method: "POST",
    url: "/v3/p/volumes?limit=1&name=%20x",
    // The client's own words for the address, for links in answers.
    headers: { "idempotency-key": "k", host: new URL(url).host, "berth-forwarded-by": "the standby" },
  });
});

test("a standby and its leader work together as one, lists and links and all", async () => {
  const leader = await opened(leading);
  const url = await opened(following(leader));
  const made = await fetch(`${url}/v3/p/volumes`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ volume: { size: 1 } }),
  });
  expect(made.status).toBe(202);
  const { volume } = madeVolumes.parse(await made.json());
  expect(volume.links[0]?.href).toContain(url);
  expect((await fetch(`${leader}/v3/p/volumes/${volume.id}`)).status).toBe(200);
  expect((await fetch(`${url}/v3/p/volumes/${volume.id}`, { method: "DELETE" })).status).toBe(202);
});

test("a standby says itself that it lives, how far it is, and who leads", async () => {
  const leader = await opened(leading);
  const url = await opened(following(leader), "the standby");
  expect(await fetch(`${url}/berth/v1/health`).then((answer) => answer.json())).toMatchObject({
    role: "standby",
    schedulerId: "the standby",
    leaderUrl: leader,
    agentsUp: 2,
  });
  expect(await fetch(`${url}/healthcheck`).then((answer) => answer.text())).toBe("OK\n");
  expect(await fetch(`${url}/metrics`).then((answer) => answer.text())).toContain("berth_leading 0\n");
});

test("without a leader, or with one that is gone, it says so and when to ask again", async () => {
  await expectNoLeader(await fetch(`${await opened(following(null))}/v3/p/volumes`));
  const gone = `http://127.0.0.1:${await freePort()}`;
  const url = await opened(following(gone));
  await expectNoLeader(await fetch(`${url}/v3/p/volumes`, { method: "POST", body: "{}" }));
  await expectNoLeader(await fetch(`${url}/berth/v1/health`));
  const hangsUp = await server((request) => request.socket.destroy());
  await expectNoLeader(await fetch(`${await opened(following(hangsUp))}/v3/p/volumes`, { method: "POST", body: "{}" }));
});

test("what was handed on to a leader that is silent is given up when another leads", async () => {
  const arrived = Promise.withResolvers<void>();
  let leaderUrl = await server(() => arrived.resolve());
  const url = await opened(() => following(leaderUrl)());
  const asked = fetch(`${url}/v3/p/volumes`, { method: "POST", body: "{}" });
  await arrived.promise;
  leaderUrl = await opened(leading);
  await expectNoLeader(await asked);
  expect((await fetch(`${url}/v3/p/volumes`)).status).toBe(200);
});

test("two standbys that take each other for the leader do not send a request around", async () => {
  const urls: string[] = [];
  urls.push(await opened(() => following(urls[1] ?? null)()));
  urls.push(await opened(() => following(urls[0] ?? null)()));
  await expectNoLeader(await fetch(`${urls[0]}/v3/p/volumes`));
});

test("what EC2's clients sign is still signed behind a standby, and they are told in XML that nobody leads", async () => {
  const client = await Ec2TestClient.open(stand);
  const url = await opened(following(await opened(leading)), "the standby");
  const sent = async (address: string) => {
    const body = "Action=DescribeVolumes&Version=2016-11-15";
    const { host } = new URL(address);
    const headers = { host, "content-type": FORM, "amz-sdk-request": "attempt=1; max=2", "user-agent": "sdk a/1 b/2" };
    const { credentials } = client;
    const made = signed({ method: "POST", target: "/", headers, body }, { credentials, atMs: stand.nowMs });
    const answer = await fetch(`${address}/`, { method: "POST", headers: made.headers, body });
    return readReply(answer.status, await answer.text(), Object.fromEntries(answer.headers));
  };
  expect(await sent(url)).toMatchObject({ status: 200, body: { volumeSet: [] } });
  const reply = await sent(await opened(following(null)));
  expect(reply).toMatchObject({ status: 503, code: "Unavailable" });
  expect(reply.headers).toMatchObject({ "retry-after": "1", "x-amzn-requestid": expect.stringMatching(/^req-/) });
});
