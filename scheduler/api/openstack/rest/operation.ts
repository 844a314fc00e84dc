import type { IncomingHttpHeaders } from "node:http";
import type { Static, TSchema } from "typebox";
import type { Scope } from "../../../core/commands.ts";
import type { Access } from "../../access.ts";
import type { Caller } from "../../request-context.ts";
import type { LinkBase } from "./addresses.ts";
import type { Body } from "./body.ts";
import type { Query } from "./listing.ts";

export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** One request, read. */
export interface Call<B = null, Param extends string = string> {
  readonly caller: Caller;
  /** What goes with every command: whose objects, and who asks. */
  readonly by: { readonly scope: Scope; readonly userId: string; readonly requestId: string };
  /** The microversion: 27 is 3.27. */
  readonly minor: number;
  readonly query: Query;
  readonly body: B;
  readonly links: LinkBase;
  readonly headers: IncomingHttpHeaders;
  readonly param: (name: Param) => string;
}

/** Who looks, and with which version's eyes. */
export type Viewer = Pick<Call, "caller" | "by" | "minor" | "query" | "links">;

type ParamOf<P extends string> = P extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParamOf<`/${Rest}`>
  : P extends `${string}:${infer Name}`
    ? Name
    : never;

/** Without a schema nothing is told, whatever is handed back. */
export type Given<A extends TSchema | undefined> = A extends TSchema ? Static<A> : unknown;

interface Facts<P extends string> {
  /** As policies name it, `volume:create`; also the operation's id in the API's document. */
  readonly name: string;
  readonly summary: string;
  readonly method: Method;
  /** After the project: `/volumes/:id`. */
  readonly path: P;
  readonly access: Access;
  /** The microversion that brought it: below it the path is not there. */
  readonly since?: number;
  /** The first microversion that no longer has it. */
  readonly until?: number;
  /** Parameters that it knows, and what each is for. */
  readonly query?: Readonly<Record<string, string>>;
  readonly status: 200 | 202 | 204;
  /** The microversion from which the answer has an ETag, which `If-Match` may name when it is changed. */
  readonly etagSince?: number;
  /** What is told is a secret: nobody on the way may keep it. */
  readonly secret?: true;
}

export interface OperationSpec<P extends string, A extends TSchema | undefined, B> extends Facts<P> {
  readonly answer?: A;
  readonly handle: (call: Call<B, ParamOf<P>>) => Given<A> | Promise<Given<A>>;
}

/** A request whose body is not read yet. */
export type RawCall = Call<unknown>;

/** One way to ask Berth for something in the words of OpenStack: what the router, the policy and the document are made from. */
export interface Operation extends Facts<string> {
  readonly bodySchema: TSchema | null;
  readonly answerSchema: TSchema | null;
  /** Throws what the body's reading throws, and what the doing throws. */
  readonly serve: (call: RawCall) => Promise<Served>;
}

export interface Served {
  readonly status: number;
  readonly body: unknown;
}

/** One whose request has no body, or none that says anything. */
export function operation<const P extends string, A extends TSchema | undefined = undefined>(
  spec: OperationSpec<P, A, null>,
): Operation {
  const { handle, answer, ...facts } = spec;
  return {
    ...facts,
    bodySchema: null,
    answerSchema: answer ?? null,
    serve: async (call) => served(facts.status, answer, await handle({ ...call, body: null })),
  };
}

export function operationWith<B, const P extends string, A extends TSchema | undefined = undefined>(
  body: Body<B>,
  spec: OperationSpec<P, A, B>,
): Operation {
  const { handle, answer, ...facts } = spec;
  return {
    ...facts,
    bodySchema: body.schema,
    answerSchema: answer ?? null,
    serve: async (call) =>
      served(facts.status, answer, await handle({ ...call, body: body.read(call.body, call.minor) })),
  };
}

export function served(status: number, answer: TSchema | undefined, body: unknown): Served {
  return { status, body: answer === undefined ? undefined : body };
}
