import type { Static, TSchema } from "typebox";
import { type Parser, parser } from "../schema.ts";

/** Raised when a message changes in a way that an older program would misread. Both sides refuse what is newer. */
export const PROTOCOL_VERSION = 1;

/** A message that is sent and not answered. */
export interface MessageType<T> {
  readonly name: string;
  readonly body: Parser<T>;
}

/** A question with one answer. */
export interface CallType<Q, A> {
  readonly name: string;
  readonly question: Parser<Q>;
  readonly answer: Parser<A>;
}

export function messageType<S extends TSchema>(name: string, body: S): MessageType<Static<S>> {
  return { name, body: parser(body, name) };
}

export function callType<Q extends TSchema, A extends TSchema>(
  name: string,
  question: Q,
  answer: A,
): CallType<Static<Q>, Static<A>> {
  return { name, question: parser(question, `${name} question`), answer: parser(answer, `${name} answer`) };
}
