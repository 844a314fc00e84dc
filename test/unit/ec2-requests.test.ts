import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ACTIONS } from "#scheduler/api/ec2/actions.ts";
import * as schemas from "#scheduler/api/ec2/schemas.ts";
import { readCatalogue } from "#scheduler/catalogue/read.ts";
import { SealingKey } from "#shared/sealed.ts";
import { type ApiStand, CATALOGUE, openApiStand } from "#test/kit/api-stand.ts";
import { Ec2TestClient, FORM, form, HOST, readReply } from "#test/kit/ec2-caller.ts";
import { signed } from "#test/kit/ec2-signing.ts";

let stand: ApiStand;
let client: Ec2TestClient;
/** Of a stand that is shared: nothing here makes a volume, and what is changed is changed back. */
beforeAll(async () => {
  stand = await openApiStand();
  expect(await unsigned()).toMatchObject({
    code: "AuthFailure",
    status: 401,
    message: expect.stringContaining("berth ec2-key create"),
  });
  client = await Ec2TestClient.open(stand);
});
afterAll(() => stand.api.close());

const LIST = form({ Action: "DescribeVolumes", Version: "2016-11-15" });

async function unsigned(headers: Record<string, string> = {}, payload: string | Buffer = LIST) {
  const answer = await stand.api.inject({
    method: "POST",
    url: "/",
    headers: { "content-type": FORM, ...headers },
    payload,
  });
  return readReply(answer.statusCode, answer.body, answer.headers);
}

describe("where and how it is asked", () => {
  it.each([
    ["POST", "/", LIST],
    ["POST", "/services/compute", LIST],
    ["POST", "/services/compute/", LIST],
    ["POST", "/services/Cloud", LIST],
    ["GET", `/?${LIST}`, ""],
    ["GET", `/services/compute?${LIST}`, ""],
    ["POST", "/?Version=2016-11-15", "Action=DescribeVolumes"],
  ] as const)("%s %s", async (method, target, body) => {
    expect(await client.send(method, target, body)).toMatchObject({ status: 200, body: { volumeSet: [] } });
  });

  it("an older version is answered as that one", async () => {
    const { text } = await client.send("POST", "/", "Action=DescribeVolumes&Version=2010-08-31");
    expect(text).toContain('xmlns="http://ec2.amazonaws.com/doc/2010-08-31/"');
  });

  it("a query that is signed in itself is good for as long as it says", async () => {
    const { accessKeyId } = client.credentials;
    const scope = "20261121/r1/ec2/aws4_request";
    const query = [
      "Action=DescribeVolumes",
      "Version=2016-11-15",
      "X-Amz-Algorithm=AWS4-HMAC-SHA256",
      `X-Amz-Credential=${encodeURIComponent(`${accessKeyId}/${scope}`)}`,
      "X-Amz-Date=20261121T065910Z",
      "X-Amz-Expires=600",
      "X-Amz-SignedHeaders=host",
    ].join("&");
    const { createHash, createHmac } = await import("node:crypto");
    const hash = (text: string) => createHash("sha256").update(text).digest("hex");
    const canonical = ["GET", "/", query, `host:${HOST}`, "", "host", hash("")].join("\n");
    const text = ["AWS4-HMAC-SHA256", "20261121T065910Z", scope, hash(canonical)].join("\n");
    const key = ["20261121", "r1", "ec2", "aws4_request"].reduce<string | Buffer>(
      (last, part) => createHmac("sha256", last).update(part).digest(),
      `AWS4${client.credentials.secretAccessKey}`,
    );
    const url = `/?${query}&X-Amz-Signature=${createHmac("sha256", key).update(text).digest("hex")}`;
    const asked = async (target: string) => {
      const answer = await stand.api.inject({ method: "GET", url: target, headers: { host: HOST } });
      return readReply(answer.statusCode, answer.body, answer.headers).code;
    };
    expect(await asked(url)).toBeNull();
    expect(await asked(url.replace("DescribeVolumes", "DescribeTags"))).toBe("AuthFailure");
    stand.nowMs += 599_000;
    expect(await asked(url)).toBeNull();
    stand.nowMs += 2_000;
    expect(await asked(url)).toBe("RequestExpired");
  });

  it("OpenStack's versions stay where they are, and its routes take no forms", async () => {
    const versions = await stand.api.inject({ method: "GET", url: "/" });
    expect([versions.statusCode, versions.json().versions[0].id]).toEqual([300, "v3.0"]);
    const volumes = await stand.api.inject({
      method: "POST",
      url: "/v3/p/volumes",
      headers: { "content-type": FORM },
      payload: LIST,
    });
    expect(volumes.statusCode).toBe(415);
    expect((await stand.api.inject({ method: "POST", url: "/", body: {} })).statusCode).toBe(405);
  });

  it.each([
    ["Action=RunInstances", "InvalidAction", "The action RunInstances is not valid for this web service."],
    ["Version=2016-11-15", "MissingParameter", "The request must contain the parameter Action"],
    ["Action=DescribeVolumes&Version=new", "InvalidParameterValue", "Version"],
    ["Action=DescribeVolumes&a=%", "MalformedQueryString", "%"],
  ])("%s is %s", async (body, code, message) => {
    const reply = await client.send("POST", "/", body);
    expect(reply).toMatchObject({ code, status: 400 });
    expect(reply.message).toContain(message);
    expect(reply.text).toMatch(/^<\?xml version="1.0" encoding="UTF-8"\?>\n<Response><Errors><Error><Code>/);
    expect(reply.text).toContain(`<RequestID>${reply.headers["x-amzn-requestid"]}</RequestID></Response>`);
  });

  it("other methods, and bodies without end, are refused in XML as well", async () => {
    const put = await stand.api.inject({ method: "PUT", url: "/services/compute", payload: "x" });
    expect(readReply(put.statusCode, put.body, put.headers)).toMatchObject({ code: "InvalidRequest", status: 400 });
    expect(await unsigned({}, "x".repeat(200_000))).toMatchObject({ code: "InvalidRequest", status: 400 });
  });
});

