import { type Static, Type } from "typebox";
import { ControlLocation, EncryptionSpecs, KeySizeBits } from "#shared/model/encryption.ts";
import { Nullable } from "#shared/model/nullable.ts";
import { parser } from "#shared/schema.ts";
import type { EncryptionChange } from "../../../catalogue/encryption-edits.ts";
import { needed, type Read, under } from "../rest/body.ts";
import { type Kind, kind, oneOf } from "../rest/kinds.ts";
import { refusal } from "../rest/refusal.ts";
import { fieldTime } from "../rest/times.ts";

const { provider: Provider } = EncryptionSpecs.properties;
const word = kind(Provider, "printable text without spaces, at most 255 characters", (value) => value);
const controlLocation = oneOf(["front-end", "back-end"]);
const keySizes = parser(KeySizeBits);

/** Some clients send it as text. */
const keySize: Kind<number> = {
  schema: Type.Union([KeySizeBits, Type.String({ pattern: "^[0-9]{1,10}$" })]),
  read: (_name, value) => {
    const size = typeof value === "string" && /^\d{1,10}$/.test(value) ? Number(value) : value;
    if (keySizes.check(size)) return size;
    throw refusal("key_size must be an integer: of bits, at least 1");
  },
};

export const CreateBody = under("encryption", {
  provider: needed(word, "what the host encrypts with (luks, luks2, plain)"),
  control_location: needed(controlLocation, "front-end or back-end"),
  cipher: word,
  key_size: keySize,
});
const UpdateFields = { provider: word, control_location: controlLocation, cipher: word, key_size: keySize };
export const UpdateBody = under("encryption", UpdateFields);

const text = Type.String();
const Told = {
  provider: text,
  control_location: ControlLocation,
  cipher: Nullable(text),
  key_size: Nullable(Type.Integer()),
};
export const MadeAnswer = Type.Object({
  encryption: Type.Object({ volume_type_id: text, encryption_id: text, ...Told }),
});
/** What was given. */
export const ChangedAnswer = Type.Object({ encryption: Type.Record(text, Type.Union([text, Type.Integer()])) });
/** Nothing at all where it is not encrypted. */
export const EncryptionView = Type.Partial(
  Type.Object({
    volume_type_id: text,
    encryption_id: text,
    ...Told,
    created_at: Nullable(text),
    updated_at: Nullable(text),
    deleted: Type.Boolean(),
    deleted_at: Type.Null(),
  }),
);

export function changeOf(given: Read<typeof UpdateFields>): EncryptionChange {
  const { provider, control_location: location, cipher, key_size: size } = given;
  return {
    ...(provider === undefined ? {} : { provider }),
    ...(location === undefined ? {} : { controlLocation: location }),
    ...(cipher === undefined ? {} : { cipher }),
    ...(size === undefined ? {} : { keySizeBits: size }),
  };
}

export function told({ provider, controlLocation: location, cipher, keySizeBits }: EncryptionSpecs) {
  return { provider, control_location: location, cipher, key_size: keySizeBits };
}

export function encryptionView(typeId: string, specs: EncryptionSpecs): Static<typeof EncryptionView> {
  const { createdAtMs, updatedAtMs } = specs;
  return {
    volume_type_id: typeId,
    encryption_id: specs.id,
    ...told(specs),
    created_at: createdAtMs === undefined ? null : fieldTime(createdAtMs),
    updated_at: updatedAtMs === undefined ? null : fieldTime(updatedAtMs),
    deleted: false,
    deleted_at: null,
  };
}
