import { type Static, Type } from "typebox";

/** CHAP of one volume's exports. `sealedSecret` is AES-256-GCM text: neither the ledger nor a message holds the plain one. */
export const Chap = Type.Object({
  username: Type.String({ minLength: 1, maxLength: 64 }),
  sealedSecret: Type.String({ minLength: 1, maxLength: 256 }),
});
export type Chap = Static<typeof Chap>;
