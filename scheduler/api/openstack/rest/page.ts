import { type Static, type TSchema, Type } from "typebox";
import type { Access } from "../../access.ts";
import { type Listed, listPage, listQuery, pageEnds, type Query } from "./listing.ts";
import { type Operation, operation, type Viewer } from "./operation.ts";

export const Links = Type.Array(Type.Object({ rel: Type.String(), href: Type.String() }));

interface ListItem {
  readonly id: string;
  readonly projectId?: string;
}

/** How the items of a list are told. */
export interface Told<T, S extends TSchema> {
  readonly schema: S;
  readonly view: (item: T, viewer: Viewer) => Static<S>;
}

export interface ListSpec<T extends ListItem, S extends TSchema, D extends TSchema> {
  /** As policies name the operations: `volume`. */
  readonly object: string;
  readonly path: `/${string}`;
  /** Of the items in the answer; the next page is under `linksKey`. */
  readonly key: string;
  readonly linksKey: string;
  readonly since?: number;
  readonly listed: Listed<T>;
  readonly table: (call: Viewer) => ReadonlyMap<string, T>;
  /** What is asked of the list, where an older version means something else by the same. Absent: what the request says. */
  readonly asked?: (call: Viewer) => Query;
  readonly summary: Told<T, S>;
  readonly detail: Told<T, D>;
}

/** `GET /volumes` and `GET /volumes/detail`, of whatever is listed. */
export function listOperations<T extends ListItem, S extends TSchema, D extends TSchema>(
  spec: ListSpec<T, S, D>,
): readonly Operation[] {
  const { object, key, path } = spec;
  return [
    listOperation(spec, spec.summary, `${object}:get_all`, path, `${key} in short`),
    listOperation(
      spec,
      spec.detail,
      `${object}:get_all_detail`,
      `${path}/detail`,
      `${key} with all that is known of them`,
    ),
  ];
}

/** One such list. */
export function listOperation<T extends ListItem, S extends TSchema>(
  {
    key,
    linksKey,
    listed,
    table,
    since,
    access = "reader",
    asked = ({ query }) => query,
  }: Omit<ListSpec<T, TSchema, TSchema>, "object" | "path" | "summary" | "detail"> & { readonly access?: Access },
  { schema, view }: Told<T, S>,
  name: string,
  path: string,
  summary: string,
): Operation {
  const answer: TSchema = Type.Object({
    [key]: Type.Array(schema),
    [linksKey]: Type.Optional(Links),
    count: Type.Optional(Type.Integer()),
  });
  return operation({
    name,
    summary,
    method: "GET",
    path,
    access,
    ...(since === undefined ? {} : { since }),
    query: listQuery(listed),
    status: 200,
    answer,
    handle: (call) => {
      const page = listPage(listed, table(call), { ...call, query: asked(call) });
      return { [key]: page.items.map((item) => view(item, call)), ...pageEnds(page, call.links, linksKey, path) };
    },
  });
}
