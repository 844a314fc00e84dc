import type { Static } from "typebox";
import type { GroupSnapshotPage } from "../answers.ts";
import { command } from "../command.ts";
import {
  GROUP_SNAPSHOT_KIND,
  type GroupSnapshotView,
  groupSnapshotView,
  readGroupSnapshot,
  showGroupSnapshot,
  waitWhilePassing,
} from "../groups.ts";
import { parseSeconds } from "../key-value.ts";
import { lastErrorText } from "../last-error.ts";
import { stateTone } from "../output/style.ts";
import type { Column } from "../output/table.ts";
import { groupId, groupSnapshotId, typeable } from "../resolve.ts";
import type { Session } from "../session.ts";
import { instantText } from "../views.ts";
import { GROUP, TIMEOUT, WAIT } from "./wait-options.ts";

const PAGE_SIZE = 1000;
const GROUP_SNAPSHOT = { type: "string", demandOption: true, describe: "Id or name" } as const;

const COLUMNS: readonly Column<GroupSnapshotView>[] = [
  { title: "id", whole: true, cell: ({ id }) => id },
  { title: "name", cell: ({ name }) => ({ text: name, tone: "strong" }) },
  { title: "status", whole: true, cell: ({ status }) => ({ text: status, tone: stateTone(status) }) },
  { title: "group", whole: true, cell: ({ groupId: id }) => id },
  { title: "created", cell: ({ createdAt }) => instantText(createdAt) },
];

const create = command({
  usage: "create <group>",
  summary: "Keep the state that all volumes of a group have at one instant",
  examples: [["group-snapshot create db --name before-upgrade --wait", "Come back when it is there"]],
  build: (yargs) =>
    yargs
      .positional("group", GROUP)
      .option("name", { type: "string", requiresArg: true, describe: "Name, for people" })
      .option("description", { type: "string", requiresArg: true, describe: "Description, for people" })
      .option("wait", WAIT)
      .option("timeout", TIMEOUT),
  run: async (args, session) => {
    const { client, output } = session;
    const timeoutMs = parseSeconds(args.timeout, "--timeout");
    const texts = { name: args.name ?? null, description: args.description ?? null };
    const body = { group_snapshot: { group_id: await groupId(session, args.group), ...texts } };
    const made = await client.ask("POST", client.volumesPath("group_snapshots"), body, (a) => a.GroupSnapshotMade);
    const taken = await readGroupSnapshot(session, made.group_snapshot.id);
    const ended = args.wait ? await waitWhilePassing(session, GROUP_SNAPSHOT_KIND, taken.id, timeoutMs) : taken;
    showGroupSnapshot(session, ended ?? taken);
    output.remark(`Next: berth group create --from-snapshot ${typeable(taken)}`);
  },
});

const list = command({
  usage: "list",
  summary: "The group snapshots of the project, newest first",
  examples: [
    ["group-snapshot list", "All of this project"],
    ["group-snapshot list --group db", "Those of one group"],
  ],
  build: (yargs) => yargs.option("group", { type: "string", requiresArg: true, describe: "Only of this group" }),
  run: async (args, session) => {
    const { output } = session;
    const ofGroup = args.group === undefined ? undefined : await groupId(session, args.group);
    const groupSnapshots = await readPages(session, ofGroup);
    if (groupSnapshots.length === 0)
      output.remark("There is no such group snapshot. Next: berth group-snapshot create GROUP");
    output.result({
      json: { groupSnapshots },
      ids: groupSnapshots.map(({ id }) => id),
      text: () => (groupSnapshots.length === 0 ? "" : output.table(COLUMNS, groupSnapshots)),
    });
  },
});

/** The API gives at most 1,000 at once and says whether there are more. */
async function readPages({ client }: Session, ofGroup: string | undefined): Promise<GroupSnapshotView[]> {
  const found: GroupSnapshotView[] = [];
  for (;;) {
    const query = { group_id: ofGroup, limit: PAGE_SIZE, marker: found.at(-1)?.id };
    const path = client.volumesPath("group_snapshots", "detail");
    const page: Static<typeof GroupSnapshotPage> = await client.get(path, (a) => a.GroupSnapshotPage, { query });
    found.push(...page.group_snapshots.map(groupSnapshotView));
    if (page.group_snapshots.length === 0 || !page.group_snapshot_links?.some(({ rel }) => rel === "next"))
      return found;
  }
}

const show = command({
  usage: "show <snapshot>",
  summary: "One group snapshot",
  examples: [["group-snapshot show before-upgrade", "By name; an id will do as well"]],
  build: (yargs) => yargs.positional("snapshot", GROUP_SNAPSHOT),
  run: async ({ snapshot }, session) => {
    const found = await readGroupSnapshot(session, await groupSnapshotId(session, snapshot));
    showGroupSnapshot(session, found, await lastErrorText(session, "group-snapshots", found));
  },
});

const remove = command({
  usage: "delete <snapshot>",
  aliases: ["remove"],
  summary: "Delete a group snapshot, with all its snapshots; what was made from it stays",
  examples: [["group-snapshot delete before-upgrade --wait", "Come back when it is gone"]],
  build: (yargs) => yargs.positional("snapshot", GROUP_SNAPSHOT).option("wait", WAIT).option("timeout", TIMEOUT),
  run: async (args, session) => {
    const { client, output } = session;
    const timeoutMs = parseSeconds(args.timeout, "--timeout");
    const id = await groupSnapshotId(session, args.snapshot);
    await client.tell("DELETE", client.volumesPath("group_snapshots", id));
    if (args.wait) await waitWhilePassing(session, GROUP_SNAPSHOT_KIND, id, timeoutMs);
    output.result({
      json: { deleted: id },
      ids: [id],
      text: () => `Group snapshot ${id} is ${args.wait ? "deleted" : "being deleted"}.\n`,
    });
  },
});

export const commands = [create, list, show, remove];
