import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import { ParameterValue } from "#shared/model/catalogue.ts";
import { parser } from "#shared/schema.ts";

const REQUEST_DEADLINE_MS = 10_000;
const FOLDER = "test/simulators";

/** The line that a simulator prints when it is ready; what is of use here. */
const ReadyLine = Type.Object({
  name: Type.String(),
  address: Type.String(),
  control: Type.String(),
  backend: Type.Object({ driver: Type.String(), parameters: Type.Record(Type.String(), ParameterValue) }),
  zoneSettings: Type.Optional(Type.Record(Type.String(), ParameterValue)),
});
export type ReadyLine = Static<typeof ReadyLine>;
type Parameters = ReadyLine["backend"]["parameters"];
export const readyLine = parser(ReadyLine);

const backends = parser(
  Type.Object({
    backends: Type.Array(Type.Object({ name: Type.String(), parameters: Type.Record(Type.String(), ParameterValue) })),
  }),
);
const parameters = parser(Type.Record(Type.String(), ParameterValue));
const zones = parser(
  Type.Object({
    zones: Type.Array(
      Type.Object({ name: Type.String(), settings: Type.Optional(Type.Record(Type.String(), ParameterValue)) }),
    ),
  }),
);
const flavors = parser(Type.Object({ flavors: Type.Array(Type.Object({ name: Type.String() })) }));
const failure = parser(Type.Object({ error: Type.Object({ message: Type.String() }) }));

/** @throws BerthError `E_BAD_REQUEST` that names those there are */
export function assertSimulators(root: string, wanted: readonly string[]): void {
  const known = readdirSync(join(root, FOLDER)).filter(
    (name) => name !== "kit" && existsSync(join(root, FOLDER, name, "simulator.ts")),
  );
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new BerthError("E_BAD_REQUEST", `there is no simulator "${unknown}"; there are: ${known.join(", ")}`);
}

/** null: the line is another. */
export function parseReadyLine(line: string): ReadyLine | null {
  if (!line.startsWith("{")) return null;
  try {
    const value: unknown = JSON.parse(line);
    return readyLine.check(value) ? value : null;
  } catch {
    return null;
  }
}

/**
 * A flavor of the simulator's name, and in it a backend on it in this zone; what is there already stays as it is.
 * @throws BerthError in the API's words; `E_CONFLICT` when the backend is there and the simulator is now somewhere else
 */
export async function introduce(
  operatorUrl: string,
  zone: string,
  { name, backend, zoneSettings }: ReadyLine,
): Promise<void> {
  if (zoneSettings !== undefined) await setZone(operatorUrl, zone, zoneSettings);
  const backendName = `${zone}-${name}`;
  const known = backends.parse(await call(operatorUrl, "GET", "backends")).backends;
  const there = known.find((one) => one.name === backendName);
  if (there !== undefined) {
    if (isSame(there.parameters, backend.parameters)) return;
    throw new BerthError(
      "E_CONFLICT",
      `the backend ${backendName} is set for another place of the simulator: remove it (berth backend remove ${backendName}) and start again`,
    );
  }
  const inFlavors = flavors.parse(await call(operatorUrl, "GET", "flavors")).flavors;
  if (!inFlavors.some((flavor) => flavor.name === name))
    await call(operatorUrl, "POST", "flavors", { name, description: `On the simulator ${name}` });
  await call(operatorUrl, "POST", "backends", { ...backend, flavor: name, zone, name: backendName });
}

/** What the zone says already is not said anew for another place. */
async function setZone(operatorUrl: string, zone: string, wanted: Parameters): Promise<void> {
  const known = zones.parse(await call(operatorUrl, "GET", "zones")).zones;
  const said = known.find(({ name }) => name === zone)?.settings ?? {};
  const there = Object.fromEntries(Object.keys(wanted).flatMap((name) => (name in said ? [[name, said[name]]] : [])));
  if (Object.keys(there).length === 0) await call(operatorUrl, "PATCH", `zones/${zone}`, { settings: wanted });
  else if (!isSame(parameters.parse(there), wanted))
    throw new BerthError("E_CONFLICT", `the zone ${zone} says already where its system is: see berth zone list --json`);
}

/** References to secrets are told by their kind only. */
function isSame(told: Parameters, wanted: Parameters): boolean {
  const hidden = (value: unknown): boolean => typeof value === "string" && value.endsWith("[hidden]");
  const names = new Set([...Object.keys(told), ...Object.keys(wanted)]);
  return [...names].every((name) => told[name] === wanted[name] || hidden(told[name]));
}

async function call(operatorUrl: string, method: string, path: string, body?: object): Promise<unknown> {
  const answer = await fetch(`${operatorUrl}/${path}`, {
    method,
    signal: AbortSignal.timeout(REQUEST_DEADLINE_MS),
    ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  const said: unknown = await answer.json();
  if (answer.ok) return said;
  const message = failure.check(said) ? said.error.message : `status ${answer.status}`;
  throw new BerthError("E_CONFLICT", message);
}
