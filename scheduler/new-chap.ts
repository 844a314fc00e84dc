import { randomBytes, randomInt } from "node:crypto";
import type { Chap } from "#shared/model/chap.ts";
import type { Sealing } from "#shared/sealed.ts";
import { Secret } from "#shared/secret.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/** Some initiators take CHAP secrets of 12 to 16 characters only. */
const SECRET_LENGTH = 16;

/** Used if there is none yet; otherwise it is thrown away. */
export function newChap(sealingKey: Sealing): Chap {
  const secret = Array.from({ length: SECRET_LENGTH }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join("");
  return { username: `berth-${randomBytes(4).toString("hex")}`, sealedSecret: sealingKey.seal(new Secret(secret)) };
}
