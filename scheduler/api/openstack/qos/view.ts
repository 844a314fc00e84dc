import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import type { QosSpecs } from "#shared/model/qos.ts";
import type { Listed } from "../rest/listing.ts";

export const QosView = Type.Object({
  id: Type.String(),
  name: Type.String(),
  consumer: Type.String(),
  specs: Type.Record(Type.String(), Type.String()),
});

export function qosView({ id, name, consumer, specs }: QosSpecs): Static<typeof QosView> {
  return { id, name, consumer, specs };
}

/** By id or name, in the field's words. Throws E_NOT_FOUND. */
export function findQos({ qos }: Catalogue, idOrName: string): QosSpecs {
  const found = qos.find(({ id, name }) => id === idOrName || name === idOrName);
  if (found !== undefined) return found;
  throw new BerthError("E_NOT_FOUND", `No such QoS spec ${idOrName.slice(0, 80)}.`);
}

export const listedQos: Listed<QosSpecs> = {
  name: "QoS spec",
  fields: { id: ({ id }) => id, name: ({ name }) => name, consumer: ({ consumer }) => consumer },
  strictSince: Number.POSITIVE_INFINITY,
  sortKeys: ["id", "name", "consumer", "created_at"],
  metadata: () => ({}),
};
