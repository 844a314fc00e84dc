import { command } from "../command.ts";
import { YES } from "../confirm.ts";
import { REASON, resetObject, TO } from "../reset.ts";
import { volumeId } from "../resolve.ts";
import { readVolume } from "../volumes.ts";
import { VOLUME } from "./wait-options.ts";

export const reset = command({
  usage: "reset <volume>",
  summary: "Say what a volume's state is, where you know better; refused where the backend says otherwise",
  examples: [
    ['volume reset data --to error --reason "the disk is broken"', "It is lost: no backend holds it"],
    ['volume reset data --to available --reason "restored by hand" --yes', "It stands: a backend holds it whole"],
  ],
  build: (yargs) => yargs.positional("volume", VOLUME).option("to", TO).option("reason", REASON).option("yes", YES),
  run: async ({ volume: wanted, to, reason, yes }, session) => {
    const volume = await readVolume(session, await volumeId(session, wanted));
    await resetObject(session, { kind: "volume", ...volume }, { to, reason, yes: yes === true });
  },
});
