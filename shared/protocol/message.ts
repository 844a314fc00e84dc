import { type Static, type TSchema, Type } from "typebox";
import { BerthError } from "../errors.ts";
import { type Parser, parser } from "../schema.ts";

/**
 * Raised when a message changes in a way that an older program would misread. Who speaks another version is refused by
 * both sides. Messages are not migrated: they live for seconds, and what is refused is said again.
 */
export const PROTOCOL_VERSION = 2;

const versioned = parser(Type.Object({ version: Type.Integer() }));

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

/**
 * What came in, parsed. Of another protocol version it is refused by that, before any field of it looks odd:
 * E_PROTOCOL, with `details.version`. Else E_BAD_REQUEST with the faults.
 */
export function readBody<T>(name: string, body: Parser<T>, value: unknown): T {
  if (versioned.check(value) && value.version !== PROTOCOL_VERSION) {
    const { version } = value;
    throw new BerthError(
      "E_PROTOCOL",
      `the ${name} is of protocol version ${version}, and who got it speaks version ${PROTOCOL_VERSION}: run the same version of Berth on both sides`,
      { details: { version } },
    );
  }
  return body.parse(value);
}

/** The refusal of what a newer program said. */
export function isFromNewer(error: unknown): boolean {
  return error instanceof BerthError && error.code === "E_PROTOCOL" && Number(error.details.version) > PROTOCOL_VERSION;
}
