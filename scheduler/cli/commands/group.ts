import type { Static } from "typebox";
import type { GroupPage } from "../answers.ts";
import { command } from "../command.ts";
import { usageFailure } from "../failure.ts";
import { GROUP_KIND, type GroupView, groupView, readGroup, showGroup, waitWhilePassing } from "../groups.ts";
import { parseSeconds } from "../key-value.ts";
import { lastErrorText } from "../last-error.ts";
import { stateTone } from "../output/style.ts";
import type { Column } from "../output/table.ts";
import { TO } from "../reset.ts";
import { groupId, groupSnapshotId, typeable, volumeId } from "../resolve.ts";
import type { Session } from "../session.ts";
import { instantText } from "../views.ts";
import { GROUP, TIMEOUT, WAIT } from "./wait-options.ts";

const PAGE_SIZE = 1000;

const COLUMNS: readonly Column<GroupView>[] = [
  { title: "id", whole: true, cell: ({ id }) => id },
  { title: "name", cell: ({ name }) => ({ text: name, tone: "strong" }) },
  { title: "status", whole: true, cell: ({ status }) => ({ text: status, tone: stateTone(status) }) },
  { title: "volumes", align: "right", cell: ({ volumeIds }) => String(volumeIds.length) },
  { title: "zone", cell: ({ zone }) => zone ?? "-" },
  { title: "created", cell: ({ createdAt }) => instantText(createdAt) },
];

const NAME = { type: "string", requiresArg: true, describe: "Name, for people" } as const;
const DESCRIPTION = { type: "string", requiresArg: true, describe: "Description, for people" } as const;

const create = command({
  usage: "create",
  summary: "Make a group of volumes that can be snapshotted at one instant; empty, or as a copy",
  examples: [
    ["group create --flavor gold --name db", "An empty one, for volumes of flavor gold"],
    ["group create --from-snapshot before-upgrade --wait", "With a copy of each snapshot of a group snapshot"],
    ["group create --from-group db --name db-copy", "With a clone of each volume of a group"],
  ],
  build: (yargs) =>
    yargs
      .option("flavor", { type: "string", array: true, requiresArg: true, describe: "Of the volumes; may be repeated" })
      .option("type", { type: "string", requiresArg: true, describe: "Group type, by id or name; else the default" })
      .option("zone", { type: "string", requiresArg: true, describe: "Where its volumes must be" })
      .option("from-snapshot", { type: "string", requiresArg: true, describe: "A group snapshot to copy" })
      .option("from-group", { type: "string", requiresArg: true, describe: "A group to copy" })
      .option("name", NAME)
      .option("description", DESCRIPTION)
      .option("wait", WAIT)
      .option("timeout", TIMEOUT),
  run: async (args, session) => {
    const { client, output } = session;
    const timeoutMs = parseSeconds(args.timeout, "--timeout");
    const texts = { name: args.name ?? null, description: args.description ?? null };
    const given = [args.flavor, args.fromSnapshot, args.fromGroup].filter((one) => one !== undefined);
    if (given.length !== 1) throw usageFailure("give one of --flavor, --from-snapshot and --from-group");
    const [path, body] =
      args.flavor === undefined
        ? [
            client.volumesPath("groups", "action"),
            {
              "create-from-src": {
                ...texts,
                ...(args.fromSnapshot === undefined
                  ? { source_group_id: await groupId(session, args.fromGroup ?? "") }
                  : { group_snapshot_id: await groupSnapshotId(session, args.fromSnapshot) }),
              },
            },
          ]
        : [
            client.volumesPath("groups"),
            {
              group: {
                ...texts,
                volume_types: args.flavor,
                availability_zone: args.zone ?? null,
                group_type: args.type ?? null,
              },
            },
          ];
    const { group } = await client.ask("POST", path, body, (a) => a.GroupMade);
    const made = args.wait ? await waitWhilePassing(session, GROUP_KIND, group.id, timeoutMs) : null;
    const shown = made ?? (await readGroup(session, group.id));
    showGroup(session, shown);
    output.remark(`Next: berth group update ${typeable(shown)} --add-volume VOLUME`);
  },
});

const list = command({
  usage: "list",
  summary: "The groups of the project, newest first",
  examples: [["group list", "All of this project"]],
  build: (yargs) => yargs,
  run: async (_args, session) => {
    const { output } = session;
    const groups = await readPages(session);
    if (groups.length === 0) output.remark("There is no group. Next: berth group create --flavor FLAVOR");
    output.result({
      json: { groups },
      ids: groups.map(({ id }) => id),
      text: () => (groups.length === 0 ? "" : output.table(COLUMNS, groups)),
    });
  },
});

