import { Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { Scope } from "../../core/commands.ts";
import { type Body, needed, plain } from "./rest/body.ts";
import { ETAGS_SINCE, requireMatch } from "./rest/etag.ts";
import { metadata as metadataKind } from "./rest/kinds.ts";
import { type Call, type Operation, operation, operationWith } from "./rest/operation.ts";
import { refusal } from "./rest/refusal.ts";

type Metadata = Readonly<Record<string, string>>;

/** Where the metadata of one kind of object is read and written. */
export interface MetadataHolder {
  /** Throws E_NOT_FOUND. */
  readonly read: (id: string, scope: Scope) => Metadata;
  readonly write: (id: string, by: Call["by"], metadata: Metadata) => Promise<Metadata>;
}

const Texts = Type.Record(Type.String(), Type.String());
const MetadataAnswer = Type.Object({ metadata: Texts });
const MetaAnswer = Type.Object({ meta: Texts });
const MetadataBody: Body<{ readonly metadata: Metadata }> = plain({
  metadata: needed(metadataKind, "an object of texts"),
});
const MetaBody = plain({ meta: needed(metadataKind, "an object with the path's one key") });

/**
 * `…/metadata` and `…/metadata/KEY` below `path` (which ends in `/:id`). Reading and deciding are one step without a
 * wait between them, so that two clients who add keys at once lose none. `etags`: who changes what they have read may
 * say so (`If-Match`), and is refused if it is not that any more.
 */
export function metadataOperations(
  object: string,
  path: `${string}/:id`,
  holder: MetadataHolder,
  { etags = false }: { readonly etags?: boolean } = {},
): readonly Operation[] {
  const requireUnchanged = ({ by, headers, minor, param }: Call<unknown, "id">): void => {
    if (etags && minor >= ETAGS_SINCE) requireMatch(headers, { metadata: holder.read(param("id"), by.scope) });
  };
  return [
    operation({
      name: `${object}:get_metadata`,
      summary: `The metadata of a ${object}`,
      ...(etags ? { etagSince: ETAGS_SINCE } : {}),
      method: "GET",
      path: `${path}/metadata`,
      access: "reader",
      status: 200,
      answer: MetadataAnswer,
      handle: (call) => ({ metadata: holder.read(call.param("id"), call.by.scope) }),
    }),
    operationWith(MetadataBody, {
      name: `${object}:create_metadata`,
      summary: "Add keys",
      method: "POST",
      path: `${path}/metadata`,
      access: "member",
      status: 200,
      answer: MetadataAnswer,
      handle: async ({ by, body, param }) => {
        const id = param("id");
        return { metadata: await holder.write(id, by, merged(holder.read(id, by.scope), body.metadata)) };
      },
    }),
    operationWith(MetadataBody, {
      name: `${object}:update_metadata`,
      summary: "Put these keys in the place of all",
      method: "PUT",
      path: `${path}/metadata`,
      access: "member",
      status: 200,
      answer: MetadataAnswer,
      handle: async (call) => {
        const { by, body, param } = call;
        requireUnchanged(call);
        return { metadata: await holder.write(param("id"), by, body.metadata) };
      },
    }),
    operation({
      name: `${object}:get_metadata_item`,
      summary: "One key",
      method: "GET",
      path: `${path}/metadata/:key`,
      access: "reader",
      status: 200,
      answer: MetaAnswer,
      handle: ({ by, param }) => {
        const [id, key] = [param("id"), param("key")];
        return { meta: { [key]: valueAt(holder.read(id, by.scope), key) } };
      },
    }),
    operationWith(MetaBody, {
      name: `${object}:update_metadata_item`,
      summary: "Set one key",
      method: "PUT",
      path: `${path}/metadata/:key`,
      access: "member",
      status: 200,
      answer: MetaAnswer,
      handle: async (call) => {
        const { by, body, param } = call;
        const [id, key] = [param("id"), param("key")];
        requireUnchanged(call);
        if (Object.keys(body.meta).join() !== key)
          throw refusal("the body must name the key of the path, and no other");
        await holder.write(id, by, merged(holder.read(id, by.scope), body.meta));
        return { meta: body.meta };
      },
    }),
    operation({
      name: `${object}:delete_metadata_item`,
      summary: "Remove one key",
      method: "DELETE",
      path: `${path}/metadata/:key`,
      access: "member",
      status: 200,
      handle: async ({ by, param }) => {
        const [id, key] = [param("id"), param("key")];
        const before = holder.read(id, by.scope);
        valueAt(before, key);
        const rest = Object.entries(before).filter(([name]) => name !== key);
        await holder.write(id, by, Object.fromEntries(rest));
      },
    }),
  ];
}

function merged(before: Metadata, added: Metadata): Metadata {
  return metadataKind.read("metadata", { ...before, ...added });
}

function valueAt(metadata: Metadata, key: string): string {
  const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
  if (value === undefined) throw new BerthError("E_NOT_FOUND", `there is no metadata key ${JSON.stringify(key)}`);
  return value;
}
