import { command } from "../command.ts";
import { confirmed, YES } from "../confirm.ts";
import { stateTone } from "../output/style.ts";
import { typeable, volumeId } from "../resolve.ts";
import { readVolume } from "../volumes.ts";
import { VOLUME } from "./wait-options.ts";

/** Backends are listed for it. */
const DEADLINE_MS = 600_000;

export const reset = command({
  usage: "reset <volume>",
  summary: "Say what a volume's state is, where you know better; refused where the backend says otherwise",
  examples: [
    ['volume reset data --to error --reason "the disk is broken"', "It is lost: no backend holds it"],
    ['volume reset data --to available --reason "restored by hand" --yes', "It stands: a backend holds it whole"],
  ],
  build: (yargs) =>
    yargs
      .positional("volume", VOLUME)
      .option("to", {
        choices: ["available", "error"] as const,
        demandOption: true,
        requiresArg: true,
        describe: "What it is",
      })
      .option("reason", {
        type: "string",
        demandOption: true,
        requiresArg: true,
        describe: "Why; kept with the volume, with who said it",
      })
      .option("yes", YES),
  run: async ({ volume: wanted, to, reason, yes }, session) => {
    const { client, output, terminal } = session;
    const volume = await readVolume(session, await volumeId(session, wanted));
    const question = `Volume ${typeable(volume)} is ${volume.status}. Say that it is ${to}, if the backend agrees?`;
    if (!(await confirmed(session, question, yes === true))) return;
    const path = client.operatorPath("volumes", volume.id, "reset");
    const by = `${terminal.env.USER || terminal.env.LOGNAME || "someone"}@${terminal.hostname}`;
    const body = { to, reason, by };
    const answer = await client.ask("POST", path, body, (a) => a.ResetAnswer, { deadlineMs: DEADLINE_MS });
    output.result({
      json: answer,
      ids: [answer.id],
      text: () =>
        output.fields([
          ["id", answer.id],
          ["status", { text: answer.status, tone: stateTone(answer.status) }],
          ["size", `${answer.sizeGib} GiB`],
          ["backend", answer.backend],
          ["reset", `from ${answer.reset.from} by ${answer.reset.by}: ${answer.reset.reason}`],
        ]),
    });
  },
});
