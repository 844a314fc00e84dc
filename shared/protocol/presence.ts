import { type Static, Type } from "typebox";
import { Nullable } from "../model/nullable.ts";
import { messageType, PROTOCOL_VERSION } from "./message.ts";

/** An agent says to its zone's others that it is there, and which part of storage systems' limits of calls it takes. */
export const Presence = Type.Object({
  version: Type.Literal(PROTOCOL_VERSION),
  agentId: Type.String({ minLength: 1, maxLength: 128 }),
  /** Among so many agents it divides each limit; null: it makes no calls as yet. */
  among: Nullable(Type.Integer({ minimum: 1 })),
  /** How often it says so. */
  intervalMs: Type.Integer({ minimum: 1 }),
  /** The last one: its calls are over. */
  leaving: Type.Boolean(),
});
export type Presence = Static<typeof Presence>;

export const presenceMessage = messageType("presence", Presence);
