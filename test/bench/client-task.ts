import { type Static, Type } from "typebox";
import { parser } from "#shared/schema.ts";

const Wanted = {
  clients: Type.Integer({ minimum: 1 }),
  flavor: Type.String(),
  /** Requests take turns with these. */
  zones: Type.Array(Type.String(), { minItems: 1 }),
};

/** What the client's process is asked to do. Each client has one connection, kept alive, and one request on it at a time. */
export const ClientTask = Type.Union([
  /** Each client creates a volume, looks every `pollMs` until it is available, and begins the next. */
  Type.Object({ kind: Type.Literal("create"), ...Wanted, durationMs: Type.Number(), pollMs: Type.Number() }),
  /** Creates that nobody waits for. */
  Type.Object({ kind: Type.Literal("post"), ...Wanted, count: Type.Integer() }),
  /** Each client deletes a volume, looks every `pollMs` until it is gone, and begins the next. */
  Type.Object({
    kind: Type.Literal("delete"),
    clients: Type.Integer({ minimum: 1 }),
    ids: Type.Array(Type.String()),
    pollMs: Type.Number(),
  }),
  Type.Object({
    kind: Type.Literal("get"),
    clients: Type.Integer({ minimum: 1 }),
    path: Type.String(),
    times: Type.Integer(),
  }),
]);
export type ClientTask = Static<typeof ClientTask>;

export const ClientResult = Type.Union([
  Type.Object({
    perSecond: Type.Number(),
    /** Of whole operations, in the order in which they ended. */
    timesMs: Type.Array(Type.Number()),
    /** All requests sent, polls among them. */
    requests: Type.Integer(),
    /** Of the last answer's body. */
    bytes: Type.Integer(),
    /** Of the volumes that were created. */
    ids: Type.Array(Type.String()),
  }),
  Type.Object({ failure: Type.String() }),
]);
export type ClientResult = Static<typeof ClientResult>;

export const clientTask = parser(ClientTask, "client task");
export const clientResult = parser(ClientResult, "client result");
