import type { Static } from "typebox";
import type { FailoverVolume } from "../../api/operator/failover-schemas.ts";
import type { FailoverAnswer } from "../answers.ts";
import { command } from "../command.ts";
import { confirmed, YES } from "../confirm.ts";
import { failure } from "../failure.ts";
import type { Output } from "../output/output.ts";
import { stateTone } from "../output/style.ts";
import type { Column } from "../output/table.ts";
import { backend as findBackend } from "../resolve.ts";
import type { Session } from "../session.ts";
import { waitFor } from "../wait.ts";
import { showHistory } from "./history.ts";

const ID = { type: "string", demandOption: true, describe: "Id or name" } as const;
const WAIT_MS = 600_000;
type Answer = Static<typeof FailoverAnswer>;

const COLUMNS: readonly Column<FailoverVolume>[] = [
  { title: "volume", whole: true, cell: ({ id }) => id },
  { title: "name", cell: ({ name }) => name },
  { title: "status", cell: ({ status }) => ({ text: status, tone: stateTone(status) }) },
  { title: "replication", cell: ({ replicationStatus }) => replicationStatus ?? "none" },
  { title: "stands on", cell: ({ aside }) => (aside === null ? "" : `${aside.side}, was ${aside.status}`) },
  { title: "why", wrap: true, cell: ({ error }) => error ?? "" },
];

const failover = command({
  usage: "failover <id>",
  summary: "Go over to a replication target, or back; without --to: how it stands, and what each volume became",
  examples: [
    ["backend failover 1 --to dr --yes", "Its replicated volumes are served from there; waits until it is done"],
    ["backend failover 1 --to default --yes", "Back to its own side"],
    ["backend failover 1", "What each volume became"],
  ],
  build: (yargs) =>
    yargs
      .positional("id", ID)
      .option("to", { type: "string", requiresArg: true, describe: "A target's name, or default" })
      .option("no-wait", { type: "boolean", describe: "Only ask for it" })
      .option("yes", YES),
  run: async ({ id, to, noWait, yes }, session) => {
    const { client } = session;
    const backend = await findBackend(session, id);
    const path = client.operatorPath("backends", String(backend.id), "failover");
    if (to === undefined) return show(session, await client.get(path, (a) => a.FailoverAnswer));
    const question = `Backend ${backend.id} (${backend.name}) has ${backend.volumes} volumes. Go over to ${to}?`;
    if (!(await confirmed(session, question, yes === true))) return;
    const begun = await client.ask("POST", path, { to }, (a) => a.FailoverAnswer);
    show(session, noWait ? begun : await untilOver(session, path, backend.id));
  },
});

async function untilOver(session: Session, path: string, id: number): Promise<Answer> {
  const over = await waitFor<Answer>(session, {
    what: `failover of backend ${id}`,
    later: `berth backend failover ${id}`,
    timeoutMs: WAIT_MS,
    look: async () => {
      const answer = await session.client.get(path, (a) => a.FailoverAnswer);
      const settled = answer.failover === null || answer.failover.overdue;
      return { state: answer.failover?.phase ?? "over", ...(settled ? { settled: { value: answer } } : {}) };
    },
  });
  if (over.failover === null) return over;
  throw failure("E_DEADLINE", over.lastError?.message ?? `${over.failover.to} has not taken over yet`, {
    next: `It goes on. Look later with \`berth backend failover ${id}\`, or ask it back: --to default.`,
  });
}

function show({ output }: Session, answer: Answer): void {
  output.result({ json: answer, ids: [answer.backend.id], text: () => text(output, answer) });
}

function text(output: Output, answer: Answer): string {
  const { backend, side, targets, failover: passing, frozen, lastError, usable, aside, volumes } = answer;
  const fields = output.fields([
    ["backend", `${backend.id} (${backend.name})`],
    ["side", side],
    ["targets", targets.length === 0 ? "none" : targets.join(", ")],
    ["failing over", passing === null ? null : `to ${passing.to}: ${passing.phase}`],
    ["frozen", frozen === null ? null : `by ${frozen.by}${frozen.reason === "" ? "" : `: ${frozen.reason}`}`],
    ["last error", lastError?.message ?? null],
    ["volumes", `${usable} usable here, ${aside} put aside`],
  ]);
  return volumes.length === 0 ? fields : `${fields}\n${output.table(COLUMNS, volumes)}`;
}

const freeze = command({
  usage: "freeze <id>",
  summary: "Make, change and remove nothing on it; hosts are let in and out, and reports go on",
  examples: [['backend freeze 1 --reason "firmware update"', "Refusals say so"]],
  build: (yargs) => yargs.positional("id", ID).option("reason", { type: "string", requiresArg: true, describe: "Why" }),
  run: ({ id, reason }, session) => post(session, id, "freeze", reason === undefined ? {} : { reason }),
});

const thaw = command({
  usage: "thaw <id>",
  summary: "After `freeze`",
  examples: [["backend thaw 1", "All is done there again"]],
  build: (yargs) => yargs.positional("id", ID),
  run: ({ id }, session) => post(session, id, "thaw", {}),
});

async function post(session: Session, id: string, word: string, body: object): Promise<void> {
  const { client } = session;
  const path = client.operatorPath("backends", String((await findBackend(session, id)).id), word);
  show(session, await client.ask("POST", path, body, (a) => a.FailoverAnswer));
}

const history = command({
  usage: "history <id>",
  summary: "Failovers, freezes and thaws: who, when, how long, what came of it",
  examples: [["backend history 1", "Oldest first"]],
  build: (yargs) => yargs.positional("id", ID),
  run: async ({ id }, session) => showHistory(session, "backends", String((await findBackend(session, id)).id)),
});

export const commands = [failover, freeze, thaw, history];
