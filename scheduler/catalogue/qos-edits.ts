import { BerthError } from "#shared/errors.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import type { QosConsumer, QosSpecs } from "#shared/model/qos.ts";
import { flavorOf, requireQos } from "./find.ts";
import { changedSpecs, changeFlavor, type SpecChanges } from "./flavor-edits.ts";

/** The names of the flavors whose limits these are. */
export function flavorsWithQos({ flavors }: Catalogue, { name }: Pick<QosSpecs, "name">): string[] {
  return flavors.filter(({ qos }) => qos === name).map((flavor) => flavor.name);
}

export function createQos(catalogue: Catalogue, qos: QosSpecs): Catalogue {
  if (catalogue.qos.some(({ name }) => name === qos.name))
    throw new BerthError("E_CONFLICT", `QoS ${qos.name} exists already`);
  return { ...catalogue, qos: [...catalogue.qos, qos] };
}

/** Hosts meet other limits when they connect next, backends when a volume is made or extended. */
export function changeQos(
  catalogue: Catalogue,
  idOrName: string,
  change: { readonly consumer?: QosConsumer; readonly specs?: SpecChanges },
): Catalogue {
  const wanted = requireQos(catalogue, idOrName);
  const changed: QosSpecs = {
    ...wanted,
    consumer: change.consumer ?? wanted.consumer,
    specs: changedSpecs(wanted.specs, change.specs ?? {}),
  };
  return { ...catalogue, qos: catalogue.qos.map((qos) => (qos === wanted ? changed : qos)) };
}

/** Refused while flavors have it, unless `force`: then they have none. */
export function deleteQos(catalogue: Catalogue, idOrName: string, force: boolean): Catalogue {
  const wanted = requireQos(catalogue, idOrName);
  const users = flavorsWithQos(catalogue, wanted);
  if (users.length > 0 && !force)
    throw new BerthError(
      "E_HAS_DEPENDENTS",
      `QoS ${wanted.name} is in use by flavors: ${users.slice(0, 10).join(", ")}`,
    );
  const freed = disassociateAll(catalogue, wanted.name);
  return { ...freed, qos: freed.qos.filter(({ id }) => id !== wanted.id) };
}

/** A flavor has one set of limits: the one it had gives way only if it is the same. */
export function associate(catalogue: Catalogue, idOrName: string, flavor: string): Catalogue {
  const { name } = requireQos(catalogue, idOrName);
  const { qos, name: flavorName } = flavorOf(catalogue, flavor);
  if (qos !== undefined && qos !== name)
    throw new BerthError("E_BAD_REQUEST", `flavor ${flavorName} has QoS ${qos} already; disassociate that first`);
  return changeFlavor(catalogue, flavor, { qos: name });
}

export function disassociate(catalogue: Catalogue, idOrName: string, flavor: string): Catalogue {
  const { name } = requireQos(catalogue, idOrName);
  return flavorOf(catalogue, flavor).qos === name ? changeFlavor(catalogue, flavor, { qos: null }) : catalogue;
}

export function disassociateAll(catalogue: Catalogue, idOrName: string): Catalogue {
  const qos = requireQos(catalogue, idOrName);
  return flavorsWithQos(catalogue, qos).reduce((next, flavor) => changeFlavor(next, flavor, { qos: null }), catalogue);
}
