import { type Static, Type } from "typebox";
import { Chap } from "./chap.ts";
import { Nullable } from "./nullable.ts";

/** Where an agent reads and writes a volume's blocks itself, in order to copy them. */
export const BlockAddress = Type.Union([
  /** An image file on the agent's own host. */
  Type.Object({
    kind: Type.Literal("file"),
    path: Type.String({ pattern: "^/", description: "an absolute path" }),
    format: Type.Union([Type.Literal("raw"), Type.Literal("qcow2"), Type.Literal("vhd")]),
  }),
  Type.Object({
    kind: Type.Literal("iscsi"),
    /** `host:port` each; all lead to the same volume, and the first that answers is taken. */
    portals: Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }),
    iqn: Type.String({ minLength: 1 }),
    lun: Type.Integer({ minimum: 0, maximum: 16383 }),
    /** As whom the agent logs in; null: any name will do. */
    initiator: Nullable(Type.String({ minLength: 1 })),
    chap: Nullable(Chap),
  }),
  /** Of a backend that moves no bytes: all zeros. */
  Type.Object({ kind: Type.Literal("none") }),
]);
export type BlockAddress = Static<typeof BlockAddress>;
export type FileAddress = Extract<BlockAddress, { kind: "file" }>;
export type IscsiAddress = Extract<BlockAddress, { kind: "iscsi" }>;
