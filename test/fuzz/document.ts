import { type Static, Type } from "typebox";
import { parser } from "#shared/schema.ts";
import type { ApiStand } from "#test/kit/api-stand.ts";

/** A JSON schema, as far as it says what values may be. */
export const JsonSchema = Type.Cyclic(
  {
    Schema: Type.Object({
      type: Type.Optional(Type.String()),
      const: Type.Optional(Type.Unknown()),
      pattern: Type.Optional(Type.String()),
      anyOf: Type.Optional(Type.Array(Type.Ref("Schema"))),
      properties: Type.Optional(Type.Record(Type.String(), Type.Ref("Schema"))),
      required: Type.Optional(Type.Array(Type.String())),
      items: Type.Optional(Type.Ref("Schema")),
    }),
  },
  "Schema",
);
export type JsonSchema = Static<typeof JsonSchema>;

const Parameter = Type.Object({ name: Type.String(), in: Type.String() });
const Way = Type.Object({
  operationId: Type.Optional(Type.String()),
  parameters: Type.Optional(Type.Array(Parameter)),
  responses: Type.Optional(
    Type.Record(Type.String(), Type.Object({ content: Type.Optional(Type.Record(Type.String(), Type.Unknown())) })),
  ),
  requestBody: Type.Optional(Type.Object({ content: Type.Record(Type.String(), Type.Object({ schema: JsonSchema })) })),
});
const ENDLESS = "text/event-stream";
const documents = parser(Type.Object({ paths: Type.Record(Type.String(), Type.Record(Type.String(), Way)) }));

/** One way to ask, as the API's document tells it. */
export interface Route {
  readonly method: string;
  readonly path: string;
  readonly pathNames: readonly string[];
  readonly queryNames: readonly string[];
  readonly body: JsonSchema | null;
}

/** All that the document tells of; an answer that has no end is not waited for. */
export async function routesOf({ api }: Pick<ApiStand, "api">): Promise<Route[]> {
  const { paths } = documents.parse((await api.inject("/openapi.json")).json());
  return Object.entries(paths).flatMap(([path, ways]) =>
    Object.entries(ways)
      .filter(([, { responses = {} }]) => !Object.values(responses).some(({ content = {} }) => ENDLESS in content))
      .map(([method, { parameters = [], requestBody }]) => ({
        method: method.toUpperCase(),
        path,
        pathNames: [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name),
        queryNames: parameters.filter((one) => one.in === "query").map(({ name }) => name),
        body: Object.values(requestBody?.content ?? {})[0]?.schema ?? null,
      })),
  );
}
