import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSignedWith, readSignature, type Signature, type SignedRequest } from "#scheduler/api/ec2/signature.ts";
import { Secret } from "#shared/secret.ts";
import { amzDate, type Signed, signed } from "#test/kit/ec2-signing.ts";

const SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const AT_MS = Date.parse("2015-08-30T12:36:00Z");
const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: SECRET };

function arrived({ method, target, headers, body }: Signed): SignedRequest {
  return { method, target, rawHeaders: Object.entries(headers).flat(), body: Buffer.from(body) };
}

/** Cases of Amazon's published test suite for version 4, with the signatures that it gives. */
const VECTORS: readonly (readonly [
  name: string,
  request: { method: string; target: string; rawHeaders?: string[]; body?: string },
  signature: string,
])[] = [
  ["get-vanilla", { method: "GET", target: "/" }, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
  ["post-vanilla", { method: "POST", target: "/" }, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"],
  [
    "get-vanilla-query-order-key-case",
    { method: "GET", target: "/?Param2=value2&Param1=value1" },
    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
  ],
  [
    "post-x-www-form-urlencoded",
    {
      method: "POST",
      target: "/",
      rawHeaders: ["Content-Type", "application/x-www-form-urlencoded"],
      body: "Param1=value1",
    },
    "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
  ],
  [
    "get-header-value-trim",
    { method: "GET", target: "/", rawHeaders: ["My-Header1", " value1", "My-Header2", ' "a   b   c"'] },
    "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
  ],
  [
    "get-header-key-duplicate",
    {
      method: "GET",
      target: "/",
      rawHeaders: ["My-Header1", "value2", "My-Header1", "value2", "My-Header1", "value1"],
    },
    "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
  ],
];

it.each(VECTORS)(
  "Amazon's %s is what is expected here",
  (_name, { method, target, rawHeaders = [], body = "" }, signature) => {
    const own = rawHeaders.filter((_text, n) => n % 2 === 0).map((name) => name.toLowerCase());
    const request: SignedRequest = {
      method,
      target,
      rawHeaders: ["Host", "example.amazonaws.com", ...rawHeaders, "X-Amz-Date", "20150830T123600Z"],
      body: Buffer.from(body),
    };
    const given: Signature = {
      accessKeyId: "AKIDEXAMPLE",
      scope: { date: "20150830", region: "us-east-1", service: "service" },
      signedHeaders: [...new Set([...own, "host", "x-amz-date"])].sort(),
      signature,
      signedAtMs: AT_MS,
      timestamp: "20150830T123600Z",
      expiresMs: null,
    };
    expect(isSignedWith(request, given, new Secret(SECRET))).toBe(true);
    expect(isSignedWith(request, given, new Secret(`${SECRET}.`))).toBe(false);
  },
);

const FORM: Signed = {
  method: "POST",
  target: "/services/compute?a=b%20c&Z=%2F",
  headers: { "content-type": "application/x-www-form-urlencoded; charset=utf-8", host: "berth.test:8776" },
  body: "Action=DescribeVolumes&Version=2016-11-15&Filter.1.Name=tag%3AName",
};

describe("a signed request", () => {
  it("is read, and is signed with its secret and no other", () => {
    const request = arrived(signed(FORM, { credentials, atMs: AT_MS, region: "any-region" }));
    const read = readSignature(request);
    expect(read).toMatchObject({
      accessKeyId: "AKIDEXAMPLE",
      scope: { date: "20150830", region: "any-region", service: "ec2" },
      signedAtMs: AT_MS,
      expiresMs: null,
    });
    expect(isSignedWith(request, read, new Secret(SECRET))).toBe(true);
    expect(isSignedWith(request, read, new Secret("another"))).toBe(false);
  });

  it("with what clients add signed is read as well: a session token, the SDK's headers", () => {
    const more = {
      "amz-sdk-invocation-id": "e2b7a4a4-0a6c-4f4f-8a7f-8d3c4e0f3b11",
      "amz-sdk-request": "attempt=1; max=2",
      "x-amz-content-sha256": "x",
      "x-amz-security-token": "token",
    };
    const request = arrived(signed({ ...FORM, headers: { ...FORM.headers, ...more } }, { credentials, atMs: AT_MS }));
    expect(isSignedWith(request, readSignature(request), new Secret(SECRET))).toBe(true);
  });

  it.each<[string, (request: SignedRequest) => SignedRequest]>([
    ["the method", (request) => ({ ...request, method: "GET" })],
    ["the path", (request) => ({ ...request, target: request.target.replace("compute", "Cloud") })],
    ["the query", (request) => ({ ...request, target: request.target.replace("b%20c", "b%20d") })],
    [
      "the body",
      (request) => ({ ...request, body: Buffer.from(request.body.toString().replace("Describe", "Delete")) }),
    ],
    [
      "the host",
      (request) => ({ ...request, rawHeaders: request.rawHeaders.map((text) => text.replace("8776", "8777")) }),
    ],
    [
      "a header's second value",
      (request) => ({ ...request, rawHeaders: [...request.rawHeaders, "host", "other.test"] }),
    ],
  ])("is not so any more when another changes %s", (_what, change) => {
    const request = arrived(signed(FORM, { credentials, atMs: AT_MS }));
    const changed = change(request);
    expect(changed).not.toEqual(request);
    expect(isSignedWith(changed, readSignature(changed), new Secret(SECRET))).toBe(false);
  });

  it("in any query and with any body is what another program makes of it", () => {
    const word = fc.string({ unit: "binary", maxLength: 12 }).map((text) => text.toWellFormed());
    fc.assert(
      fc.property(fc.array(fc.tuple(word, word)), fc.string({ unit: "binary" }), word, (pairs, body, secret) => {
        const query = pairs.map(([name, value]) => `${rfc3986(name)}=${rfc3986(value)}`).join("&");
        const keys = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: secret };
        const request = arrived(
          signed({ ...FORM, target: `/?${query}`, body: body.toWellFormed() }, { credentials: keys, atMs: AT_MS }),
        );
        expect(isSignedWith(request, readSignature(request), new Secret(secret))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe("what is not signed as it should be is told so", () => {
  const good = signed(FORM, { credentials, atMs: AT_MS }).headers.authorization ?? "";
  const withAuthorization = (authorization: string): SignedRequest =>
    arrived({ ...FORM, headers: { ...FORM.headers, "x-amz-date": amzDate(AT_MS), authorization } });

  it.each([
    ["nothing", null, "MissingAuthenticationToken"],
    ["version 2", "AWS AKIDEXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=", "AuthFailure"],
    ["a password", "Basic YTpi", "AuthFailure"],
    ["no parts", "AWS4-HMAC-SHA256 ", "IncompleteSignature"],
    ["no credential", good.replace("Credential", "Credentials"), "IncompleteSignature"],
    ["a short signature", good.slice(0, -1), "IncompleteSignature"],
    ["another service", good.replace("/ec2/", "/s3/"), "SignatureDoesNotMatch"],
    ["another day", good.replace("20150830", "20150831"), "SignatureDoesNotMatch"],
    ["the host not signed", good.replace("host;", ""), "SignatureDoesNotMatch"],
    ["the date not signed", good.replace(";x-amz-date", ""), "SignatureDoesNotMatch"],
    ["no names of headers", good.replace(/SignedHeaders=[^,]*/, "SignedHeaders="), "IncompleteSignature"],
  ])("%s", (_what, authorization, ec2Code) => {
    const request = authorization === null ? arrived(FORM) : withAuthorization(authorization);
    expect(() => readSignature(request)).toThrow(expect.objectContaining({ ec2Code }));
  });

  it("a date that is none, and a session token that is not signed", () => {
    const { headers } = signed(FORM, { credentials, atMs: AT_MS });
    for (const [more, ec2Code] of [
      [{ "x-amz-date": "yesterday" }, "IncompleteSignature"],
      [{ "x-amz-date": "20150832T999999Z" }, "IncompleteSignature"],
      [{ "x-amz-security-token": "put in by another" }, "SignatureDoesNotMatch"],
    ] as const)
      expect(() => readSignature(arrived({ ...FORM, headers: { ...headers, ...more } }))).toThrow(
        expect.objectContaining({ ec2Code }),
      );
  });
});

/** As clients encode. */
function rfc3986(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
