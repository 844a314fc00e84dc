import { Type } from "typebox";
import { type Kind, kind } from "./kinds.ts";

/** A status as clients write it, in letters of any size. */
export const statusWord: Kind<string> = kind(
  Type.String({ pattern: "^[A-Za-z_-]{0,64}$" }),
  "the name of a status",
  (value) => value.toLowerCase(),
);
