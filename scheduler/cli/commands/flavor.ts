import type { FlavorView } from "#scheduler/api/operator/schemas.ts";
import { command, declare } from "../command.ts";
import { failure, usageFailure } from "../failure.ts";
import { parseKeyValues } from "../key-value.ts";
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
        ["default", defaultText(flavor)],
        ["open to", projectsText(flavor)],
        ["QoS", flavor.qos],
        ["encrypted by hosts", encryptionText(flavor)],
        ...Object.entries(flavor.extraSpecs).map(([key, value]) => [key, value] as const),
      ]) +
      (flavor.backends.length === 0
        ? "\nNo backend stands behind it.\n"
        : `\n${output.table(
            MEMBER_COLUMNS,
            flavor.backends.map((member, index) => [index, member] as const),
          )}`),
  });
}

function defaultText({ isDefault, defaultOf }: FlavorView): string {
  const own = defaultOf.length === 0 ? [] : [`of projects ${defaultOf.join(", ")}`];
  return [isDefault ? "yes" : "no", ...own].join(", ");
}

function encryptionText({ encryption }: FlavorView): string | null {
  if (encryption === null) return null;
  const { provider, cipher, keySizeBits } = encryption;
  return [
    provider,
    ...(cipher === null ? [] : [cipher]),
    ...(keySizeBits === null ? [] : [`${keySizeBits} bits`]),
  ].join(", ");
}

function projectsText({ projects }: FlavorView): string {
  if (projects === null) return "all projects";
  return projects.length === 0 ? "no project" : `projects ${projects.join(", ")}`;
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
    ["flavor default silver --project lab", "Only of this project's requests"],
    ["flavor default", "Which is it?"],
  ],
  build: (yargs) =>
    yargs
      .positional("name", { type: "string" })
      .option("none", { type: "boolean", describe: "No default any more" })
      .option("project", { type: "string", requiresArg: true, describe: "Only for this project" }),
  run: async ({ name, none, project }, session) => {
    if (none && name !== undefined) throw usageFailure("either a name or --none can be meant, not both");
    const wanted = none === true ? null : name;
    const now =
      wanted === undefined ? await readDefault(session, project) : await writeDefault(session, wanted, project);
    session.output.result({
      json: { defaultFlavor: now },
      ids: now === null ? [] : [now],
      text: () => {
        const whose = project === undefined ? "" : ` of project ${project}`;
        return now === null ? `There is no default flavor${whose}.\n` : `The default flavor${whose} is ${now}.\n`;
      },
    });
  },
});

async function readDefault({ client }: Session, project: string | undefined): Promise<string | null> {
  const { flavors } = await client.get(client.operatorPath("flavors"), (a) => a.FlavorList);
  const own = flavors.find(({ defaultOf }) => project !== undefined && defaultOf.includes(project));
  return (own ?? flavors.find(({ isDefault }) => isDefault))?.name ?? null;
}

async function writeDefault(
  { client }: Session,
  name: string | null,
  project: string | undefined,
): Promise<string | null> {
  const path = client.operatorPath("default-flavor");
  const body = project === undefined ? { name } : { name, project };
  return (await client.ask("PUT", path, body, (a) => a.DefaultFlavorAnswer)).name;
}

const set = command({
  usage: "set <name> [specs..]",
  summary: "Change what a flavor asks of its backends (extra specs), its QoS, its name",
  examples: [
    ["flavor set gold provisioning:type=thick", "All space is taken when a volume is made"],
    ["flavor set gold provisioning:max_over_subscription_ratio=1.5", "Thin space is promised at most so often"],
    ['flavor set gold "capabilities:compression=<is> True" "vendor_name=<or> Acme <or> Initech"', "Only such backends"],
    ["flavor set gold --qos fast", "Its volumes have these limits"],
    ['flavor set gold --rename platinum --description "even better"', "Volumes keep it under its new name"],
  ],
  build: (yargs) =>
    yargs
      .positional("name", { type: "string", demandOption: true })
      .positional("specs", {
        type: "string",
        array: true,
        describe: "key=value; operators: = == != >= <= s== <in> <all-in> <or> <is>",
      })
      .option("qos", { type: "string", requiresArg: true, describe: "Name of a QoS, see `berth qos list`" })
      .option("rename", { type: "string", requiresArg: true, describe: "A new name" })
      .option("description", { type: "string", requiresArg: true, describe: "A new description" }),
  run: async ({ name, specs = [], qos, rename, description }, session) => {
    const extraSpecs = parseKeyValues(specs, "extra spec");
    if (specs.length === 0 && qos === undefined && rename === undefined && description === undefined)
      throw usageFailure("there is nothing to change");
    await change(session, name, {
      ...(specs.length === 0 ? {} : { extraSpecs }),
      ...(qos === undefined ? {} : { qos }),
      ...(rename === undefined ? {} : { name: rename }),
      ...(description === undefined ? {} : { description }),
    });
  },
});