/** The API gives at most 1,000 at once and says whether there are more. */
async function readPages({ client }: Session): Promise<GroupView[]> {
  const found: GroupView[] = [];
  for (;;) {
    const query = { list_volume: "true", limit: PAGE_SIZE, marker: found.at(-1)?.id };
    const path = client.volumesPath("groups", "detail");
    const page: Static<typeof GroupPage> = await client.get(path, (a) => a.GroupPage, { query });
    found.push(...page.groups.map(groupView));
    if (page.groups.length === 0 || !page.group_links?.some(({ rel }) => rel === "next")) return found;
  }
}

const show = command({
  usage: "show <group>",
  summary: "One group, with its volumes",
  examples: [["group show db", "By name; an id will do as well"]],
  build: (yargs) => yargs.positional("group", GROUP),
  run: async ({ group }, session) => {
    const found = await readGroup(session, await groupId(session, group));
    showGroup(session, found, await lastErrorText(session, "groups", found));
  },
});

const update = command({
  usage: "update <group>",
  summary: "Add volumes to a group, remove volumes from it, rename it",
  examples: [
    ["group update db --add-volume data --add-volume log", "Both, or neither; they must be on one backend"],
    ["group update db --remove-volume log", "The volume stays, by itself"],
  ],
  build: (yargs) =>
    yargs
      .positional("group", GROUP)
      .option("add-volume", { type: "string", array: true, requiresArg: true, describe: "Id or name; may be repeated" })
      .option("remove-volume", { type: "string", array: true, requiresArg: true, describe: "The same, out of it" })
      .option("name", NAME)
      .option("description", DESCRIPTION),
  run: async (args, session) => {
    const { client } = session;
    const id = await groupId(session, args.group);
    const added = await Promise.all((args.addVolume ?? []).map((volume) => volumeId(session, volume)));
    const removed = await Promise.all((args.removeVolume ?? []).map((volume) => volumeId(session, volume)));
    const fields = {
      ...(args.name === undefined ? {} : { name: args.name }),
      ...(args.description === undefined ? {} : { description: args.description }),
      ...(added.length === 0 ? {} : { add_volumes: added.join(",") }),
      ...(removed.length === 0 ? {} : { remove_volumes: removed.join(",") }),
    };
    if (Object.keys(fields).length === 0)
      throw usageFailure("give --add-volume, --remove-volume, --name or --description");
    await client.tell("PUT", client.volumesPath("groups", id), { group: fields });
    showGroup(session, await readGroup(session, id));
  },
});

const remove = command({
  usage: "delete <group>",
  aliases: ["remove"],
  summary: "Delete a group; refused while it has volumes, unless they shall go with it, or group snapshots",
  examples: [
    ["group delete db", "An empty one"],
    ["group delete db --delete-volumes --wait", "With its volumes; come back when all is gone"],
  ],
  build: (yargs) =>
    yargs
      .positional("group", GROUP)
      .option("delete-volumes", { type: "boolean", describe: "Its volumes as well: all, or nothing is deleted" })
      .option("wait", WAIT)
      .option("timeout", TIMEOUT),
  run: async (args, session) => {
    const { client, output } = session;
    const timeoutMs = parseSeconds(args.timeout, "--timeout");
    const id = await groupId(session, args.group);
    const body = { delete: { "delete-volumes": args.deleteVolumes === true } };
    await client.tell("POST", client.volumesPath("groups", id, "action"), body);
    if (args.wait) await waitWhilePassing(session, GROUP_KIND, id, timeoutMs);
    output.result({
      json: { deleted: id },
      ids: [id],
      text: () => `Group ${id} is ${args.wait ? "deleted" : "being deleted"}.\n`,
    });
  },
});

const reset = command({
  usage: "reset <group>",
  summary: "Say that a group is available or in error, where you know better; its volumes have the last word",
  examples: [["group reset db --to available", "After a copy of it failed, and all in it is at rest"]],
  build: (yargs) => yargs.positional("group", GROUP).option("to", TO),
  run: async ({ group, to }, session) => {
    const { client } = session;
    const id = await groupId(session, group);
    await client.tell("POST", client.volumesPath("groups", id, "action"), { reset_status: { status: to } });
    showGroup(session, await readGroup(session, id));
  },
});

export const commands = [create, list, show, update, remove, reset];
