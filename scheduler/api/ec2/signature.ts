import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Secret } from "#shared/secret.ts";
import { parsePairs } from "./query.ts";
import { Ec2Refusal } from "./refusal.ts";

/**
 * AWS Signature Version 4, in a header or in the query, as Amazon's documentation "Create a signed AWS API request" has
 * it. What is checked is what arrived: the target, the headers and the body's bytes, none of them laid out anew.
 */
export interface SignedRequest {
  readonly method: string;
  /** Path and query, as they came. */
  readonly target: string;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

export interface Signature {
  readonly accessKeyId: string;
  readonly scope: { readonly date: string; readonly region: string; readonly service: string };
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly signedAtMs: number;
  /** As it stands in the string to sign. */
  readonly timestamp: string;
  /** In the query: for how long it is good. */
  readonly expiresMs: number | null;
}

const ALGORITHM = "AWS4-HMAC-SHA256";
const SERVICE = "ec2";
const SCOPE_END = "aws4_request";
const CREDENTIAL = /^([A-Za-z0-9]{1,128})\/(\d{8})\/([A-Za-z0-9-]{1,64})\/([a-z0-9-]{1,64})\/([a-z0-9_]{1,64})$/;
const TIMESTAMP = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
const MAX_EXPIRES_S = 604_800;

/** Throws MissingAuthenticationToken, IncompleteSignature, SignatureDoesNotMatch, AuthFailure. */
export function readSignature(request: SignedRequest): Signature {
  const headers = headersOf(request.rawHeaders);
  const query = new Map(parsePairs(queryOf(request.target)));
  const authorization = headers.get("authorization")?.join(",");
  if (authorization !== undefined) return fromHeader(authorization, headers);
  if (query.has("X-Amz-Algorithm")) return fromQuery(query, headers);
  throw new Ec2Refusal(
    "MissingAuthenticationToken",
    "Request must contain a signature of version 4 (AWS4-HMAC-SHA256)",
  );
}

/** Was it made with this secret? Takes the same time wherever they differ. */
export function isSignedWith(request: SignedRequest, signed: Signature, secret: Secret): boolean {
  const { date, region, service } = signed.scope;
  const scope = [date, region, service, SCOPE_END].join("/");
  const text = [ALGORITHM, signed.timestamp, scope, sha256(canonicalRequest(request, signed.signedHeaders))].join("\n");
  const dated = hmac(`AWS4${secret.reveal()}`, date);
  const key = hmac(hmac(hmac(dated, region), service), SCOPE_END);
  const given = Buffer.from(signed.signature, "hex");
  const expected = hmac(key, text);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function fromHeader(authorization: string, headers: Headers): Signature {
  if (authorization.split(" ", 1)[0] !== ALGORITHM)
    throw new Ec2Refusal("AuthFailure", `Requests are signed with ${ALGORITHM}; other ways to sign are not supported`);
  const parts = new Map(
    authorization
      .slice(ALGORITHM.length)
      .split(",")
      .map((part) => {
        const [name = "", ...value] = part.trim().split("=");
        return [name, value.join("=")] as const;
      }),
  );
  const timestamp = headers.get("x-amz-date")?.join(",") ?? httpDate(headers.get("date")?.join(","));
  const signed = signatureOf({
    credential: parts.get("Credential"),
    signedHeaders: parts.get("SignedHeaders"),
    signature: parts.get("Signature"),
    timestamp,
    expiresMs: null,
  });
  // What says when, and by whose leave, must not have been put in by another.
  requireSigned(signed, headers.has("x-amz-date") ? "x-amz-date" : "date");
  if (headers.has("x-amz-security-token")) requireSigned(signed, "x-amz-security-token");
  return signed;
}

function fromQuery(query: ReadonlyMap<string, string>, headers: Headers): Signature {
  if (query.get("X-Amz-Algorithm") !== ALGORITHM) throw incomplete(`X-Amz-Algorithm must be ${ALGORITHM}`);
  const expires = query.get("X-Amz-Expires") ?? "";
  if (!/^\d{1,6}$/.test(expires) || Number(expires) < 1 || Number(expires) > MAX_EXPIRES_S)
    throw incomplete(`X-Amz-Expires must be a number of seconds from 1 to ${MAX_EXPIRES_S}`);
  const signed = signatureOf({
    credential: query.get("X-Amz-Credential"),
    signedHeaders: query.get("X-Amz-SignedHeaders"),
    signature: query.get("X-Amz-Signature"),
    timestamp: query.get("X-Amz-Date"),
    expiresMs: Number(expires) * 1000,
  });
  if (headers.has("x-amz-security-token")) requireSigned(signed, "x-amz-security-token");
  return signed;
}

interface Parts {
  readonly credential: string | undefined;
  readonly signedHeaders: string | undefined;
  readonly signature: string | undefined;
  readonly timestamp: string | undefined;
  readonly expiresMs: number | null;
}

function signatureOf({ credential, signedHeaders, signature, timestamp, expiresMs }: Parts): Signature {
  const [, accessKeyId, date, region, service, end] = CREDENTIAL.exec(credential ?? "") ?? [];
  if (accessKeyId === undefined || date === undefined || region === undefined)
    throw incomplete("Credential must be KEY/yyyymmdd/REGION/ec2/aws4_request");
  if (signature === undefined || !/^[0-9a-f]{64}$/.test(signature))
    throw incomplete("Signature must be 64 hexadecimal digits");
  const [, year, month, day, hour, minute, second] = TIMESTAMP.exec(timestamp ?? "") ?? [];
  const signedAtMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (timestamp === undefined || Number.isNaN(signedAtMs)) throw incomplete("X-Amz-Date must be yyyymmddThhmmssZ");
  if (service !== SERVICE || end !== SCOPE_END)
    throw new Ec2Refusal("SignatureDoesNotMatch", `Credential should be scoped to correct service: '${SERVICE}'.`);
  if (!timestamp.startsWith(date))
    throw new Ec2Refusal("SignatureDoesNotMatch", "Date in Credential scope does not match the request's date.");
  const names = (signedHeaders ?? "").split(";");
  if (names.some((name) => !/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name)))
    throw incomplete("SignedHeaders must be names of headers in lower case, divided by semicolons");
  const signed = {
    accessKeyId,
    scope: { date, region, service },
    signedHeaders: names,
    signature,
    signedAtMs,
    timestamp,
    expiresMs,
  };
  requireSigned(signed, "host");
  return signed;
}

function requireSigned({ signedHeaders }: Pick<Signature, "signedHeaders">, name: string): void {
  if (!signedHeaders.includes(name))
    throw new Ec2Refusal("SignatureDoesNotMatch", `'${name}' must be a 'SignedHeader' in the AWS Authorization.`);
}

function incomplete(message: string): Ec2Refusal {
  return new Ec2Refusal("IncompleteSignature", message);
}

function httpDate(text: string | undefined): string | undefined {
  const atMs = Date.parse(text ?? "");
  return Number.isNaN(atMs) ? undefined : `${new Date(atMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
}

type Headers = ReadonlyMap<string, readonly string[]>;

function headersOf(rawHeaders: readonly string[]): Headers {
  const headers = new Map<string, string[]>();
  for (let n = 0; n + 1 < rawHeaders.length; n += 2) {
    const name = (rawHeaders[n] ?? "").toLowerCase();
    const values = headers.get(name) ?? [];
    values.push((rawHeaders[n + 1] ?? "").trim().replaceAll(/ +/g, " "));
    headers.set(name, values);
  }
  return headers;
}

/** Header values are bytes, which Node gives as latin1. */
function canonicalRequest(
  { method, target, rawHeaders, body }: SignedRequest,
  signedHeaders: readonly string[],
): Buffer {
  const headers = headersOf(rawHeaders);
  const path = target.split("?", 1)[0] ?? "";
  const lines = [
    method,
    path
      .split("/")
      .map((segment) => encoded(segment))
      .join("/") || "/",
    canonicalQuery(queryOf(target)),
    ...signedHeaders.map((name) => `${name}:${(headers.get(name) ?? []).join(",")}`),
    "",
    signedHeaders.join(";"),
    sha256(body),
  ];
  return Buffer.from(lines.join("\n"), "latin1");
}

function queryOf(target: string): string {
  const question = target.indexOf("?");
  return question === -1 ? "" : target.slice(question + 1);
}

function canonicalQuery(query: string): string {
  return parsePairs(query)
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => [encoded(name), encoded(value)] as const)
    .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

/** RFC 3986: all but letters, digits and `-._~`. */
function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(data: Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
