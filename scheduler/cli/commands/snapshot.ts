import type { Static } from "typebox";
import type { SnapshotPage } from "../answers.ts";
import { command } from "../command.ts";
import { YES } from "../confirm.ts";
import { EXIT_CODES } from "../exit-codes.ts";
import { Failure } from "../failure.ts";
import { parseSeconds } from "../key-value.ts";
import { lastErrorText } from "../last-error.ts";
import { stateTone } from "../output/style.ts";
import type { Column } from "../output/table.ts";
import { REASON, resetObject, TO } from "../reset.ts";
import { snapshotId, typeable, volumeId } from "../resolve.ts";
import type { Session } from "../session.ts";
import { instantText, type SnapshotView, snapshotView } from "../views.ts";
import { isPassing, unlessGone } from "../volumes.ts";
import { waitFor } from "../wait.ts";
import { showHistory } from "./history.ts";
import { connect, disconnect } from "./snapshot-connect.ts";
import { TIMEOUT, VOLUME, WAIT } from "./wait-options.ts";

const PAGE_SIZE = 1000;

const COLUMNS: readonly Column<SnapshotView>[] = [
  { title: "id", whole: true, cell: ({ id }) => id },
  { title: "name", cell: ({ name }) => ({ text: name, tone: "strong" }) },
  { title: "status", whole: true, cell: ({ status }) => ({ text: status, tone: stateTone(status) }) },
  { title: "size", align: "right", cell: ({ sizeGib }) => `${sizeGib} GiB` },
  { title: "volume", whole: true, cell: ({ volumeId: id }) => id },
  { title: "created", cell: ({ createdAt }) => instantText(createdAt) },
];

const SNAPSHOT = { type: "string", demandOption: true, describe: "Id or name" } as const;

async function readSnapshot({ client }: Session, id: string): Promise<SnapshotView> {
  return snapshotView((await client.get(client.volumesPath("snapshots", id), (a) => a.SnapshotAnswer)).snapshot);
}

function showSnapshot({ output }: Session, snapshot: SnapshotView, lastError: string | null = null): void {
  output.result({
    json: { snapshot: { ...snapshot, lastError } },
    ids: [snapshot.id],
    text: () =>
      output.fields([
        ["id", snapshot.id],
        ["name", snapshot.name === "" ? null : { text: snapshot.name, tone: "strong" }],
        ["status", { text: snapshot.status, tone: stateTone(snapshot.status) }],
        ["size", `${snapshot.sizeGib} GiB`],
        ["volume", snapshot.volumeId],
        ["description", snapshot.description === "" ? null : snapshot.description],
        ...(lastError === null ? [] : [["last error", lastError] as const]),
        ["created", instantText(snapshot.createdAt)],
      ]),
  });
}

/** Waits while it is in a passing state; null: it is gone. Throws when it then is in error. */
async function waitForSnapshot(
  session: Session,
  snapshot: SnapshotView,
  timeoutMs: number,
): Promise<SnapshotView | null> {
  const ended = await waitFor<SnapshotView | null>(session, {
    what: `snapshot ${typeable(snapshot)}`,
    later: `berth snapshot show ${snapshot.id}`,
    timeoutMs,
    look: async () => {
      const seen = await unlessGone(readSnapshot(session, snapshot.id));
      if (seen === null) return { state: "deleted", settled: { value: null } };
      return { state: seen.status, ...(isPassing(seen.status) ? {} : { settled: { value: seen } }) };
    },
  });
  if (ended === null || !ended.status.startsWith("error")) return ended;
  const why = (await lastErrorText(session, "snapshots", ended)) ?? "see the agent's log";
  throw new Failure(
    "E_BACKEND_FAILED",
    EXIT_CODES.failed,
    `snapshot ${typeable(ended)} ended in ${ended.status}: ${why}`,
    {
      next: "See the backend's messages in the agent's log; then delete the snapshot or try again.",
      details: { id: ended.id, status: ended.status },
    },
  );
}

const create = command({
  usage: "create <volume>",
  summary: "Keep the state that a volume has now",
  examples: [
    ["snapshot create data --name before-upgrade --wait", "Come back when it is there"],
    ["snapshot create data --force", "Also while the volume is connected"],
  ],
  build: (yargs) =>
    yargs
      .positional("volume", VOLUME)
      .option("name", { type: "string", requiresArg: true, describe: "Name, for people" })
      .option("description", { type: "string", requiresArg: true, describe: "Description, for people" })
      .option("force", { type: "boolean", describe: "Also while the volume is connected" })
      .option("wait", WAIT)
      .option("timeout", TIMEOUT),
  run: async (args, session) => {
    const { client, output } = session;
    const timeoutMs = parseSeconds(args.timeout, "--timeout");
    const body = {
      snapshot: {
        volume_id: await volumeId(session, args.volume),
        name: args.name ?? null,
        description: args.description ?? null,
        force: args.force === true,
      },
    };
    const answer = await client.ask("POST", client.volumesPath("snapshots"), body, (a) => a.SnapshotAnswer);
    const snapshot = snapshotView(answer.snapshot);
    const ended = args.wait ? await waitForSnapshot(session, snapshot, timeoutMs) : snapshot;
    showSnapshot(session, ended ?? snapshot);
    output.remark(`Next: berth volume create --from-snapshot ${typeable(snapshot)}`);
  },
});

