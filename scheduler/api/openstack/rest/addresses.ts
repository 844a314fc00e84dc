import type { IncomingHttpHeaders } from "node:http";

const HOST_FORM = /^[A-Za-z0-9.:[\]_-]{1,255}$/;

/** `http://host:port` as the client reaches this API: configured, or what a front says, or the request's own. */
export function originOf(headers: IncomingHttpHeaders, publicUrl: string | null): string {
  if (publicUrl !== null) return publicUrl.replace(/\/+$/, "");
  const forwarded = first(headers["x-forwarded-host"]);
  const host = [forwarded, headers.host].find((name) => name !== undefined && HOST_FORM.test(name)) ?? "localhost";
  return `${first(headers["x-forwarded-proto"]) === "https" ? "https" : "http"}://${host}`;
}

/** What the links of one request's answer begin with. */
export interface LinkBase {
  /** `…/v3/project`, or `…/v3` where the path names no project. */
  readonly self: string;
  readonly bookmark: string;
}

export function linkBaseOf(
  headers: IncomingHttpHeaders,
  publicUrl: string | null,
  project: string | undefined,
): LinkBase {
  const origin = originOf(headers, publicUrl);
  const tail = project === undefined ? "" : `/${project}`;
  return { self: `${origin}/v3${tail}`, bookmark: `${origin}${tail}` };
}

function first(header: string | string[] | undefined): string | undefined {
  return (Array.isArray(header) ? header[0] : header)?.split(",")[0]?.trim();
}
