import type { Static } from "typebox";
import type { VolumePage } from "../answers.ts";
import { command } from "../command.ts";
import { usageFailure } from "../failure.ts";
import { parseSeconds, parseWholeNumber } from "../key-value.ts";
import { lastErrorText } from "../last-error.ts";
import { stateTone } from "../output/style.ts";
import type { Column } from "../output/table.ts";
import { volumeId } from "../resolve.ts";
import type { Session } from "../session.ts";
import { instantText, type VolumeView, volumeView } from "../views.ts";
import { readVolume, showVolume, waitForVolume, waitUntilGone } from "../volumes.ts";
import { showHistory } from "./history.ts";
import { connect, disconnect } from "./volume-connect.ts";
import { create } from "./volume-create.ts";
import { explain } from "./volume-explain.ts";
import { reset } from "./volume-reset.ts";
import { revert } from "./volume-revert.ts";
import { set } from "./volume-set.ts";
import { TIMEOUT, VOLUME, WAIT } from "./wait-options.ts";

const PAGE_SIZE = 1000;

const COLUMNS: readonly Column<VolumeView>[] = [
  { title: "id", whole: true, cell: ({ id }) => id },
  { title: "name", cell: ({ name }) => ({ text: name, tone: "strong" }) },
  { title: "status", whole: true, cell: ({ status }) => ({ text: status, tone: stateTone(status) }) },
  { title: "size", align: "right", cell: ({ sizeGib }) => `${sizeGib} GiB` },
  { title: "flavor", cell: ({ flavor }) => flavor ?? "-" },
  { title: "zone", cell: ({ zone }) => zone ?? "-" },
  { title: "backend", cell: ({ backend }) => backend ?? "-" },
  { title: "created", cell: ({ createdAt }) => instantText(createdAt) },
];
const PROJECT_COLUMN: Column<VolumeView> = { title: "project", cell: ({ project }) => project ?? "-" };

const list = command({
  usage: "list",
  summary: "The volumes of the project, newest first",
  examples: [
    ["volume list", "All of this project"],
    ["volume list --status error --all-projects", "What has failed anywhere"],
    ["volume list --quiet --limit 10", "Ten ids, for a script"],
  ],
  build: (yargs) =>
    yargs
      .option("status", { type: "string", requiresArg: true, describe: "Only in this state" })
      .option("name", { type: "string", requiresArg: true, describe: "Only with exactly this name" })
      .option("zone", { type: "string", requiresArg: true, describe: "Only in this zone" })
      .option("limit", { type: "string", requiresArg: true, describe: "At most so many" })
      .option("all-projects", { type: "boolean", describe: "Of all projects" }),
  run: async (args, session) => {
    const { output } = session;
    const limit = args.limit === undefined ? Number.POSITIVE_INFINITY : parseWholeNumber(args.limit, "--limit");
    if (limit < 1) throw usageFailure("--limit must be at least 1");
    const filters = {
      status: args.status,
      name: args.name,
      availability_zone: args.zone,
      all_tenants: args.allProjects ? 1 : undefined,
    };
    const volumes = await readPages(session, filters, limit);
    if (volumes.length === 0) output.remark("There is no such volume. Next: berth volume create --size GIB");
    const columns = args.allProjects ? [...COLUMNS, PROJECT_COLUMN] : COLUMNS;
    output.result({
      json: { volumes },
      ids: volumes.map(({ id }) => id),
      text: () => (volumes.length === 0 ? "" : output.table(columns, volumes)),
    });
  },
});

/** The API gives at most 1,000 at once and says whether there are more. */
async function readPages(
  { client }: Session,
  filters: Readonly<Record<string, string | number | undefined>>,
  limit: number,
): Promise<VolumeView[]> {
  const volumes: VolumeView[] = [];
  while (volumes.length < limit) {
    const query = { ...filters, limit: Math.min(PAGE_SIZE, limit - volumes.length), marker: volumes.at(-1)?.id };
    const page: Static<typeof VolumePage> = await client.get(
      client.volumesPath("volumes", "detail"),
      (a) => a.VolumePage,
      { query },
    );
    volumes.push(...page.volumes.map(volumeView));
    if (page.volumes.length === 0 || !page.volumes_links?.some(({ rel }) => rel === "next")) break;
  }
  return volumes;
}

const show = command({
  usage: "show <volume>",
  summary: "One volume",
  examples: [["volume show data", "By name; an id will do as well"]],
  build: (yargs) => yargs.positional("volume", VOLUME),
  run: async ({ volume }, session) => {
    const found = await readVolume(session, await volumeId(session, volume));
    showVolume(session, found, await lastErrorText(session, "volumes", found));
    if (found.status.startsWith("error")) session.output.remark(`Next: berth volume explain ${found.id}`);
  },
});

const remove = command({
  usage: "delete <volume>",
  aliases: ["remove"],
  summary: "Delete a volume; refused while it is connected, has snapshots, or is in a group",
  examples: [["volume delete data --wait", "Come back when it is gone"]],
  build: (yargs) => yargs.positional("volume", VOLUME).option("wait", WAIT).option("timeout", TIMEOUT),
  run: async (args, session) => {
    const { client, output } = session;
    const timeoutMs = parseSeconds(args.timeout, "--timeout");
    const volume = await readVolume(session, await volumeId(session, args.volume));
    await client.tell("DELETE", client.volumesPath("volumes", volume.id));
    if (args.wait) await waitUntilGone(session, volume, timeoutMs);
    output.result({
      json: { deleted: volume.id },
      ids: [volume.id],
      text: () => `Volume ${volume.id} is ${args.wait ? "deleted" : "being deleted"}.\n`,
    });
  },
});

const extend = command({
  usage: "extend <volume> [size]",
  summary: "Make a volume larger, also while it is connected",
  examples: [
    ["volume extend data 20", "To 20 GiB in all"],
    ["volume extend data --size 20 --wait", "Come back when it is done"],
  ],
  build: (yargs) =>
    yargs
      .positional("volume", VOLUME)
      .positional("size", { type: "string", describe: "The new size in GiB, or --size" })
      .option("wait", WAIT)
      .option("timeout", TIMEOUT),
  run: async (args, session) => {
    const { client, output } = session;
    if (args.size === undefined) throw usageFailure("the new size is missing");
    const newSize = parseWholeNumber(args.size, "the new size");
    const timeoutMs = parseSeconds(args.timeout, "--timeout");
    const id = await volumeId(session, args.volume);
    await client.tell("POST", client.volumesPath("volumes", id, "action"), { "os-extend": { new_size: newSize } });
    const volume = await readVolume(session, id);
    showVolume(session, args.wait ? await waitForVolume(session, volume, timeoutMs) : volume);
    if (!args.wait) output.remark(`Next: berth volume show ${id}`);
  },
});

const history = command({
  usage: "history <volume>",
  summary: "What was done with a volume: who, what, when, how long, what came of it",
  examples: [
    ["volume history data", "By name; an id will do as well, also of one that was deleted within a week"],
    ["volume history data --json", "For programs"],
  ],
  build: (yargs) => yargs.positional("volume", VOLUME),
  run: async ({ volume }, session) => showHistory(session, "volumes", await volumeId(session, volume)),
});

export const commands = [create, list, show, set, explain, extend, revert, connect, disconnect, remove, reset, history];
