import { createHash, createHmac } from "node:crypto";

export interface Ec2Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface Signed {
  readonly method: "GET" | "POST";
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Signing {
  readonly credentials: Ec2Credentials;
  readonly atMs: number;
  readonly region?: string;
  readonly service?: string;
}

/** `20261121T065910Z` */
export function amzDate(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
}

/**
 * Signs as a client does (Signature Version 4 by Amazon's documentation), apart from what checks it. Every header that is
 * given is signed, in lower case and with single blanks.
 */
export function signed(request: Signed, { credentials, atMs, region = "r1", service = "ec2" }: Signing): Signed {
  const date = amzDate(atMs);
  const headers: Record<string, string> = { ...request.headers, "x-amz-date": date };
  const names = Object.keys(headers).sort();
  const scope = `${date.slice(0, 8)}/${region}/${service}/aws4_request`;
  const canonical = [
    request.method,
    request.target.split("?")[0],
    canonicalQuery(request.target.split("?")[1] ?? ""),
    ...names.map((name) => `${name}:${headers[name]}`),
    "",
    names.join(";"),
    sha256(request.body),
  ].join("\n");
  const text = ["AWS4-HMAC-SHA256", date, scope, sha256(canonical)].join("\n");
  const key = [date.slice(0, 8), region, service, "aws4_request"].reduce<string | Buffer>(
    (last, part) => createHmac("sha256", last).update(part).digest(),
    `AWS4${credentials.secretAccessKey}`,
  );
  const signature = createHmac("sha256", key).update(text).digest("hex");
  const authorization = `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  return { ...request, headers: { ...headers, authorization } };
}

/** Of a query that is encoded as it should be. */
function canonicalQuery(query: string): string {
  return query
    .split("&")
    .filter((part) => part !== "")
    .map((part) => [part.split("=")[0] ?? "", part.split("=")[1] ?? ""] as const)
    .sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
