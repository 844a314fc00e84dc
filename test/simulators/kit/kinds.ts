import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { BerthError } from "#shared/errors.ts";
import type { SimulatorKind } from "./simulator.ts";

const FOLDER = join(import.meta.dirname, "..");
const FILE = "simulator.ts";

/** Each folder beside the kit that has a `simulator.ts`. */
export function simulatorNames(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => existsSync(join(FOLDER, name, FILE)) && name !== "kit")
    .sort();
}

/** @throws BerthError `E_NOT_FOUND` that names those there are */
export async function simulatorKind(name: string): Promise<SimulatorKind> {
  const names = simulatorNames();
  if (!names.includes(name))
    throw new BerthError(
      "E_NOT_FOUND",
      `there is no simulator ${JSON.stringify(name)}; there are: ${names.join(", ")}`,
    );
  const loaded: unknown = await import(pathToFileURL(join(FOLDER, name, FILE)).href);
  if (!hasKind(loaded)) throw new BerthError("E_INTERNAL", `test/simulators/${name}/${FILE} exports no \`simulator\``);
  return loaded.simulator;
}

function hasKind(loaded: unknown): loaded is { readonly simulator: SimulatorKind } {
  if (typeof loaded !== "object" || loaded === null || !("simulator" in loaded)) return false;
  const kind = loaded.simulator;
  return typeof kind === "object" && kind !== null && "start" in kind && typeof kind.start === "function";
}
