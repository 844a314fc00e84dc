import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { Api } from "./dependencies.ts";

/** Where the API's document is, for programs; it tells nothing that is not in the manual, so anybody may read it. */
export const DOCUMENT_PATH = "/openapi.json";
/** The same for people, with forms to try it. */
const CONSOLE_PREFIX = "/console/api";

/**
 * The API's document (OpenAPI 3.1), made from the schemas by which requests are read and answers are written. It has to
 * stand before the routes that it tells of.
 */
export function serveDocument(app: Api, version: string): void {
  app.addHook("onRoute", (route) => {
    if (route.url.startsWith(CONSOLE_PREFIX)) route.config = { ...route.config, access: "open" };
  });
  app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Berth",
        version,
        description:
          "Block storage: OpenStack's API under /v3 (microversions by the header OpenStack-API-Version, `volume 3.N`), the operator's under /berth/v1.",
      },
      components: { securitySchemes: { token: { type: "apiKey", in: "header", name: "X-Auth-Token" } } },
      security: [{ token: [] }],
    },
  });
  app.register(swaggerUi, { routePrefix: CONSOLE_PREFIX, uiConfig: { docExpansion: "none", deepLinking: true } });
  app.register(async (routes) => {
    routes.get(DOCUMENT_PATH, { config: { access: "open" }, schema: { hide: true } }, async () => app.swagger());
  });
}
