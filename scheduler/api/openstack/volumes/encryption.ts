import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { EncryptionSpecs } from "#shared/model/encryption.ts";
import { Nullable } from "#shared/model/nullable.ts";
import { encryptionOf } from "../../../core/encryption.ts";
import { findVolume } from "../../../core/find.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { type Operation, operation } from "../rest/operation.ts";

/**
 * The field's name for the key that hosts are configured with themselves (Nova's and Cinder's `fixed_key`): Berth has no
 * store of keys, so this is the key of each volume that is encrypted.
 */
const FIXED_KEY_ID = "00000000-0000-0000-0000-000000000000";

const text = Type.String();
const VolumeEncryption = Type.Object({
  encryption_key_id: Nullable(text),
  provider: Type.Optional(text),
  control_location: Type.Optional(text),
  cipher: Type.Optional(Nullable(text)),
  key_size: Type.Optional(Nullable(Type.Integer())),
});

/** What the host that attaches must know to encrypt. */
export function volumeEncryptionOperations({ engine }: ApiDependencies): readonly Operation[] {
  const { state } = engine;
  const specsOf = (id: string, scope: string | null) =>
    encryptionView(encryptionOf(state, findVolume(state, id, scope)));
  return [
    operation({
      name: "volume_extension:volume_encryption_metadata",
      summary: "How the host that attaches it is to encrypt it",
      method: "GET",
      path: "/volumes/:id/encryption",
      access: "reader",
      status: 200,
      answer: VolumeEncryption,
      handle: ({ by, param }) => specsOf(param("id"), by.scope),
    }),
    operation({
      name: "volume_extension:volume_encryption_metadata:item",
      summary: "One word of it",
      method: "GET",
      path: "/volumes/:id/encryption/:key",
      access: "reader",
      status: 200,
      answer: Type.Partial(VolumeEncryption),
      handle: ({ by, param }) => {
        const [key, specs] = [param("key"), specsOf(param("id"), by.scope)];
        const found = Object.entries(specs).filter(([name]) => name === key);
        if (found.length > 0) return Object.fromEntries(found);
        throw new BerthError("E_NOT_FOUND", `There is no encryption metadata ${key.slice(0, 80)}.`);
      },
    }),
  ];
}

function encryptionView(specs: EncryptionSpecs | undefined): Static<typeof VolumeEncryption> {
  if (specs === undefined) return { encryption_key_id: null };
  return {
    encryption_key_id: FIXED_KEY_ID,
    provider: specs.provider,
    control_location: specs.controlLocation,
    cipher: specs.cipher,
    key_size: specs.keySizeBits,
  };
}
