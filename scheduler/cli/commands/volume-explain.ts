import type { ResetNote } from "#shared/model/volume.ts";
import { command } from "../command.ts";
import { roundText } from "../output/placement-text.ts";
import { stateTone } from "../output/style.ts";
import { volumeId } from "../resolve.ts";
import { instantText } from "../views.ts";
import { nextAfterRefusal } from "./volume-create.ts";
import { VOLUME } from "./wait-options.ts";

export const explain = command({
  usage: "explain <volume>",
  summary: "Why is it there, or nowhere? Each backend that was looked at, with the numbers of that moment",
  examples: [
    ["volume explain data", "By name; an id will do as well"],
    ["volume create --size 10 --dry-run", "The same for a request not made yet"],
  ],
  build: (yargs) => yargs.positional("volume", VOLUME),
  run: async ({ volume }, session) => {
    const { client, output } = session;
    const path = client.operatorPath("volumes", await volumeId(session, volume), "placement");
    const answer = await client.get(path, (a) => a.PlacementAnswer, { query: { project: client.project } });
    output.result({
      json: answer,
      ids: answer.backend === null ? [] : [answer.backend.id],
      text: () =>
        output.fields([
          ["volume", answer.volumeId],
          ["name", answer.name === "" ? null : { text: answer.name, tone: "strong" }],
          ["status", { text: answer.status, tone: stateTone(answer.status) }],
          ["flavor", answer.flavor],
          ["backend", answer.backend?.name ?? null],
          ...(answer.lastError === null
            ? []
            : [["last error", { text: lastErrorText(answer.lastError), tone: "bad" }] as const]),
          ...(answer.reset === null ? [] : [["reset", resetText(answer.reset)] as const]),
        ]) + answer.rounds.map((round) => `\n${roundText(output, round)}`).join(""),
    });
    const last = answer.rounds.at(-1);
    if (last === undefined) output.remark("It has not been placed yet.");
    else if (last.chosenBackendId === null) output.remark(`Next: ${nextAfterRefusal(last.verdicts)}`);
    else output.remark(`Next: berth backend show ${last.chosenBackendId}`);
  },
});

function resetText({ from, to, by, reason, atMs }: ResetNote): string {
  return `from ${from} to ${to} by ${by}: ${reason} (${instantText(new Date(atMs).toISOString())})`;
}

function lastErrorText({
  code,
  message,
  atMs,
}: {
  readonly code: string;
  readonly message: string;
  readonly atMs: number;
}): string {
  return `${message} (${code}, ${instantText(new Date(atMs).toISOString())})`;
}
