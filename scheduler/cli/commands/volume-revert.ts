import { command } from "../command.ts";
import { parseSeconds } from "../key-value.ts";
import { snapshotId, volumeId } from "../resolve.ts";
import { readVolume, showVolume, waitForVolume } from "../volumes.ts";
import { TIMEOUT, VOLUME, WAIT } from "./wait-options.ts";

export const revert = command({
  usage: "revert <volume> <snapshot>",
  summary: "Go back to the volume's newest snapshot; what was written since is lost",
  examples: [
    ["volume revert data before-upgrade", "The volume must not be connected; the snapshot stays"],
    ["volume revert data before-upgrade --wait", "Come back when it is done"],
  ],
  build: (yargs) =>
    yargs
      .positional("volume", VOLUME)
      .positional("snapshot", { type: "string", demandOption: true, describe: "Id or name" })
      .option("wait", WAIT)
      .option("timeout", TIMEOUT),
  run: async (args, session) => {
    const { client, output } = session;
    const timeoutMs = parseSeconds(args.timeout, "--timeout");
    const id = await volumeId(session, args.volume);
    const body = { revert: { snapshot_id: await snapshotId(session, args.snapshot) } };
    await client.tell("POST", client.volumesPath("volumes", id, "action"), body);
    const volume = await readVolume(session, id);
    showVolume(session, args.wait ? await waitForVolume(session, volume, timeoutMs) : volume);
    if (!args.wait) output.remark(`Next: berth volume show ${id}`);
  },
});
