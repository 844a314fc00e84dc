import { command } from "../command.ts";
import { usageFailure } from "../failure.ts";
import { parseSeconds } from "../key-value.ts";
import { BANDWIDTH, bandwidthOf, MOVE_TIMEOUT, showMoved } from "../moves.ts";
import { volumeId } from "../resolve.ts";
import { readVolume, showVolume } from "../volumes.ts";
import { VOLUME, WAIT } from "./wait-options.ts";

export const migrate = command({
  usage: "migrate <volume>",
  summary: "Move a volume that is not connected to another backend or zone of its flavor",
  examples: [
    ["volume migrate data --to south-file --wait", "To one backend, by id or name; shows how far it is"],
    ["volume migrate data --zone south --bandwidth 50", "To the first of its flavor's backends there that has room"],
  ],
  build: (yargs) =>
    yargs
      .positional("volume", VOLUME)
      .option("to", { type: "string", requiresArg: true, describe: "The backend, by id or name" })
      .option("zone", { type: "string", requiresArg: true, describe: "Or the zone" })
      .option("bandwidth", BANDWIDTH)
      .option("copy", { type: "boolean", describe: "Copy, even where the storage system could move it by itself" })
      .option("wait", WAIT)
      .option("timeout", MOVE_TIMEOUT),
  run: async (args, session) => {
    const { client } = session;
    const { to, zone, copy = false, wait = false } = args;
    if ((to === undefined) === (zone === undefined)) throw usageFailure("give --to or --zone, one of the two");
    const timeoutMs = parseSeconds(args.timeout, "--timeout");
    const body = {
      ...(to === undefined ? { zone } : { backend: to }),
      ...bandwidthOf(args.bandwidth),
      forceCopy: copy,
    };
    const id = await volumeId(session, args.volume);
    const path = client.operatorPath("volumes", id, "migrate");
    await showMoved(session, await client.ask("POST", path, body, (a) => a.MoveAnswer), { wait, timeoutMs });
  },
});

export const retype = command({
  usage: "retype <volume> <flavor>",
  summary: "Make a volume one of another flavor: where it is, or (if allowed) by moving it",
  examples: [
    ["volume retype data silver", "If its backend has the flavor; else it says what would be needed"],
    ["volume retype data silver --policy on-demand --wait", "Else it is moved to a backend that has it"],
  ],
  build: (yargs) =>
    yargs
      .positional("volume", VOLUME)
      .positional("flavor", { type: "string", demandOption: true, describe: "Name or id" })
      .option("policy", {
        choices: ["never", "on-demand"] as const,
        default: "never" as const,
        requiresArg: true,
        describe: "May it be moved?",
      })
      .option("bandwidth", BANDWIDTH)
      .option("wait", WAIT)
      .option("timeout", MOVE_TIMEOUT),
  run: async (args, session) => {
    const { client } = session;
    const { flavor, policy, wait = false } = args;
    const timeoutMs = parseSeconds(args.timeout, "--timeout");
    const body = { flavor, policy, ...bandwidthOf(args.bandwidth) };
    const id = await volumeId(session, args.volume);
    const path = client.operatorPath("volumes", id, "retype");
    await showMoved(session, await client.ask("POST", path, body, (a) => a.MoveAnswer), { wait, timeoutMs });
  },
});

export const cancel = command({
  usage: "cancel <volume>",
  summary: "Call back a move that is under way: the volume stays where and what it was",
  examples: [["volume cancel data", "What was copied already is removed"]],
  build: (yargs) => yargs.positional("volume", VOLUME),
  run: async ({ volume }, session) => {
    const { client } = session;
    const id = await volumeId(session, volume);
    await client.ask("POST", client.operatorPath("volumes", id, "cancel"), {}, (a) => a.MoveAnswer);
    showVolume(session, await readVolume(session, id));
  },
});
