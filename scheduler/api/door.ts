import { createServer, type RequestListener, type Server } from "node:http";
import type { ServedCertificate } from "./served-certificate.ts";

/** A request must be here whole within this: a client that dribbles holds no socket for ever. */
export const RECEIVE_TIMEOUT_MS = 60_000;
/** Longer than clients and load balancers keep connections that nobody uses. */
const KEEP_ALIVE_MS = 72_000;

/** What clients connect to: HTTP, or with a certificate HTTPS and nothing else. */
export function createDoor(certificate: ServedCertificate | null, answer: RequestListener): Server {
  const options = { requestTimeout: RECEIVE_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS };
  if (certificate === null) return createServer(options, answer);
  return certificate.createServer(options, (request, response) => {
    // For links in answers, which the leader may give for another scheduler's client.
    request.headers["x-forwarded-proto"] ??= "https";
    answer(request, response);
  });
}
