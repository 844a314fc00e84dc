import { BerthError } from "#shared/errors.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import type { EncryptionSpecs } from "#shared/model/encryption.ts";
import { flavorOf } from "./find.ts";

/** What is given is changed, the rest stays. */
export type EncryptionChange = Partial<Omit<EncryptionSpecs, "id">>;

/** Throws E_NOT_FOUND; E_BAD_REQUEST, in the field's words, if the flavor says already how. */
export function createEncryption(catalogue: Catalogue, idOrName: string, specs: EncryptionSpecs): Catalogue {
  const { id, encryption } = flavorOf(catalogue, idOrName);
  if (encryption !== undefined)
    throw new BerthError("E_BAD_REQUEST", `Volume type encryption for type ${id} already exists.`);
  return withEncryption(catalogue, id, specs);
}

/** Throws E_NOT_FOUND. */
export function changeEncryption(catalogue: Catalogue, idOrName: string, change: EncryptionChange): Catalogue {
  const { id, encryption } = flavorOf(catalogue, idOrName);
  if (encryption === undefined) throw noEncryption(id);
  return withEncryption(catalogue, id, { ...encryption, ...change });
}

/** Throws E_NOT_FOUND. */
export function deleteEncryption(catalogue: Catalogue, idOrName: string): Catalogue {
  const { id, encryption } = flavorOf(catalogue, idOrName);
  if (encryption === undefined) throw noEncryption(id);
  return withEncryption(catalogue, id, undefined);
}

export function noEncryption(flavorId: string): BerthError {
  return new BerthError("E_NOT_FOUND", `Volume type encryption for type ${flavorId} does not exist.`);
}

function withEncryption(catalogue: Catalogue, flavorId: string, specs: EncryptionSpecs | undefined): Catalogue {
  return {
    ...catalogue,
    flavors: catalogue.flavors.map((flavor) => {
      if (flavor.id !== flavorId) return flavor;
      const { encryption: _, ...rest } = flavor;
      return specs === undefined ? rest : { ...rest, encryption: specs };
    }),
  };
}
