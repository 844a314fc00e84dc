import { Type } from "typebox";
import { parser } from "#shared/schema.ts";
import { DateTime, Float, Int, type Typed } from "./typed.ts";
import type { WireCall } from "./xml-rpc.ts";

export interface JsonCall extends WireCall {
  readonly id: string | number;
  readonly version: "1.0" | "2.0";
}

/** There are no notifications: `id` must be there. */
const request = parser(
  Type.Object({
    jsonrpc: Type.Optional(Type.String()),
    method: Type.String(),
    params: Type.Array(Type.Unknown()),
    id: Type.Union([Type.String(), Type.Number()]),
  }),
);

/** @throws Error on what is no call */
export function parseJsonCall(body: string): JsonCall {
  const { jsonrpc, method, params, id } = request.parse(JSON.parse(body));
  return { method, params, id, version: jsonrpc === "2.0" ? "2.0" : "1.0" };
}

export function printJsonAnswer(
  { id, version }: JsonCall,
  answer: { readonly value: Typed } | { readonly error: readonly string[] },
): string {
  const result = "value" in answer ? plain(answer.value) : null;
  const error = "error" in answer ? answer.error : null;
  if (version === "1.0") return JSON.stringify({ result, error, id });
  if (error === null) return JSON.stringify({ jsonrpc: "2.0", result, id });
  const [message = "INTERNAL_ERROR", ...data] = error;
  return JSON.stringify({ jsonrpc: "2.0", error: { code: 1, message, data }, id });
}

function plain(value: Typed): unknown {
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (value instanceof Int || value instanceof Float || value instanceof DateTime) return value.value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]));
}
