import { BerthError } from "#shared/errors.ts";
import type { Catalogue, Flavor } from "#shared/model/catalogue.ts";
import type { QosSpecs } from "#shared/model/qos.ts";
import { didYouMean } from "./nearest.ts";

/** By name or id. Throws E_NOT_FOUND. */
export function flavorOf({ flavors }: Catalogue, idOrName: string): Flavor {
  const found = flavors.find(({ id, name }) => name === idOrName || id === idOrName);
  if (found !== undefined) return found;
  throw notFound(
    "flavor",
    idOrName,
    flavors.map(({ name }) => name),
  );
}

/** By name or id. Throws E_NOT_FOUND. */
export function requireQos({ qos }: Catalogue, idOrName: string): QosSpecs {
  const found = qos.find(({ id, name }) => name === idOrName || id === idOrName);
  if (found !== undefined) return found;
  throw notFound(
    "QoS",
    idOrName,
    qos.map(({ name }) => name),
  );
}

export function notFound(kind: string, name: string, known: readonly string[]): BerthError {
  return new BerthError("E_NOT_FOUND", `${kind} ${name.slice(0, 80)} does not exist${didYouMean(name, known)}`);
}
