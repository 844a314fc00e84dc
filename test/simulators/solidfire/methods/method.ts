import type { Cluster } from "../cluster.ts";
import { ElementError } from "../element-error.ts";
import { MAX_ATTRIBUTES_BYTES } from "../limits.ts";
import type { Parameters } from "../parameters.ts";

export interface Method {
  /** The version of the API that introduced it. */
  readonly since: string;
  run(cluster: Cluster, parameters: Parameters, name: string): Promise<object> | object;
}

export type Methods = Readonly<Record<string, Method>>;

export function attributesOf(parameters: Parameters): Record<string, unknown> | null {
  const attributes = parameters.object("attributes");
  if (attributes === null) return null;
  if (Buffer.byteLength(JSON.stringify(attributes)) >= MAX_ATTRIBUTES_BYTES)
    throw new ElementError("xInvalidParameter", `attributes must be less than ${MAX_ATTRIBUTES_BYTES} bytes`);
  return { ...attributes };
}

/** From the id on, so many of them, in the order of ids. */
export function pageFrom<T extends { readonly id: number }>(
  all: readonly T[],
  parameters: Parameters,
  startName: string,
): T[] {
  const start = parameters.optionalInteger(startName) ?? 0;
  const limit = parameters.optionalInteger("limit");
  const wanted = all.filter(({ id }) => id >= start).sort((one, other) => one.id - other.id);
  return limit === null ? wanted : wanted.slice(0, limit);
}
