import { BerthError } from "#shared/errors.ts";

export function refusal(message: string): BerthError {
  return new BerthError("E_BAD_REQUEST", message);
}

/** A value as it came, short: enough to recognise it. */
export function shown(value: unknown): string {
  if (typeof value === "object") return "an object or a list";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