describe("who is let in", () => {
  it("not who signs nothing, or with a key or a secret that is not there", async () => {
    expect(await unsigned()).toMatchObject({ code: "MissingAuthenticationToken", status: 403 });
    const known = client.credentials;
    for (const credentials of [
      { ...known, secretAccessKey: "another" },
      { ...known, accessKeyId: "NOBODYSKEY0123456789" },
    ]) {
      const request = {
        method: "POST" as const,
        target: "/",
        headers: { host: HOST, "content-type": FORM },
        body: LIST,
      };
      const { headers } = signed(request, { credentials, atMs: stand.nowMs });
      // The same for both: which keys there are is not told.
      expect(await unsigned(headers)).toMatchObject({
        code: "AuthFailure",
        status: 401,
        message: "Berth was not able to validate the provided access credentials",
      });
    }
  });

  it.each([
    [-299_000, null],
    [299_000, null],
    [-301_000, "RequestExpired"],
    [301_000, "RequestExpired"],
  ])("whose clock is %i ms from ours: %s", async (awayMs, code) => {
    expect((await client.send("POST", "/", LIST, stand.nowMs + awayMs)).code).toBe(code);
  });
});

describe("keys", () => {
  const made = async (body: object) => {
    const answer = await stand.api.inject({ method: "POST", url: "/berth/v1/ec2-keys", body });
    return { status: answer.statusCode, ...answer.json() };
  };

  it("are made with a secret that is told once and sealed in the catalogue, and taken away at once", async () => {
    const { status, ec2Key, secretAccessKey } = await made({ projectId: "acme" });
    expect(status).toBe(201);
    expect(ec2Key).toMatchObject({ projectId: "acme", userId: "ec2", role: "member" });
    expect(ec2Key.accessKeyId).toMatch(/^[A-Z2-7]{20}$/);
    expect(JSON.stringify(stand.state.catalogue.catalogue)).not.toContain(secretAccessKey);
    const listed = await stand.api.inject({ method: "GET", url: "/berth/v1/ec2-keys" });
    expect(listed.json().ec2Keys).toContainEqual(ec2Key);
    const request = { method: "POST" as const, target: "/", headers: { host: HOST, "content-type": FORM }, body: LIST };
    const { headers } = signed(request, {
      credentials: { accessKeyId: ec2Key.accessKeyId, secretAccessKey },
      atMs: stand.nowMs,
    });
    expect(await unsigned(headers)).toMatchObject({ status: 200 });
    const other = await made({ projectId: "acme", userId: "backup", role: "reader" });
    expect(other.ec2Key).toMatchObject({ userId: "backup", role: "reader" });
    await stand.api.inject({ method: "DELETE", url: `/berth/v1/ec2-keys/${other.ec2Key.accessKeyId}` });
    const gone = await stand.api.inject({ method: "DELETE", url: `/berth/v1/ec2-keys/${ec2Key.accessKeyId}` });
    expect(gone.statusCode).toBe(204);
    expect(await unsigned(headers)).toMatchObject({ code: "AuthFailure" });
    expect(
      (await stand.api.inject({ method: "DELETE", url: `/berth/v1/ec2-keys/${ec2Key.accessKeyId}` })).statusCode,
    ).toBe(404);
    expect(stand.logLines.join()).not.toContain(secretAccessKey);
  });

  it.each([{}, { projectId: "a b" }, { projectId: "a", role: "king" }, { projectId: "a", secret: "x" }])(
    "%j makes none",
    async (body) => {
      expect((await made(body)).status).toBe(400);
    },
  );

  it("are sealed anew when the sealing key is exchanged", async () => {
    const old = stand.sealingKey.keyIds[0];
    stand.keyFile.keys = [new SealingKey(SealingKey.generate()), ...stand.keyFile.keys];
    const answer = await stand.api.inject({ method: "POST", url: "/berth/v1/keys/rotate" });
    const [newest] = stand.sealingKey.keyIds;
    expect(answer.json()).toMatchObject({ resealed: 1, secrets: [{ key: newest, count: 1 }], removable: [old] });
    expect(await client.call("DescribeVolumes")).toMatchObject({ status: 200 });
  });
});

