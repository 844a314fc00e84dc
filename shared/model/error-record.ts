import { type Static, Type } from "typebox";
import { EpochMs } from "./names.ts";

/** The last thing that went wrong with an object: kept on it until the next success. */
export const LastError = Type.Object({ code: Type.String(), message: Type.String(), atMs: EpochMs });
export type LastError = Static<typeof LastError>;
