import { type Static, Type } from "typebox";
import { EpochMs, Uuid } from "./names.ts";
import { Nullable } from "./nullable.ts";

const Word = Type.String({
  pattern: "^[\\x21-\\x7e]{1,255}$",
  description: "printable text without spaces, at most 255 characters",
});

/** Where data are encrypted: on the host that attaches (front-end), or by the storage system. */
export const ControlLocation = Type.Union([Type.Literal("front-end"), Type.Literal("back-end")]);
export type ControlLocation = Static<typeof ControlLocation>;

export const KeySizeBits = Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 });

/** What a flavor's volumes are encrypted with, by the field's names. Berth itself encrypts nothing: it tells who attaches. */
export const EncryptionSpecs = Type.Object(
  {
    id: Uuid,
    /** As the host knows it: `luks`, `luks2`, `plain`. */
    provider: Word,
    controlLocation: ControlLocation,
    /** `aes-xts-plain64`; null: the host's own choice. */
    cipher: Nullable(Word),
    keySizeBits: Nullable(KeySizeBits),
    createdAtMs: Type.Optional(EpochMs),
    updatedAtMs: Type.Optional(EpochMs),
  },
  { additionalProperties: false },
);
export type EncryptionSpecs = Static<typeof EncryptionSpecs>;

/** Are volumes of both encrypted alike, or both not at all? */
export function sameEncryption(one: EncryptionSpecs | undefined, other: EncryptionSpecs | undefined): boolean {
  return (
    one?.provider === other?.provider &&
    one?.controlLocation === other?.controlLocation &&
    one?.cipher === other?.cipher &&
    one?.keySizeBits === other?.keySizeBits
  );
}