describe("what the types mean", () => {
  const told = async (method: "GET" | "PUT" | "DELETE", type = "", body?: object) => {
    const url = `/berth/v1/ec2-types${type === "" ? "" : `/${type}`}`;
    const answer = await stand.api.inject({ method, url, ...(body === undefined ? {} : { body }) });
    return { status: answer.statusCode, body: answer.body === "" ? null : answer.json() };
  };

  it("is said, follows a flavor's new name, keeps the flavor, and is taken back", async () => {
    expect(await told("PUT", "gp3", { flavor: "silver" })).toEqual({
      status: 200,
      body: { ec2Types: [{ type: "gp3", flavor: "silver" }] },
    });
    await stand.api.inject({ method: "PATCH", url: "/berth/v1/flavors/silver", body: { name: "tin" } });
    expect((await told("GET")).body).toEqual({ ec2Types: [{ type: "gp3", flavor: "tin" }] });
    const refused = await stand.api.inject({ method: "DELETE", url: "/berth/v1/flavors/tin" });
    expect([refused.statusCode, refused.json().error.message]).toEqual([
      409,
      expect.stringContaining("berth ec2-type unset gp3"),
    ]);
    expect((await told("DELETE", "gp3")).status).toBe(204);
    expect((await told("DELETE", "gp3")).status).toBe(404);
    expect((await told("PUT", "gp3", { flavor: "none" })).status).toBe(404);
    expect((await stand.api.inject({ method: "DELETE", url: "/berth/v1/flavors/tin" })).statusCode).toBe(204);
  });

  it("in a catalogue that was edited by hand must be flavors; and a key stands once", () => {
    const key = {
      accessKeyId: "ABCDEFGHIJKLMNOPQRST",
      sealedSecret: "v1.x",
      projectId: "p",
      userId: "u",
      role: "member",
      createdAtMs: 1,
    };
    const { faults } = readCatalogue(
      JSON.stringify({ ...CATALOGUE, ec2VolumeTypes: { gp3: "none" }, ec2Keys: [key, key] }),
    );
    expect(faults.map(({ path }) => path).sort()).toEqual(["/ec2Keys/1/accessKeyId", "/ec2VolumeTypes/gp3"]);
    const { version: _, ...old } = CATALOGUE;
    expect(readCatalogue(JSON.stringify({ version: 4, ...old }))).toMatchObject({
      faults: [],
      changes: expect.arrayContaining([expect.stringContaining("EC2 API")]),
    });
  });
});

it("whatever is asked, right or wrong: no answer is an internal error, and each is XML", async () => {
  const { volumeId } = await client.ok("CreateVolume", { AvailabilityZone: "north", Size: 1 });
  const names = [...new Set(Object.values(schemas).flatMap((schema) => Object.keys(schema.properties)))];
  const parts = [
    "",
    ".1",
    ".2",
    ".0",
    ".x",
    ".1.Name",
    ".1.Value.1",
    ".1.Key",
    ".1.Value",
    ".1.ResourceType",
    ".1.Tag.1.Key",
  ];
  const name = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.tuple(fc.constantFrom(...names), fc.constantFrom(...parts)).map(([first, rest]) => first + rest),
    },
    fc.string({ unit: "grapheme" }),
  );
  const values = [
    "north",
    "1",
    "5",
    "-1",
    "0",
    "true",
    "false",
    String(volumeId),
    "snap-01234567",
    "i-0123456789abcdef0",
    "/dev/sdf",
    "gp3",
    "tag:a",
    "status",
    "volume",
    "self",
    "*",
    "",
  ];
  const value = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...values) },
    fc.string({ unit: "binary" }),
    fc.bigInt().map(String),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ACTIONS.keys()),
      fc.dictionary(name, value, { maxKeys: 8 }),
      async (action, parameters) => {
        const wellFormed = Object.fromEntries(
          Object.entries(parameters).map(([key, text]) => [key.toWellFormed(), text.toWellFormed()]),
        );
        const reply = await client.call(action, wellFormed);
        expect(reply.status, reply.text).toBeLessThan(500);
        expect(reply.status === 200 || reply.code !== null, reply.text).toBe(true);
      },
    ),
    { numRuns: 1000 },
  );
}, 60_000);

it("whatever bytes come, signed or not: no answer is an internal error", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 200 }),
      fc.string(),
      fc.webPath(),
      async (bytes, authorization, path) => {
        const headers = {
          authorization: authorization.replaceAll(/[^\x20-\x7e]/g, ""),
          "x-amz-date": "20261121T065910Z",
        };
        expect((await unsigned(headers, Buffer.from(bytes))).status).toBeLessThan(500);
        expect((await client.send("POST", `/?${path.slice(1)}`, "")).status).toBeLessThan(500);
      },
    ),
    { numRuns: 300 },
  );
}, 60_000);
