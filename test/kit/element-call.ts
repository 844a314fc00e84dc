import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { text } from "node:stream/consumers";
import type { ReadyLine } from "#test/simulators/kit/simulator.ts";
import { isObject } from "#test/simulators/solidfire/parameters.ts";

export interface ElementReply {
  readonly status: number;
  readonly body: string;
}

/** One request as any client sends it, with the cluster's certificate checked against what the ready line says. */
export async function elementPost(
  { ready }: { readonly ready: ReadyLine },
  path: string,
  body: string,
  auth?: string,
): Promise<ElementReply> {
  const { login, password } = ready.credentials;
  const ca = await readFile(String(ready.details.certificateFile));
  const url = new URL(path, ready.address);
  const sent = request(url, { method: "POST", ca, auth: auth ?? `${login}:${password}`, agent: false });
  const answered = once(sent, "response");
  sent.end(body);
  const [response]: IncomingMessage[] = await answered;
  if (response === undefined) throw new Error("there was no response");
  return { status: response.statusCode ?? 0, body: await text(response) };
}

/** The result of a call. Throws the name of the error it was refused with. */
export async function elementCall(
  simulator: { readonly ready: ReadyLine },
  method: string,
  params: object = {},
  version = "11.8",
): Promise<Record<string, unknown>> {
  const { body } = await elementPost(simulator, `/json-rpc/${version}`, JSON.stringify({ method, params }));
  const answer: unknown = JSON.parse(body);
  if (!isObject(answer)) throw new Error("the answer is no object");
  if (isObject(answer.error)) throw new Error(String(answer.error.name));
  return isObject(answer.result) ? { ...answer.result } : {};
}
