import { Type } from "typebox";
import type { Parser } from "#shared/schema.ts";
import { parser } from "#shared/schema.ts";
import { AnswerLost } from "../../transport/failures.ts";
import type { HttpsAnswer, HttpsClient } from "../../transport/https/client.ts";
import { pauseFor, pauseMs } from "../../transport/tries.ts";
import { type CallContext, DriverError } from "../driver.ts";
import { ElementRefusal, isPassing, isRefusal, mayBeDone } from "./refusal.ts";

/** The oldest version with all that is called here. */
const API_PATH = "/json-rpc/8.0/";
const NOT_FOUND = 404;

export interface ElementCall<T> {
  readonly method: string;
  readonly params?: object;
  readonly answer: Parser<T>;
  /** What it does to the array: nothing; something that may be done twice; or something that would then be there twice. */
  readonly does: "read" | "change" | "make";
  /** Refusals that mean something to the caller, though they pass elsewhere. */
  readonly meant?: readonly string[];
}

const envelope = parser(
  Type.Object({
    result: Type.Optional(Type.Object({})),
    error: Type.Optional(Type.Object({ name: Type.String(), message: Type.Optional(Type.String()) })),
  }),
  "the answer",
);

/** The methods of one cluster. What passes by itself is tried again; what would be made twice is not. */
export class ElementClient {
  readonly #https: HttpsClient;
  readonly #tries: number;

  constructor(https: HttpsClient, tries: number) {
    this.#https = https;
    this.#tries = tries;
  }

  /**
   * @throws ElementRefusal when the array says no
   * @throws AnswerLost when nobody knows what it did: look before making it again
   */
  async call<T>(context: CallContext, call: ElementCall<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      try {
        return await this.#once(context, call);
      } catch (error) {
        if (!(error instanceof ElementRefusal) || isRefusal(error, ...(call.meant ?? []))) throw error;
        const unsure = mayBeDone(error.refusal);
        if (unsure && call.does === "make") throw new AnswerLost(error.message, { cause: error });
        if (tried >= this.#tries || !(unsure || isPassing(error.refusal))) throw error;
        context.log.debug({ method: call.method, refusal: error.refusal, tried }, "the array is asked again");
      }
      await pauseFor(context.signal, pauseMs(tried));
    }
  }

  async close(): Promise<void> {
    await this.#https.close();
  }

  async #once<T>(context: CallContext, { method, params = {}, answer, does }: ElementCall<T>): Promise<T> {
    const told = await this.#https.request(context, {
      method: "POST",
      path: API_PATH,
      name: method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ method, params, id: 1 }),
      changes: does !== "read",
      safeToRepeat: does !== "make",
    });
    const { result, error } = readEnvelope(method, does, told);
    if (error !== undefined) throw new ElementRefusal(method, error.name, error.message ?? "");
    if (answer.check(result)) return answer.parse(result);
    const [fault] = answer.faults(result);
    throw unreadable(does, `the answer to ${method} has another form: ${fault?.path ?? ""} ${fault?.message ?? ""}`);
  }
}

function readEnvelope(method: string, does: ElementCall<unknown>["does"], { status, body }: HttpsAnswer) {
  if (status === NOT_FOUND)
    throw new DriverError("not-done", "the cluster does not speak version 8.0 of the API", {
      code: "E_BACKEND_NOT_OPEN",
    });
  const value = parseJson(body);
  if (!envelope.check(value) || (value.result === undefined && value.error === undefined))
    throw unreadable(does, `the cluster answered ${method} with status ${status} and no JSON-RPC`);
  return value;
}

/** What cannot be read was perhaps done. */
function unreadable(does: ElementCall<unknown>["does"], message: string): DriverError {
  return does === "read" ? new DriverError("unknown", message) : new AnswerLost(message);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
