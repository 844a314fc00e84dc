import type { Static } from "typebox";
import type { TransferAnswer } from "../answers.ts";
import { command } from "../command.ts";
import type { Column } from "../output/table.ts";
import { volumeId } from "../resolve.ts";
import type { Session } from "../session.ts";
import { instantText } from "../views.ts";
import { VOLUME } from "./wait-options.ts";

type Transfer = Static<typeof TransferAnswer>["transfer"];

const TRANSFER = { type: "string", demandOption: true, describe: "Id" } as const;
const COLUMNS: readonly Column<Transfer>[] = [
  { title: "id", whole: true, cell: ({ id }) => id },
  { title: "name", cell: ({ name }) => ({ text: name, tone: "strong" }) },
  { title: "volume", whole: true, cell: ({ volume_id }) => volume_id },
  { title: "created", cell: ({ created_at }) => (created_at === undefined ? "-" : instantText(created_at)) },
];

const create = command({
  usage: "create <volume>",
  summary: "Offer a volume, with its snapshots, to another project; prints the key that accepts it, once",
  examples: [
    ["transfer create data", "By name; an id will do as well"],
    ["transfer create data --name for-accounting", "With a name, for people"],
  ],
  build: (yargs) =>
    yargs
      .positional("volume", VOLUME)
      .option("name", { type: "string", requiresArg: true, describe: "Name, for people" }),
  run: async ({ volume, name }, session) => {
    const { client, output } = session;
    const body = { transfer: { volume_id: await volumeId(session, volume), name: name ?? null } };
    const { transfer } = await client.ask(
      "POST",
      client.volumesPath("os-volume-transfer"),
      body,
      (a) => a.TransferAnswer,
    );
    show(session, transfer);
    output.remark(`Next: berth transfer accept ${transfer.id} ${transfer.auth_key ?? "KEY"} --project PROJECT`);
  },
});

const list = command({
  usage: "list",
  summary: "The project's offers that nobody has accepted yet",
  examples: [["transfer list", "All of this project"]],
  build: (yargs) => yargs,
  run: async (_args, { client, output }) => {
    const path = client.volumesPath("os-volume-transfer", "detail");
    const { transfers } = await client.get(path, (a) => a.TransferPage);
    output.result({
      json: { transfers },
      ids: transfers.map(({ id }) => id),
      text: () => (transfers.length === 0 ? "" : output.table(COLUMNS, transfers)),
    });
    if (transfers.length === 0) output.remark("Nothing is offered. Next: berth transfer create VOLUME");
  },
});

const accept = command({
  usage: "accept <transfer> <key>",
  summary: "Take an offered volume into this project, within its quota",
  examples: [
    [
      "transfer accept 7a0f9f2e-7d3c-4f0e-9a39-0c3c6a5b1d11 8c1e21f6a2b0d9e4 --project accounting",
      "With the key told by whoever offers it",
    ],
  ],
  build: (yargs) =>
    yargs
      .positional("transfer", TRANSFER)
      .positional("key", { type: "string", demandOption: true, describe: "As `transfer create` printed it" }),
  run: async ({ transfer, key }, session) => {
    const { client } = session;
    const path = client.volumesPath("os-volume-transfer", transfer, "accept");
    const body = { accept: { auth_key: key } };
    show(session, (await client.ask("POST", path, body, (a) => a.TransferAnswer)).transfer);
  },
});

const remove = command({
  usage: "delete <transfer>",
  aliases: ["remove"],
  summary: "Take an offer back; the volume can be used again",
  examples: [["transfer delete 7a0f9f2e-7d3c-4f0e-9a39-0c3c6a5b1d11", "By id"]],
  build: (yargs) => yargs.positional("transfer", TRANSFER),
  run: async ({ transfer }, { client, output }) => {
    await client.tell("DELETE", client.volumesPath("os-volume-transfer", transfer));
    output.result({
      json: { deleted: transfer },
      ids: [transfer],
      text: () => `Transfer ${transfer} is taken back.\n`,
    });
  },
});

function show({ output }: Session, transfer: Transfer): void {
  output.result({
    json: { transfer },
    ids: [transfer.id],
    text: () =>
      output.fields([
        ["id", transfer.id],
        ["name", transfer.name === "" ? null : transfer.name],
        ["volume", transfer.volume_id],
        ["key", transfer.auth_key ?? null],
      ]),
  });
}

export const commands = [create, list, accept, remove];
