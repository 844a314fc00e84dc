import type { EvacuationAnswer, LeavingVolume, StayingVolume } from "#scheduler/api/operator/evacuation-schemas.ts";
import { command } from "../command.ts";
import { failure } from "../failure.ts";
import { parseSeconds, parseWholeNumber } from "../key-value.ts";
import { BANDWIDTH, bandwidthOf, MOVE_TIMEOUT, moveText } from "../moves.ts";
import type { Output } from "../output/output.ts";
import { stateTone } from "../output/style.ts";
import type { Column } from "../output/table.ts";
import { backend as findBackend } from "../resolve.ts";
import type { Session } from "../session.ts";
import { waitFor } from "../wait.ts";

const ID = { type: "string", demandOption: true, describe: "Id or name" } as const;
const WAIT = { type: "boolean", describe: "Wait until it is empty, or nothing more can leave it" } as const;

export const EVACUATION_OPTIONS = {
  migrate: { type: "boolean", describe: "Move every volume away, to other backends of its flavor in its zone" },
  "at-once": { type: "string", requiresArg: true, describe: "With --migrate: so many at once (2)" },
  bandwidth: BANDWIDTH,
  wait: WAIT,
  timeout: MOVE_TIMEOUT,
} as const;

export interface EvacuationWords {
  readonly atOnce: string | undefined;
  readonly bandwidth: string | undefined;
  readonly wait: boolean | undefined;
  readonly timeout: string;
}

const LEAVING: readonly Column<LeavingVolume>[] = [
  { title: "leaving", whole: true, cell: ({ id }) => id },
  { title: "name", cell: ({ name }) => name },
  { title: "how far", wrap: true, cell: ({ move }) => moveText(move) },
];
const STAYING: readonly Column<StayingVolume>[] = [
  { title: "staying", whole: true, cell: ({ id }) => id },
  { title: "name", cell: ({ name }) => name },
  { title: "status", cell: ({ status }) => ({ text: status, tone: stateTone(status) }) },
  { title: "why", wrap: true, cell: ({ why }) => why },
];

/** Begins it, on a backend that is drained already. */
export async function evacuate(session: Session, backendId: number, words: EvacuationWords): Promise<void> {
  const { client } = session;
  const body = {
    ...(words.atOnce === undefined ? {} : { atOnce: parseWholeNumber(words.atOnce, "--at-once") }),
    ...bandwidthOf(words.bandwidth),
  };
  const path = client.operatorPath("backends", String(backendId), "evacuation");
  await show(session, await client.ask("POST", path, body, (a) => a.EvacuationAnswer), words);
}

export const evacuation = command({
  usage: "evacuation <id>",
  summary: "How far `drain --migrate` is: what has left, what is on its way, and what stays, and why",
  examples: [
    ["backend evacuation 1", "As it is now"],
    ["backend evacuation 1 --wait", "Until it is empty, or nothing more can leave it"],
  ],
  build: (yargs) => yargs.positional("id", ID).option("wait", WAIT).option("timeout", MOVE_TIMEOUT),
  run: async ({ id, wait, timeout }, session) => {
    const { client } = session;
    const path = client.operatorPath("backends", String((await findBackend(session, id)).id), "evacuation");
    await show(session, await client.get(path, (a) => a.EvacuationAnswer), { wait, timeout });
  },
});

async function show(
  session: Session,
  now: EvacuationAnswer,
  { wait, timeout }: Pick<EvacuationWords, "wait" | "timeout">,
): Promise<void> {
  const { output } = session;
  const shown = wait ? await untilOver(session, now.backend.id, parseSeconds(timeout, "--timeout")) : now;
  if (wait && shown.left > 0)
    throw failure("E_CONFLICT", `${countOf(shown.left)} could not be moved away from ${shown.backend.name}`, {
      next: `See \`berth backend evacuation ${shown.backend.id}\`.`,
      details: { moved: shown.evacuation?.moved ?? 0, staying: shown.stayingVolumes },
    });
  output.result({
    json: { evacuation: shown },
    ids: [...shown.leaving, ...shown.stayingVolumes].map(({ id }) => id),
    text: () => text(output, shown),
  });
  if (!wait && shown.evacuation?.endedAt === null)
    output.remark(`It goes on. Next: berth backend evacuation ${shown.backend.id} --wait`);
}

async function untilOver(session: Session, id: number, timeoutMs: number): Promise<EvacuationAnswer> {
  const { client } = session;
  return await waitFor<EvacuationAnswer>(session, {
    what: `backend ${id}`,
    later: `berth backend evacuation ${id}`,
    timeoutMs,
    look: async () => {
      const path = client.operatorPath("backends", String(id), "evacuation");
      const answer = await client.get(path, (a) => a.EvacuationAnswer);
      const { evacuation: last, left, leaving, waiting } = answer;
      const isOver = last === null || last.endedAt !== null || (left > 0 && leaving.length === 0 && waiting === 0);
      const state = `${last?.moved ?? 0} moved, ${leaving.length} leaving, ${waiting} waiting, ${answer.staying} staying`;
      return { state, ...(isOver ? { settled: { value: answer } } : {}) };
    },
  });
}

function text(output: Output, answer: EvacuationAnswer): string {
  const { backend, admission, evacuation: last, left, leaving, waiting, staying, stayingVolumes } = answer;
  const fields = output.fields([
    ["backend", `${backend.id} (${backend.name}), ${admission}`],
    ["evacuation", last === null ? "never asked for" : last.endedAt === null ? "goes on" : `ended ${last.endedAt}`],
    ["moved", last === null ? null : String(last.moved)],
    ["left", `${left}: ${leaving.length} leaving, ${waiting} waiting, ${staying} staying`],
  ]);
  const tables = [
    ...(leaving.length === 0 ? [] : [output.table(LEAVING, leaving)]),
    ...(stayingVolumes.length === 0 ? [] : [output.table(STAYING, stayingVolumes)]),
  ];
  return [fields, ...tables].join("\n");
}

function countOf(volumes: number): string {
  return `${volumes} ${volumes === 1 ? "volume" : "volumes"}`;
}
