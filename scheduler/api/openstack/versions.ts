import type { FastifyReply, FastifyRequest } from "fastify";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { originOf } from "./rest/addresses.ts";
import { MAX_VERSION, MIN_VERSION } from "./rest/microversion.ts";

/** Version documents, which clients fetch before anything else, and the answer to noauth's question for a token. */
export function versionRoutes(app: Api, { settings, identities }: ApiDependencies): void {
  const anybody = { config: { access: "open" } } as const;
  const document = (request: FastifyRequest): object => versionDocument(originOf(request.headers, settings.publicUrl));

  app.get("/", anybody, (request, reply) => reply.code(300).send(document(request)));
  app.get("/v3", anybody, (request, reply) => {
    if (
      identities.isNoauth &&
      request.headers["x-auth-token"] === undefined &&
      request.headers["x-auth-user"] !== undefined
    )
      return grantToken(request, reply, originOf(request.headers, settings.publicUrl));
    return reply.send(document(request));
  });
  app.get("/healthcheck", anybody, (_request, reply) => reply.type("text/plain; charset=utf-8").send("OK\n"));
}

function versionDocument(origin: string): object {
  return {
    versions: [
      {
        id: "v3.0",
        status: "CURRENT",
        version: MAX_VERSION,
        min_version: MIN_VERSION,
        updated: "2026-11-21T00:00:00Z",
        links: [
          { rel: "describedby", type: "text/html", href: "https://docs.openstack.org/" },
          { rel: "self", href: `${origin}/v3/` },
        ],
        "media-types": [{ base: "application/json", type: "application/vnd.openstack.volume+json;version=3" }],
      },
    ],
  };
}

const TOKEN_PART = /^[A-Za-z0-9._-]{1,255}$/;

/** noauth's way to log in: whoever asks is told the token to send. */
function grantToken(request: FastifyRequest, reply: FastifyReply, origin: string): FastifyReply {
  const user = tokenPart(request.headers["x-auth-user"]) ?? "admin";
  const project = tokenPart(request.headers["x-auth-project-id"]);
  const tail = project === undefined ? "" : `/${project}`;
  return reply
    .code(204)
    .header("x-auth-token", `${user}:${project ?? "admin"}`)
    .header("x-server-management-url", `${origin}/v3${tail}`)
    .send();
}

function tokenPart(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" && TOKEN_PART.test(header) ? header : undefined;
}