const unset = command({
  usage: "unset <name> [keys..]",
  summary: "Take extra specs or the QoS from a flavor",
  examples: [
    ["flavor unset gold capabilities:compression", "No longer asked for"],
    ["flavor unset gold --qos", "No limits any more"],
  ],
  build: (yargs) =>
    yargs
      .positional("name", { type: "string", demandOption: true })
      .positional("keys", { type: "string", array: true, describe: "Keys of extra specs" })
      .option("qos", { type: "boolean", describe: "Its QoS" }),
  run: async ({ name, keys = [], qos }, session) => {
    if (keys.length === 0 && !qos) throw usageFailure("there is nothing to take away: name keys, or give --qos");
    const { extraSpecs } = await findFlavor(session, name);
    const stranger = keys.find((key) => !Object.hasOwn(extraSpecs, key));
    if (stranger !== undefined)
      throw failure("E_NOT_FOUND", `flavor ${name} has no extra spec ${JSON.stringify(stranger)}`, {
        next: `See \`berth flavor show ${name}\`.`,
      });
    await change(session, name, {
      ...(keys.length === 0 ? {} : { extraSpecs: Object.fromEntries(keys.map((key) => [key, null])) }),
      ...(qos ? { qos: null } : {}),
    });
  },
});

const access = command({
  usage: "access <name>",
  summary: "Show or change which projects may use a flavor; what they have of it stays",
  examples: [
    ["flavor access gold", "Who may?"],
    ["flavor access gold --private --add lab", "From now on only project lab"],
    ["flavor access gold --remove lab", "Not lab any more"],
    ["flavor access gold --public", "Everybody"],
  ],
  build: (yargs) =>
    yargs
      .positional("name", { type: "string", demandOption: true })
      .option("public", { type: "boolean", describe: "Open to all projects" })
      .option("private", { type: "boolean", describe: "Open only to those that are added" })
      .option("add", { type: "string", array: true, requiresArg: true, describe: "Open to this project, repeatable" })
      .option("remove", { type: "string", array: true, requiresArg: true, describe: "No longer, repeatable" }),
  run: async ({ name, public: open, private: closed, add = [], remove = [] }, session) => {
    if (open && (closed || add.length + remove.length > 0))
      throw usageFailure("--public opens it to all: nothing else goes with it");
    const flavor = await findFlavor(session, name);
    if (!open && !closed && add.length + remove.length === 0) return showFlavor(session, flavor);
    if (!open && !closed && flavor.projects === null)
      throw failure("E_CONFLICT", `flavor ${name} is open to all projects`, {
        next: `Close it first: \`berth flavor access ${name} --private --add PROJECT\`.`,
      });
    const left = (flavor.projects ?? []).filter((project) => !remove.includes(project));
    await change(session, name, { projects: open ? null : [...new Set([...left, ...add])] });
  },
});

async function change(session: Session, name: string, body: object): Promise<void> {
  const { client } = session;
  showFlavor(
    session,
    (await client.ask("PATCH", client.operatorPath("flavors", name), body, (a) => a.FlavorAnswer)).flavor,
  );
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

export const commands = [
  command(flavorList),
  command(flavorCreate),
  show,
  set,
  unset,
  access,
  setDefault,
  order,
  command(flavorDelete),
];
