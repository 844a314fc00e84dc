import { Type } from "typebox";
import type { BerthError } from "#shared/errors.ts";
import { ExtraSpecs } from "#shared/model/extra-specs.ts";
import { parser } from "#shared/schema.ts";
import type { SpecChanges } from "../../catalogue/edits.ts";
import type { Access } from "../access.ts";
import { type Body, needed, plain } from "./rest/body.ts";
import type { Kind } from "./rest/kinds.ts";
import { type Call, type Operation, operation, operationWith } from "./rest/operation.ts";
import { isJsonObject, refusal } from "./rest/refusal.ts";

const extraSpecs = parser(ExtraSpecs);
const Texts = Type.Record(Type.String(), Type.String());

/** Texts by key, as the field's clients send them: True as a boolean or a text, a number as it is, null for nothing. */
export const specs: Kind<ExtraSpecs> = {
  schema: ExtraSpecs,
  read: (name, value) => {
    if (!isJsonObject(value)) throw refusal(`${name} must be an object of texts`);
    const given = Object.entries(value).filter(([, item]) => item !== null);
    return extraSpecs.parse(Object.fromEntries(given.map(([key, item]) => [key, specText(item)])), name);
  },
};

function specText(value: unknown): unknown {
  if (typeof value === "boolean") return value ? "True" : "False";
  return typeof value === "number" ? String(value) : value;
}

/** `{KEY: VALUE}`. */
const OneSpecBody: Body<ExtraSpecs> = { schema: Texts, read: (raw) => specs.read("the body", raw) };

type Reader = Pick<Call, "caller" | "by">;

/** Where the specs of one kind of type are read and written. */
export interface SpecHolder {
  readonly envelope: "extra_specs" | "group_specs";
  /** Of the type: `/types/:id`. */
  readonly path: `${string}/:id`;
  readonly since?: number;
  /** As policies name the operations. */
  readonly names: Readonly<Record<"index" | "show" | "create" | "update" | "delete", string>>;
  /** Who may read. */
  readonly access: Access;
  readonly createdStatus: 200 | 202;
  /** What of them the caller may see. Throws E_NOT_FOUND. */
  readonly read: (id: string, call: Reader) => Readonly<Record<string, string>>;
  readonly write: (id: string, change: SpecChanges) => Promise<unknown>;
  readonly missing: (id: string, key: string) => BerthError;
}

/** `…/extra_specs` and `…/extra_specs/KEY`, or as the envelope says. */
export function specOperations(holder: SpecHolder): readonly Operation[] {
  const { envelope, path, names, access, createdStatus, read, write } = holder;
  const common = holder.since === undefined ? {} : { since: holder.since };
  const enveloped = plain({ [envelope]: needed(specs, "an object of texts") });
  const SpecsBody: Body<ExtraSpecs> = {
    schema: enveloped.schema,
    read: (raw, minor) => enveloped.read(raw, minor)[envelope] ?? {},
  };
  const oneSpec = (id: string, key: string, call: Reader): string => {
    const all = read(id, call);
    const value = Object.hasOwn(all, key) ? all[key] : undefined;
    if (value === undefined) throw holder.missing(id, key.slice(0, 80));
    return value;
  };
  return [
    operation({
      ...common,
      name: names.index,
      summary: "What it asks for",
      method: "GET",
      path: `${path}/${envelope}`,
      access,
      status: 200,
      answer: Type.Object({ [envelope]: Texts }),
      handle: (call) => ({ [envelope]: { ...read(call.param("id"), call) } }),
    }),
    operationWith(SpecsBody, {
      ...common,
      name: names.create,
      summary: "Set some keys, and leave the others",
      method: "POST",
      path: `${path}/${envelope}`,
      access: "admin",
      status: createdStatus,
      answer: Type.Object({ [envelope]: Texts }),
      handle: async ({ body, param }) => {
        await write(param("id"), body);
        return { [envelope]: body };
      },
    }),
    operation({
      ...common,
      name: names.show,
      summary: "One key",
      method: "GET",
      path: `${path}/${envelope}/:key`,
      access,
      status: 200,
      answer: Texts,
      handle: (call) => ({ [call.param("key")]: oneSpec(call.param("id"), call.param("key"), call) }),
    }),
    operationWith(OneSpecBody, {
      ...common,
      name: names.update,
      summary: "Set one key",
      method: "PUT",
      path: `${path}/${envelope}/:key`,
      access: "admin",
      status: 200,
      answer: Texts,
      handle: async ({ body, param }) => {
        if (Object.keys(body).join() !== param("key"))
          throw refusal("Request body and URI mismatch: the body is {KEY: VALUE}, with the path's one key");
        await write(param("id"), body);
        return body;
      },
    }),
    operation({
      ...common,
      name: names.delete,
      summary: "Take one key away",
      method: "DELETE",
      path: `${path}/${envelope}/:key`,
      access: "admin",
      status: 202,
      handle: async (call) => {
        const [id, key] = [call.param("id"), call.param("key")];
        oneSpec(id, key, call);
        await write(id, { [key]: null });
      },
    }),
  ];
}
