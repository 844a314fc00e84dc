import type { QosView } from "#scheduler/api/operator/schemas.ts";
import { command } from "../command.ts";
import { usageFailure } from "../failure.ts";
import { parseKeyValues } from "../key-value.ts";
import type { Column } from "../output/table.ts";
import type { Session } from "../session.ts";

const NAME = { type: "string", demandOption: true, describe: "Name or id" } as const;
const CONSUMER = {
  choices: ["front-end", "back-end", "both"] as const,
  describe: "Who keeps them: the host that attaches, the storage system, or each of the two",
};
const LIMITS = {
  type: "string",
  array: true,
  describe: "key=value, such as total_iops_sec=500, read_bytes_sec_per_gb=1000000",
} as const;

const COLUMNS: readonly Column<QosView>[] = [
  { title: "name", cell: ({ name }) => ({ text: name, tone: "strong" }) },
  { title: "kept by", cell: ({ consumer }) => consumer },
  { title: "limits", wrap: true, cell: limitsText },
  { title: "flavors", wrap: true, cell: ({ flavors }) => flavors.join(", ") },
];

function limitsText({ specs }: QosView): string {
  return Object.entries(specs)
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");
}

function showQos({ output }: Session, qos: QosView): void {
  output.result({
    json: { qos },
    ids: [qos.name],
    text: () =>
      output.fields([
        ["name", qos.name],
        ["id", qos.id],
        ["kept by", qos.consumer],
        ["flavors", qos.flavors.length === 0 ? null : qos.flavors.join(", ")],
        ...Object.entries(qos.specs).map(([key, value]) => [key, value] as const),
      ]),
  });
}

const list = command({
  usage: "list",
  summary: "All QoS, with the flavors that have them",
  examples: [["qos list", "All of them"]],
  build: (yargs) => yargs,
  run: async (_args, { client, output }) => {
    const { qos } = await client.get(client.operatorPath("qos"), (a) => a.QosList);
    if (qos.length === 0) output.remark("There is no QoS yet. Next: berth qos create NAME total_iops_sec=500");
    output.result({
      json: { qos },
      ids: qos.map(({ name }) => name),
      text: () => (qos.length === 0 ? "" : output.table(COLUMNS, qos)),
    });
  },
});

const show = command({
  usage: "show <name>",
  summary: "One QoS",
  examples: [["qos show fast", "Its limits, and whose they are"]],
  build: (yargs) => yargs.positional("name", NAME),
  run: async ({ name }, session) => {
    const { client } = session;
    showQos(session, (await client.get(client.operatorPath("qos", name), (a) => a.QosAnswer)).qos);
  },
});

const create = command({
  usage: "create <name> [limits..]",
  summary: "Declare limits; a flavor gets them by `berth flavor set NAME --qos`",
  examples: [
    ["qos create fast total_iops_sec=5000 total_iops_sec_max=8000", "5000 operations a second, 8000 for a while"],
    ["qos create fair total_iops_sec_per_gb=10 total_iops_sec_per_gb_min=100 --consumer front-end", "By the size"],
  ],
  build: (yargs) =>
    yargs
      .positional("name", NAME)
      .positional("limits", LIMITS)
      .option("consumer", { ...CONSUMER, default: "back-end" }),
  run: async ({ name, limits = [], consumer }, session) => {
    const { client, output } = session;
    const body = { name, consumer, specs: parseKeyValues(limits, "limit") };
    showQos(session, (await client.ask("POST", client.operatorPath("qos"), body, (a) => a.QosAnswer)).qos);
    output.remark(`Next: berth flavor set FLAVOR --qos ${name}`);
  },
});

const set = command({
  usage: "set <name> [limits..]",
  summary: "Change limits: hosts meet them when they connect next, backends when a volume is made or extended",
  examples: [
    ["qos set fast total_iops_sec=6000", "The others stay"],
    ["qos set fast --consumer both", "Kept by hosts and backends"],
  ],
  build: (yargs) => yargs.positional("name", NAME).positional("limits", LIMITS).option("consumer", CONSUMER),
  run: async ({ name, limits = [], consumer }, session) => {
    if (limits.length === 0 && consumer === undefined) throw usageFailure("there is nothing to change");
    const specs = parseKeyValues(limits, "limit");
    await change(session, name, consumer === undefined ? { specs } : { specs, consumer });
  },
});

const unset = command({
  usage: "unset <name> <keys..>",
  summary: "Take limits away",
  examples: [["qos unset fast total_iops_sec_max", "No burst any more"]],
  build: (yargs) =>
    yargs.positional("name", NAME).positional("keys", { type: "string", array: true, demandOption: true }),
  run: ({ name, keys }, session) =>
    change(session, name, { specs: Object.fromEntries(keys.map((key) => [key, null])) }),
});

async function change(session: Session, name: string, body: object): Promise<void> {
  const { client } = session;
  showQos(session, (await client.ask("PATCH", client.operatorPath("qos", name), body, (a) => a.QosAnswer)).qos);
}

const remove = command({
  usage: "delete <name>",
  aliases: ["remove"],
  summary: "Take a QoS out of the catalogue; refused while flavors have it",
  examples: [
    ["qos delete fast", "Refused, with the flavors, or gone"],
    ["qos delete fast --force", "Those flavors have no limits then"],
  ],
  build: (yargs) =>
    yargs.positional("name", NAME).option("force", { type: "boolean", describe: "Also while flavors have it" }),
  run: async ({ name, force }, { client, output }) => {
    const path = client.operatorPath("qos", name);
    await client.tell("DELETE", force ? `${path}?force=true` : path);
    output.result({ json: { deleted: name }, ids: [name], text: () => `QoS ${name} is deleted.\n` });
  },
});

export const commands = [list, show, create, set, unset, remove];
