import { Type } from "typebox";
import { QosConsumer, QosLimits, type QosSpecs } from "#shared/model/qos.ts";
import { parser } from "#shared/schema.ts";
import { type Body, needed, plain } from "../rest/body.ts";
import { boolean, catalogueName, texts } from "../rest/kinds.ts";
import { one, type Query } from "../rest/listing.ts";
import { isJsonObject, refusal } from "../rest/refusal.ts";
import { specs } from "../spec-operations.ts";

const consumers = parser(QosConsumer, "consumer");
const limits = parser(QosLimits, "qos_specs");

const Limits = Type.Object({ qos_specs: QosLimits });

/** Name and consumer stand among the limits. */
export const CreateQosBody: Body<Omit<QosSpecs, "id">> = {
  schema: Limits,
  read: (raw) => {
    const values = under(raw);
    if (values.name == null) throw refusal("name is needed: what the set of limits is called");
    const { name, consumer = "back-end", ...rest } = values;
    return {
      name: catalogueName.read("name", name),
      consumer: consumers.parse(consumer ?? "back-end"),
      specs: limits.parse(specs.read("qos_specs", rest)),
    };
  },
};

export const ChangeQosBody: Body<Partial<Pick<QosSpecs, "consumer">> & Pick<QosSpecs, "specs">> = {
  schema: Limits,
  read: (raw) => {
    const { consumer, ...rest } = under(raw);
    return {
      ...(consumer == null ? {} : { consumer: consumers.parse(consumer) }),
      specs: limits.parse(specs.read("qos_specs", rest)),
    };
  },
};

export const DeleteKeysBody = plain({ keys: needed(texts, "a list of keys to delete") });

/** Throws E_BAD_REQUEST for what is neither. */
export function isForced(query: Query): boolean {
  const given = one(query, "force");
  return given !== undefined && boolean.read("force", given);
}

function under(raw: unknown): Readonly<Record<string, unknown>> {
  const values = isJsonObject(raw) ? raw.qos_specs : undefined;
  if (!isJsonObject(values)) throw refusal('the body must be a JSON object with an object "qos_specs" in it');
  return values;
}
