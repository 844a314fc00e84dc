import type { FlavorView } from "#scheduler/api/operator/schemas.ts";
import { command, declare } from "../command.ts";
import { failure, usageFailure } from "../failure.ts";
import type { Column } from "../output/table.ts";
import { backendIn, flavor as findFlavor } from "../resolve.ts";
import type { Session } from "../session.ts";

const COLUMNS: readonly Column<FlavorView>[] = [
  { title: "name", cell: ({ name }) => ({ text: name, tone: "strong" }) },
  { title: "default", cell: ({ isDefault }) => ({ text: isDefault ? "yes" : "", tone: "good" }) },
  { title: "backends in first-fit order", wrap: true, cell: memberNames },
  { title: "description", wrap: true, cell: ({ description }) => description },
];

type Member = FlavorView["backends"][number];

const MEMBER_COLUMNS: readonly Column<readonly [position: number, member: Member]>[] = [
  { title: "order", align: "right", cell: ([position]) => String(position) },
  { title: "id", align: "right", cell: ([, { id }]) => String(id) },
  { title: "backend", cell: ([, { name }]) => ({ text: name, tone: "strong" }) },
  { title: "zone", cell: ([, { zone }]) => zone },
];

function memberNames({ backends }: FlavorView): string {
  return backends.length === 0 ? "(none)" : backends.map(({ name }) => name).join(", ");
}

function showFlavor({ output }: Session, flavor: FlavorView): void {
  output.result({
    json: { flavor },
    ids: [flavor.name],
    text: () =>
      output.fields([
        ["name", flavor.name],
        ["id", flavor.id],
        ["description", flavor.description],
        ["default", flavor.isDefault ? "yes" : "no"],
      ]) +
      (flavor.backends.length === 0
        ? "\nNo backend stands behind it.\n"
        : `\n${output.table(
            MEMBER_COLUMNS,
            flavor.backends.map((member, index) => [index, member] as const),
          )}`),
  });
}

export const flavorList = declare({
  usage: "list",
  summary: "The flavors, with the backends behind each in first-fit order",
  examples: [["flavor list", "All flavors"]],
  build: (yargs) => yargs,
  run: async (_args, { client, output }) => {
    const { flavors } = await client.get(client.operatorPath("flavors"), (a) => a.FlavorList);
    if (flavors.length === 0) output.remark("There is no flavor yet. Next: berth flavor create NAME [DESCRIPTION]");
    output.result({
      json: { flavors },
      ids: flavors.map(({ name }) => name),
      text: () => (flavors.length === 0 ? "" : output.table(COLUMNS, flavors)),
    });
  },
});

export const flavorCreate = declare({
  usage: "create <name> [description]",
  summary: "Declare a flavor: a promise to users; backends are put behind it later",
  examples: [['flavor create gold "Not all that glitters"', "A flavor with a description"]],
  build: (yargs) =>
    yargs
      .positional("name", {
        type: "string",
        demandOption: true,
        describe: "Letters, digits, dots, hyphens, underscores",
      })
      .positional("description", { type: "string", default: "" }),
  run: async ({ name, description }, session) => {
    const { client, output } = session;
    const body = { name, description };
    const { flavor } = await client.ask("POST", client.operatorPath("flavors"), body, (a) => a.FlavorAnswer);
    showFlavor(session, flavor);
    output.remark(`Next: berth backend add ${flavor.name} TYPE key=value…`);
  },
});

export const flavorDelete = declare({
  usage: "delete <name>",
  aliases: ["remove"],
  summary: "Take a flavor out of the catalogue; refused while volumes are of it",
  examples: [["flavor delete gold", "Refused, with what uses it, or gone"]],
  build: (yargs) => yargs.positional("name", { type: "string", demandOption: true }),
  run: async ({ name }, { client, output }) => {
    await client.tell("DELETE", client.operatorPath("flavors", name));
    output.result({ json: { deleted: name }, ids: [name], text: () => `Flavor ${name} is deleted.\n` });
  },
});

const show = command({
  usage: "show <name>",
  summary: "One flavor, with its backends in first-fit order",
  examples: [["flavor show gold", "Who is asked first?"]],
  build: (yargs) => yargs.positional("name", { type: "string", demandOption: true }),
  run: async ({ name }, session) => showFlavor(session, await findFlavor(session, name)),
});

const setDefault = command({
  usage: "default [name]",
  summary: "Show or set the flavor of requests that name none",
  examples: [
    ["flavor default gold", "From now on gold is meant"],
    ["flavor default --none", "Such requests are refused"],
    ["flavor default", "Which is it?"],
  ],
  build: (yargs) =>
    yargs.positional("name", { type: "string" }).option("none", { type: "boolean", describe: "No default any more" }),
  run: async ({ name, none }, session) => {
    if (none && name !== undefined) throw usageFailure("either a name or --none can be meant, not both");
    const wanted = none === true ? null : name;
    const now = wanted === undefined ? await readDefault(session) : await writeDefault(session, wanted);
    session.output.result({
      json: { defaultFlavor: now },
      ids: now === null ? [] : [now],
      text: () => (now === null ? "There is no default flavor.\n" : `The default flavor is ${now}.\n`),
    });
  },
});

async function readDefault({ client }: Session): Promise<string | null> {
  const { flavors } = await client.get(client.operatorPath("flavors"), (a) => a.FlavorList);
  return flavors.find(({ isDefault }) => isDefault)?.name ?? null;
}

async function writeDefault({ client }: Session, name: string | null): Promise<string | null> {
  const path = client.operatorPath("default-flavor");
  return (await client.ask("PUT", path, { name }, (a) => a.DefaultFlavorAnswer)).name;
}

const order = command({
  usage: "order <name> <backends..>",
  summary: "Change the first-fit order: the backends named come first, in this order, the others keep theirs behind",
  examples: [
    ["flavor order gold 3 1 2", "Backend 3 is asked first"],
    ["flavor order gold north-gold-2", "This one first, the rest as before"],
  ],
  build: (yargs) =>
    yargs
      .positional("name", { type: "string", demandOption: true })
      .positional("backends", { type: "string", array: true, demandOption: true, describe: "Ids or names" }),
  run: async ({ name, backends }, session) => {
    const { client } = session;
    const [flavor, all] = await Promise.all([
      findFlavor(session, name),
      client.get(client.operatorPath("backends"), (a) => a.BackendList),
    ]);
    const first = backends.map((word) => backendIn(all.backends, word));
    const stranger = first.find(({ id }) => !flavor.backends.some((member) => member.id === id));
    if (stranger !== undefined)
      throw failure("E_BAD_REQUEST", `backend ${stranger.name} does not stand behind flavor ${flavor.name}`, {
        next: `Put it there with \`berth backend join ${stranger.id} ${flavor.name}\`.`,
      });
    const ids = new Set([...first, ...flavor.backends].map(({ id }) => id));
    const path = client.operatorPath("flavors", flavor.name, "backends");
    showFlavor(session, (await client.ask("PUT", path, { backends: [...ids] }, (a) => a.FlavorAnswer)).flavor);
  },
});

export const commands = [command(flavorList), command(flavorCreate), show, setDefault, order, command(flavorDelete)];
