import { BerthError } from "#shared/errors.ts";
import type { Flavor } from "#shared/model/catalogue.ts";
import { type EncryptionSpecs, sameEncryption } from "#shared/model/encryption.ts";
import type { Volume } from "#shared/model/volume.ts";
import type { State } from "./state.ts";

/**
 * How a volume is encrypted: as its flavor says, which cannot change while there are volumes of it. The host that
 * attaches encrypts; Berth neither does nor has keys. undefined: it is not.
 */
export function encryptionOf(state: State, volume: Volume): EncryptionSpecs | undefined {
  return state.flavor(volume)?.encryption;
}

/** Can a volume of it be what the flavor promises? Throws E_BAD_REQUEST, in the field's words where it has some. */
export function requireEncryptable(state: State, flavor: Flavor): void {
  if (flavor.encryption === undefined) return;
  if (state.catalogue.terms(flavor).multiattach)
    throw new BerthError("E_BAD_REQUEST", "Invalid volume: Multiattach cannot be used with encrypted volumes.");
  if (flavor.encryption.controlLocation === "back-end")
    throw new BerthError(
      "E_BAD_REQUEST",
      `Invalid volume type: ${flavor.name} is to be encrypted by its storage system (control_location back-end), and none here does`,
    );
}

/** Nobody here can decrypt: as its source was written, a copy must be read. Throws E_BAD_REQUEST. */
export function requireSameEncryption(source: Flavor | undefined, wanted: Flavor): void {
  if (sameEncryption(source?.encryption, wanted.encryption)) return;
  throw new BerthError(
    "E_BAD_REQUEST",
    `Invalid volume type: ${wanted.name} is encrypted otherwise than ${source?.name ?? "the type before"}, and what hosts wrote stays as they wrote it`,
  );
}
