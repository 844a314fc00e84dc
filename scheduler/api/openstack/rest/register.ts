import { type TSchema, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { Api, ApiSettings } from "../../dependencies.ts";
import { callerOf } from "../../request-context.ts";
import { linkBaseOf } from "./addresses.ts";
import { etagOf } from "./etag.ts";
import type { Query } from "./listing.ts";
import type { Operation } from "./operation.ts";

interface Incoming {
  Params: Readonly<Record<string, string>>;
  Querystring: Query;
  Body: unknown;
}

/** With the project in the path, and without it: clients use either at every version. */
const BASES = ["/v3", "/v3/:project"] as const;

/** Opens the operations to HTTP. Several of one path and method (`since`, `until`) are told apart by the version. */
export function registerOperations(
  app: Api,
  { publicUrl }: Pick<ApiSettings, "publicUrl">,
  operations: readonly Operation[],
): void {
  for (const versions of groupedByRoute(operations).values())
    for (const base of BASES) route(app, base, versions, publicUrl);
}

function groupedByRoute(operations: readonly Operation[]): Map<string, Operation[]> {
  const grouped = new Map<string, Operation[]>();
  for (const one of operations) {
    const key = `${one.method} ${one.path}`;
    grouped.set(key, [...(grouped.get(key) ?? []), one]);
  }
  return grouped;
}

function route(app: Api, base: string, versions: readonly Operation[], publicUrl: string | null): void {
  const [first] = versions;
  if (first === undefined) return;
  app.route<Incoming>({
    method: first.method,
    url: `${base}${first.path}`,
    config: { access: first.access, operation: first.name },
    schema: documentOf(first, base),
    // The body is read by its own schema, which knows the version; the schema here is for the API's document.
    validatorCompiler: () => (value: unknown) => ({ value }),
    serializerCompiler: () => JSON.stringify,
    handler: async (request, reply) => {
      const { params, query, body, headers, minor } = request;
      const wanted = versions.find(({ since = 0, until = Infinity }) => minor >= since && minor < until);
      if (wanted === undefined) throw new BerthError("E_NOT_FOUND", "The resource could not be found.");
      const caller = callerOf(request, params.project);
      const { scope, userId, requestId } = caller;
      const answer = await wanted.serve({
        caller,
        by: { scope, userId, requestId },
        minor,
        query,
        body,
        headers,
        links: linkBaseOf(headers, publicUrl, params.project),
        param: (name) => params[name] ?? "",
      });
      if (minor >= (wanted.etagSince ?? Infinity)) void reply.header("etag", etagOf(answer.body));
      if (wanted.secret === true) void reply.header("cache-control", "no-store");
      return reply.code(answer.status).send(answer.body);
    },
  });
}

/** What the API's document is made from. */
function documentOf(one: Operation, base: string): object {
  const params = [...`${base}${one.path}`.matchAll(/:(\w+)/g)].map(([, name = ""]) => name);
  const names = Object.entries(one.query ?? {});
  return {
    // The same without the project is there, too, and need not be told twice.
    hide: base === BASES[0],
    operationId: one.name,
    summary: one.summary,
    tags: [one.path.split("/")[1] ?? ""],
    ...(one.since === undefined ? {} : { description: `From microversion 3.${one.since}.` }),
    ...(params.length === 0 ? {} : { params: Type.Object(textsOf(params)) }),
    ...(names.length === 0
      ? {}
      : {
          querystring: Type.Object(
            Object.fromEntries(names.map(([name, description]) => [name, Type.Optional(Type.String({ description }))])),
          ),
        }),
    ...(one.bodySchema === null ? {} : { body: one.bodySchema }),
    response: { [one.status]: one.answerSchema ?? Type.Null({ description: "nothing" }) },
  };
}

function textsOf(names: readonly string[]): Record<string, TSchema> {
  return Object.fromEntries(names.map((name) => [name, Type.String()]));
}
