import type { Identity } from "../identity/identity.ts";

/**
 * Who may use a route at the least. `open`: anybody, without a token; `reader`: sees what is their project's; `member`:
 * changes it as well; `admin`: sees and changes everybody's, and the catalogue.
 */
export type Access = "open" | "reader" | "member" | "admin";

declare module "fastify" {
  interface FastifyRequest {
    /** The microversion asked for: 27 is 3.27; 0 where there are none. */
    minor: number;
    /** Who asks; null where the route is open and nobody was asked who they are. */
    identity: Identity | null;
  }

  interface FastifyContextConfig {
    /** What policies name it: `volume:create`. */
    operation?: string;
    /** Absent: `admin` for the operator's API; elsewhere `reader` for GET and `member` for the rest. */
    access?: Access;
  }
}

export const OPERATOR_PREFIX = "/berth/";

/** What a route asks that does not say it itself. */
export function defaultAccess(method: string, url: string): Access {
  if (url.startsWith(OPERATOR_PREFIX)) return "admin";
  return method === "GET" || method === "HEAD" ? "reader" : "member";
}
