import type { Static } from "typebox";
import type { DriverView } from "#scheduler/api/operator/schemas.ts";
import { didYouMean } from "#scheduler/catalogue/nearest.ts";
import type { ParametersSchema } from "../answers.ts";
import { command } from "../command.ts";
import { failure } from "../failure.ts";
import type { Column } from "../output/table.ts";
import type { Session } from "../session.ts";

type Parameters = Static<typeof ParametersSchema>;
interface Parameter {
  readonly name: string;
  readonly required: boolean;
  readonly kind: string;
  readonly description: string;
}

const TYPE_COLUMNS: readonly Column<DriverView>[] = [
  { title: "type", cell: ({ name }) => ({ text: name, tone: "strong" }) },
  { title: "built", cell: ({ built }) => ({ text: built ? "yes" : "not yet", tone: built ? "good" : "quiet" }) },
  { title: "what it is", wrap: true, cell: ({ title }) => title },
];

const PARAMETER_COLUMNS: readonly Column<Parameter>[] = [
  { title: "parameter", cell: ({ name }) => ({ text: name, tone: "strong" }) },
  { title: "needed", cell: ({ required }) => (required ? "yes" : "") },
  { title: "value", cell: ({ kind }) => kind },
  { title: "meaning", wrap: true, cell: ({ description }) => description },
];

export const types = command({
  usage: "types [type]",
  summary: "The types of backends, or the parameters of one",
  examples: [
    ["backend types", "All types: built, and known but not built yet"],
    ["backend types file", "What can be given to `backend add … file`"],
  ],
  build: (yargs) => yargs.positional("type", { type: "string" }),
  run: async ({ type }, session) => {
    const { client } = session;
    const { drivers } = await client.get(client.operatorPath("drivers"), (a) => a.DriverList);
    if (type === undefined) listTypes(session, drivers);
    else await showType(session, theType(drivers, type));
  },
});

function listTypes({ output }: Session, drivers: readonly DriverView[]): void {
  output.result({
    json: { drivers },
    ids: drivers.map(({ name }) => name),
    text: () => output.table(TYPE_COLUMNS, drivers),
  });
}

function theType(drivers: readonly DriverView[], name: string): DriverView {
  const found = drivers.find((driver) => driver.name === name);
  if (found !== undefined) return found;
  const names = drivers.map((driver) => driver.name);
  throw failure("E_NOT_FOUND", `no type of backend is named ${JSON.stringify(name)}${didYouMean(name, names)}`, {
    next: "See `berth backend types`.",
  });
}

async function showType({ output }: Session, driver: DriverView): Promise<void> {
  const parameters = driver.built ? await readParameters(driver.parameters) : [];
  output.result({
    json: { driver },
    ids: [driver.name],
    text: () =>
      `${output.heading(driver.name)}${driver.title}\n` +
      (driver.built
        ? `\n${output.table(PARAMETER_COLUMNS, parameters)}\nExample: ${driver.example}\n`
        : "\nKnown, but not built yet.\n"),
  });
}

async function readParameters(schema: unknown): Promise<Parameter[]> {
  const [{ ParametersSchema }, { parser }] = await Promise.all([import("../answers.ts"), import("#shared/schema.ts")]);
  const { properties, required = [] } = parser(ParametersSchema).parse(schema, "the driver's list of parameters");
  return Object.entries(properties)
    .map(([name, property]) => ({
      name,
      required: required.includes(name),
      kind: kindOf(property),
      description: property.description ?? "",
    }))
    .sort((a, b) => Number(b.required) - Number(a.required));
}

function kindOf({ type, secret, anyOf }: Parameters["properties"][string]): string {
  if (secret === true) return "secret";
  if (anyOf !== undefined)
    return anyOf
      .map((choice) => (choice.const === undefined ? (choice.type ?? "any") : String(choice.const)))
      .join(" | ");
  return type ?? "any";
}
