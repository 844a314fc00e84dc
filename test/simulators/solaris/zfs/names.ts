import { Refusal } from "./refusal.ts";
import { parentName, type ZfsState } from "./state.ts";

export const MAX_NAME_LENGTH = 255;

/** @throws Refusal why nothing new can be called so */
export function assertNewName(state: ZfsState, name: string, what: string): void {
  if (name.length > MAX_NAME_LENGTH) throw new Refusal(`${what}: name is too long`);
  if (name.includes("@")) throw new Refusal(`${what}: snapshot delimiter '@' is not expected here`);
  for (const part of name.split("/"))
    if (!isNamePart(part))
      throw new Refusal(part === "" ? `${what}: empty component in name` : `${what}: invalid character in name`);
  if (state.datasets[name] !== undefined) throw new Refusal(`${what}: dataset already exists`);
  const parent = parentName(name);
  if (state.datasets[poolOf(name)] === undefined) throw new Refusal(`${what}: no such pool '${poolOf(name)}'`);
  if (parent === null) throw new Refusal(`${what}: missing dataset name`);
  const above = state.datasets[parent];
  if (above === undefined) throw new Refusal(`${what}: parent does not exist`);
  if (above.kind !== "filesystem") throw new Refusal(`${what}: parent is not a filesystem`);
}

export function poolOf(name: string): string {
  return name.split(/[/@]/)[0] ?? "";
}

export function isNamePart(part: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.: -]*$/.test(part);
}
