import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Answer, refusalOf } from "#test/kit/berth-client.ts";
import { untilBooksBalance } from "#test/kit/books.ts";
import { file, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { filesIn } from "#test/kit/image-folder.ts";
import { Installation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { untilGone, untilStatus } from "#test/kit/volumes.ts";

const MIB = 1024 ** 2;
const RAW_BOUND_MS = 20_000;
const NOBODY = "00000000-0000-4000-8000-000000000000";
const JSON_HEADERS = { "content-type": "application/json" };

let berth: Installation;

/** Refused with that status: one error in one sentence, in which nothing of the program's inside shows. */
function expectRefused(answer: Pick<Answer, "status" | "text">, status: number, what: string): void {
  expect(answer.status, `${what}: ${answer.text.slice(0, 300)}`).toBe(status);
  const { code, message } = refusalOf(answer.text);
  expect(code, what).toMatch(/^E_[A-Z_]+$/);
  expect(code, what).not.toBe("E_INTERNAL");
  expect(message, what).toMatch(/^[^\n]{5,600}$/);
  expect(message, what).not.toMatch(/node_modules|\.ts:\d|\bat \S+ \(/);
}

async function createWith(volume: unknown): Promise<Answer> {
  return await berth.client.send("POST", "/v3/tests/volumes", { volume });
}

async function sendText(text: string, headers: Readonly<Record<string, string>> = JSON_HEADERS): Promise<Answer> {
  return await exchange(
    head("POST", "/v3/tests/volumes", { ...headers, "content-length": String(Buffer.byteLength(text)) }),
    text,
  );
}

function head(method: string, path: string, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries({ host: "berth", connection: "close", ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return `${method} ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
}

/** Says this on a socket, in these pieces, and hears what comes back until the other side is through. */
async function exchange(...pieces: readonly (string | Buffer)[]): Promise<Answer> {
  const socket = connect(Number(new URL(berth.client.url).port), "127.0.0.1");
  const heard: Buffer[] = [];
  socket.on("data", (data) => heard.push(data));
  // It may hang up while we still talk: what it said before that is its answer.
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.setTimeout(RAW_BOUND_MS, () => socket.destroy());
  for (const piece of pieces) {
    if (socket.destroyed) break;
    if (!socket.write(piece)) await Promise.race([new Promise<void>((go) => socket.once("drain", () => go())), closed]);
  }
  await closed;
  const text = Buffer.concat(heard).toString("utf8");
  const body = text.slice(text.indexOf("\r\n\r\n") + 4);
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]), text: body, headers: {} };
}

describe.skipIf(natsServerMissing() !== null)("bad input", () => {
  let pid = 0;
  let seq = 0;
  beforeAll(async () => {
    berth = await Installation.start({
      catalogue: (folder) => goldCatalogue(["north"], file("images", folder)),
      agentsPerZone: 1,
    });
    pid = berth.scheduler.pid;
  });
  afterAll(() => berth[Symbol.asyncDispose]());
  beforeEach(async () => {
    berth.tellLogsOnFailure();
    seq = (await berth.client.health()).ledgerSeq;
  });

  /** The same process lives on, and not one record was written: no volume, no job, no key. */
  async function expectUntouched(): Promise<void> {
    expect(berth.scheduler.pid).toBe(pid);
    expect(await berth.client.health()).toMatchObject({ status: "ok", ledgerSeq: seq });
    expect(await berth.client.volumes()).toEqual([]);
    expect(await berth.client.metric('berth_jobs_waiting{backend="images",zone="north"}')).toBe(0);
  }

  it("sizes that are none", async () => {
    const sizes = [
      -1,
      0,
      1.5,
      1024 ** 2 + 1,
      2 ** 53,
      1e300,
      "ten",
      "",
      "-1",
      "1e3",
      "1.0",
      "0x10",
      true,
      [1],
      { gib: 1 },
      null,
    ];
    for (const size of sizes) expectRefused(await createWith({ size }), 400, `size ${JSON.stringify(size)}`);
    expectRefused(await createWith({}), 400, "no size");
    expectRefused(await sendText('{"volume": {"size": 1e999}}'), 400, "an infinite size");
    expectRefused(await sendText('{"volume": {"size": NaN}}'), 400, "not a number");
    await expectUntouched();
  });

  it("texts that are none", async () => {
    const texts = [
      "two\nlines",
      "a\u0000b",
      "tab\there",
      "\u2028",
      "\ud800",
      "x".repeat(256),
      "x".repeat(10_240),
      7,
      ["a"],
      {},
    ];
    for (const text of texts) {
      for (const field of ["name", "description", "volume_type", "availability_zone"])
        expectRefused(
          await createWith({ size: 1, [field]: text }),
          400,
          `${field} ${JSON.stringify(text).slice(0, 40)}`,
        );
      expectRefused(await createWith({ size: 1, metadata: { key: text, other: 1 } }), 400, "metadata");
    }
    await expectUntouched();
  });

  it("flavors, zones, snapshots, volumes and addresses that are not there", async () => {
    const { client } = berth;
    for (const name of ["platinum", "../gold", "'; DROP TABLE volumes; --", "$(reboot)", "__proto__", "toString"]) {
      expectRefused(await createWith({ size: 1, volume_type: name }), 404, `flavor ${name}`);
      expectRefused(await createWith({ size: 1, availability_zone: name }), 400, `zone ${name}`);
      expectRefused(await createWith({ snapshot_id: name }), 400, `snapshot ${name}`);
    }
    expectRefused(await createWith({ snapshot_id: NOBODY }), 404, "unknown snapshot");
    expectRefused(await createWith({ source_volid: NOBODY }), 404, "unknown source");
    expectRefused(await createWith({ source_volid: NOBODY, snapshot_id: NOBODY }), 400, "two sources");
    for (const id of [NOBODY, "..%2f..%2fetc%2fpasswd", "%00", "'", "a".repeat(2000), "__proto__", "%f0%9f%9a%a2"])
      for (const method of ["GET", "DELETE"] as const) {
        expectRefused(await client.send(method, `/v3/tests/volumes/${id}`), 404, `${method} ${id.slice(0, 40)}`);
        expectRefused(await client.send(method, `/v3/tests/snapshots/${id}`), 404, `${method} ${id.slice(0, 40)}`);
        expectRefused(await client.send(method, `/berth/v1/backends/${id}`), 404, `${method} ${id.slice(0, 40)}`);
      }
    expectRefused(await client.send("GET", "/v3/tests/volumes/%zz"), 400, "half an escape");
    expectRefused(await client.send("GET", "/v3/te%20sts/volumes"), 400, "a project that is none");
    expectRefused(await client.send("GET", "/nowhere"), 404, "no such path");
    expectRefused(await client.send("PATCH", "/v3/tests/volumes"), 405, "no such method");
    expectRefused(await client.send("GET", "/v3/tests/volumes?limit=-1"), 400, "limit -1");
    expectRefused(await client.send("GET", "/v3/tests/volumes?sort=constructor"), 400, "no such sort key");
    await expectUntouched();
  });

  it("bodies that are no request", async () => {
    const bodies = [
      "",
      "{",
      "volume",
      "[]",
      "null",
      '"volume"',
      "{}",
      '{"volume": []}',
      '{"volume": {"size": 1}} {}',
      "[".repeat(50_000),
    ];
    for (const body of bodies) expectRefused(await sendText(body), 400, `body ${body.slice(0, 30)}`);
    for (const key of ["__proto__", "constructor"])
      expectRefused(await sendText(`{"volume": {"size": 1, "${key}": {"prototype": {"size": 2}}}}`), 400, key);
    const right = '{"volume": {"size": 1}}';
    expectRefused(await sendText(right, { "content-type": "text/plain" }), 415, "text/plain");
    expectRefused(await sendText(right, { "content-type": "application/x-www-form-urlencoded" }), 415, "a form");
    for (const key of ["", "x".repeat(256), "a b", "caf\u00e9"])
      expectRefused(await sendText(right, { ...JSON_HEADERS, "idempotency-key": key }), 400, `key ${key.slice(0, 20)}`);
    expectRefused(
      await sendText(right, { ...JSON_HEADERS, "openstack-api-version": "volume 9.99" }),
      406,
      "a version that is not there",
    );
    await expectUntouched();
  });

  it("a body of 100 MB, announced or not, and one that ends too early", async () => {
    const chunk = Buffer.alloc(MIB, "x");
    const announced = head("POST", "/v3/tests/volumes", { ...JSON_HEADERS, "content-length": String(100 * MIB) });
    // Again and again: a server that hangs up on who still talks is heard by some only.
    for (let time = 1; time <= 5; time++)
      expectRefused(await exchange(announced, ...Array(100).fill(chunk)), 413, "100 MB announced");
    const chunked = head("POST", "/v3/tests/volumes", { ...JSON_HEADERS, "transfer-encoding": "chunked" });
    const framed = Buffer.concat([Buffer.from(`${MIB.toString(16)}\r\n`), chunk, Buffer.from("\r\n")]);
    expectRefused(await exchange(chunked, ...Array(100).fill(framed), "0\r\n\r\n"), 413, "100 MB in chunks");

    const socket = connect(Number(new URL(berth.client.url).port), "127.0.0.1");
    await once(socket, "connect");
    socket.write(
      `${head("POST", "/v3/tests/volumes", { ...JSON_HEADERS, "content-length": "100" })}{"volume": {"size": 1}}`,
    );
    socket.destroy();
    await once(socket, "close");
    await expectUntouched();
  });

  it("what is no HTTP at all", async () => {
    for (const garbage of ["\u0000\u0001\u0002\r\n\r\n", "GARBAGE\r\n\r\n", "GET /v3 HTTP/9.9\r\n\r\n"])
      expect((await exchange(garbage)).status).toBe(400);
    const large = head("GET", "/v3/tests/volumes", { "x-large": "x".repeat(64 * 1024) });
    expect((await exchange(large)).status).toBe(431);
    await expectUntouched();
  });

  it("actions and operators' requests that cannot be", async () => {
    const { client } = berth;
    const at = `/v3/tests/volumes/${NOBODY}/action`;
    for (const body of [
      {},
      [],
      { a: 1, b: 2 },
      { "os-reboot": null },
      { "os-extend": 5 },
      { "os-extend": { new_size: -1 } },
    ])
      expectRefused(await client.send("POST", at, body), 400, JSON.stringify(body));
    expectRefused(await client.send("POST", at, { "os-extend": { new_size: 5 } }), 404, "no such volume");
    const connectors = [null, {}, { initiator: "not an iqn" }, { initiator: "iqn.x,y" }, { ip: "a\nb" }, { host: " " }];
    for (const connector of connectors)
      expectRefused(
        await client.send("POST", at, { "os-initialize_connection": { connector } }),
        400,
        `connector ${JSON.stringify(connector)}`,
      );
    const backends = [
      { driver: "file", parameters: { path: "../../etc", capacity_gib: 1 } },
      { driver: "file", parameters: { path: "/tmp/a\nb", capacity_gib: 1 } },
      { driver: "fake", parameters: { capacity_gib: -1 } },
      { driver: "fake", parameters: { capacity_gib: 1, password: "the secret itself" } },
      { driver: "__proto__", parameters: {} },
      { driver: "fake", parameters: { capacity_gib: 1 }, name: "../x" },
      { driver: "fake", parameters: { capacity_gib: 1 }, zone: "nowhere" },
      { driver: "fake", parameters: { capacity_gib: 1 }, surprise: true },
    ];
    for (const body of backends)
      expectRefused(await client.send("POST", "/berth/v1/backends", body), 400, JSON.stringify(body));
    for (const name of ["", "a/b", "..", "x".repeat(65), "emoji 🚢"])
      expectRefused(await client.send("POST", "/berth/v1/flavors", { name }), 400, `flavor ${name.slice(0, 20)}`);
    expectRefused(await client.send("POST", "/berth/v1/zones", { name: "North.*.>" }), 400, "zone of wildcards");
    expect(await client.backends()).toHaveLength(1);
    await expectUntouched();
  });

  it("names that are odd, and good: they come back as they were, and are part of no path", async () => {
    const { client } = berth;
    const odd = [
      'O\'Brien "quoted" `back`',
      "../../../etc/passwd",
      "/etc/passwd",
      "$(touch /tmp/x); rm -rf *",
      "🚢 Schiff — 船",
      "-rf",
      "%s%n",
      " ",
    ];
    for (const name of odd) {
      const { id } = await client.createVolume({ name });
      await untilStatus(client, id, "available");
      expect(await client.volume(id)).toMatchObject({ name });
    }
    const files = await filesIn(join(berth.folder, "backends/images"));
    for (const name of files) expect(name).toMatch(/^volume-[0-9a-f-]{36}(\.json)?$/);
    expect(files).toHaveLength(2 * odd.length);
    await untilBooksBalance(berth);
    for (const { id } of await client.volumes()) await client.deleteVolume(id);
    await untilGone(client, "volume");
    await untilBooksBalance(berth);
    expect(berth.scheduler.pid).toBe(pid);
  });
});