const list = command({
  usage: "list",
  summary: "The snapshots of the project, newest first",
  examples: [
    ["snapshot list", "All of this project"],
    ["snapshot list --volume data", "Those of one volume"],
  ],
  build: (yargs) => yargs.option("volume", { type: "string", requiresArg: true, describe: "Only of this volume" }),
  run: async (args, session) => {
    const { output } = session;
    const volume = args.volume === undefined ? undefined : await volumeId(session, args.volume);
    const snapshots = await readPages(session, volume);
    if (snapshots.length === 0) output.remark("There is no such snapshot. Next: berth snapshot create VOLUME");
    output.result({
      json: { snapshots },
      ids: snapshots.map(({ id }) => id),
      text: () => (snapshots.length === 0 ? "" : output.table(COLUMNS, snapshots)),
    });
  },
});

/** The API gives at most 1,000 at once and says whether there are more. */
async function readPages({ client }: Session, ofVolume: string | undefined): Promise<SnapshotView[]> {
  const path = client.volumesPath("snapshots", "detail");
  const found: SnapshotView[] = [];
  for (;;) {
    const query = { volume_id: ofVolume, limit: PAGE_SIZE, marker: found.at(-1)?.id };
    const page: Static<typeof SnapshotPage> = await client.get(path, (a) => a.SnapshotPage, { query });
    found.push(...page.snapshots.map(snapshotView));
    if (page.snapshots.length === 0 || !page.snapshots_links?.some(({ rel }) => rel === "next")) return found;
  }
}

const show = command({
  usage: "show <snapshot>",
  summary: "One snapshot",
  examples: [["snapshot show before-upgrade", "By name; an id will do as well"]],
  build: (yargs) => yargs.positional("snapshot", SNAPSHOT),
  run: async ({ snapshot }, session) => {
    const found = await readSnapshot(session, await snapshotId(session, snapshot));
    showSnapshot(session, found, await lastErrorText(session, "snapshots", found));
  },
});

const remove = command({
  usage: "delete <snapshot>",
  aliases: ["remove"],
  summary: "Delete a snapshot; volumes made from it stay",
  examples: [["snapshot delete before-upgrade --wait", "Come back when it is gone"]],
  build: (yargs) => yargs.positional("snapshot", SNAPSHOT).option("wait", WAIT).option("timeout", TIMEOUT),
  run: async (args, session) => {
    const { client, output } = session;
    const timeoutMs = parseSeconds(args.timeout, "--timeout");
    const snapshot = await readSnapshot(session, await snapshotId(session, args.snapshot));
    await client.tell("DELETE", client.volumesPath("snapshots", snapshot.id));
    if (args.wait) await waitForSnapshot(session, snapshot, timeoutMs);
    output.result({
      json: { deleted: snapshot.id },
      ids: [snapshot.id],
      text: () => `Snapshot ${snapshot.id} is ${args.wait ? "deleted" : "being deleted"}.\n`,
    });
  },
});

const history = command({
  usage: "history <snapshot>",
  summary: "What was done with a snapshot: who, what, when, how long, what came of it",
  examples: [["snapshot history before-upgrade", "By name; an id will do as well"]],
  build: (yargs) => yargs.positional("snapshot", SNAPSHOT),
  run: async ({ snapshot }, session) => showHistory(session, "snapshots", await snapshotId(session, snapshot)),
});

const reset = command({
  usage: "reset <snapshot>",
  summary: "Say what a snapshot's state is, where you know better; refused where the backend says otherwise",
  examples: [
    ['snapshot reset nightly --to error --reason "the disk is broken"', "It is lost: its backend does not hold it"],
    [
      'snapshot reset nightly --to available --reason "restored by hand" --yes',
      "It stands: its backend holds it whole",
    ],
  ],
  build: (yargs) => yargs.positional("snapshot", SNAPSHOT).option("to", TO).option("reason", REASON).option("yes", YES),
  run: async ({ snapshot: wanted, to, reason, yes }, session) => {
    const snapshot = await readSnapshot(session, await snapshotId(session, wanted));
    await resetObject(session, { kind: "snapshot", ...snapshot }, { to, reason, yes: yes === true });
  },
});

export const commands = [create, list, show, connect, disconnect, remove, history, reset];
