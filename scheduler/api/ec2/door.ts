import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

/** Where all requests of the EC2 API are answered, whatever path they came to. */
export const EC2_PATH = "/services/compute";

/** Eucalyptus' older names for it, which clients still have in their files. */
const PATHS = new Set([
  EC2_PATH,
  `${EC2_PATH}/`,
  "/services/Cloud",
  "/services/Cloud/",
  "/services/Eucalyptus",
  "/services/Eucalyptus/",
]);

type Arriving = Pick<IncomingMessage, "method" | "url"> & { readonly headers: IncomingHttpHeaders };

/** At `/`, where OpenStack's versions are told, it is known by its form: `POST` of no JSON, or a query with an action. */
export function isEc2Request({ method, url = "", headers }: Arriving): boolean {
  const [path = "", query = ""] = url.split("?", 2);
  if (PATHS.has(path)) return true;
  if (path !== "/" && path !== "") return false;
  if (/(^|&)(Action|X-Amz-Algorithm)=/.test(query)) return true;
  return method === "POST" && !(headers["content-type"] ?? "").startsWith("application/json");
}

/** Where the routes find it. What was signed is the URL as it came, which `originalUrl` keeps. */
export function routedUrl(request: Arriving): string {
  const { url = "/" } = request;
  // Most requests are others', and this is asked of each.
  if (url.startsWith("/v3") || !isEc2Request(request)) return url;
  const question = url.indexOf("?");
  return question === -1 ? EC2_PATH : EC2_PATH + url.slice(question);
}
