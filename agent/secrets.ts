import { readFile } from "node:fs/promises";
import { BerthError } from "#shared/errors.ts";
import { Secret } from "#shared/secret.ts";

/** Resolves a catalogue's secret reference on this host: `file:/path` (its first line) or `env:NAME`. Read anew each time. */
export async function resolveSecret(reference: string): Promise<Secret> {
  const text = (await resolveSecretText(reference)).reveal();
  return new Secret(reference.startsWith("file:") ? (text.split("\n", 1)[0] ?? "") : text);
}

/** The same of what has many lines, as a private key has: the whole file. */
export async function resolveSecretText(reference: string): Promise<Secret> {
  const [kind, ...rest] = reference.split(":");
  const name = rest.join(":");
  if (kind === "env") {
    const value = process.env[name];
    if (value === undefined) throw new BerthError("E_CONFIG", `the secret env:${name} is not set for this agent`);
    return new Secret(value);
  }
  try {
    return new Secret(await readFile(name, "utf8"));
  } catch (cause) {
    throw new BerthError("E_CONFIG", `the secret ${reference} cannot be read on this host`, { cause });
  }
}
