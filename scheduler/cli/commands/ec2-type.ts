import type { Ec2TypeList } from "#scheduler/api/operator/ec2-schemas.ts";
import { command } from "../command.ts";
import type { Column } from "../output/table.ts";
import type { Session } from "../session.ts";

type Meaning = Ec2TypeList["ec2Types"][number];

const TYPE = {
  type: "string",
  demandOption: true,
  describe: "A volume type, as EC2 clients name it (gp3, io2, …)",
} as const;

const COLUMNS: readonly Column<Meaning>[] = [
  { title: "volume type", cell: ({ type }) => ({ text: type, tone: "strong" }) },
  { title: "flavor", cell: ({ flavor }) => flavor },
];

function show({ output }: Session, { ec2Types }: Ec2TypeList): void {
  output.result({
    json: { ec2Types },
    ids: ec2Types.map(({ type }) => type),
    text: () => (ec2Types.length === 0 ? "" : output.table(COLUMNS, ec2Types)),
  });
}

const list = command({
  usage: "list",
  summary: "Which flavors EC2's volume types mean; a flavor's own name always means that flavor",
  examples: [["ec2-type list", "What is not listed means the project's default flavor"]],
  build: (yargs) => yargs,
  run: async (_args, session) => {
    const types = await session.client.get(session.client.operatorPath("ec2-types"), (a) => a.Ec2TypeList);
    if (types.ec2Types.length === 0)
      session.output.remark("EC2's types mean the default flavor. Next: berth ec2-type set gp3 FLAVOR");
    show(session, types);
  },
});

const set = command({
  usage: "set <type> <flavor>",
  summary: "Say which flavor a volume type of EC2's means from now on",
  examples: [
    ["ec2-type set gp3 gold", "aws ec2 create-volume --volume-type gp3 makes a volume of flavor gold"],
    ["ec2-type set gp2 silver", "Also for requests that name no type: EC2's default is gp2"],
  ],
  build: (yargs) =>
    yargs.positional("type", TYPE).positional("flavor", { type: "string", demandOption: true, describe: "Name or id" }),
  run: async ({ type, flavor }, session) => {
    const path = session.client.operatorPath("ec2-types", type);
    show(session, await session.client.ask("PUT", path, { flavor }, (a) => a.Ec2TypeList));
  },
});

const unset = command({
  usage: "unset <type>",
  summary: "Take that away: it means the project's default flavor again",
  examples: [["ec2-type unset gp3", "Volumes that were made of it stay what they are"]],
  build: (yargs) => yargs.positional("type", TYPE),
  run: async ({ type }, { client, output }) => {
    await client.tell("DELETE", client.operatorPath("ec2-types", type));
    output.result({ json: { unset: type }, ids: [type], text: () => `${type} means the default flavor again.\n` });
  },
});

export const commands = [list, set, unset];
