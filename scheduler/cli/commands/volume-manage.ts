import { command } from "../command.ts";
import { parseKeyValues, parseSeconds } from "../key-value.ts";
import { backend as resolveBackend, typeable, volumeId } from "../resolve.ts";
import { volumeView } from "../views.ts";
import { readVolume, showVolume, waitForVolume, waitUntilGone } from "../volumes.ts";
import { TIMEOUT, VOLUME, WAIT } from "./wait-options.ts";

/** An agent looks at it first. */
const DEADLINE_MS = 60_000;

export const manage = command({
  usage: "manage <backend> <reference>",
  summary: "Make a volume of what another made on a backend, with its data; its name there becomes ours",
  examples: [
    ["volume manage nvme-1 old-disk.img --flavor gold --name data --wait", "As `manageable list nvme-1` tells it"],
    ["volume manage 3 old-disk.img --metadata from=kvm7 --bootable", "By the backend's id, of the default flavor"],
  ],
  build: (yargs) =>
    yargs
      .positional("backend", { type: "string", demandOption: true, describe: "Id or name" })
      .positional("reference", { type: "string", demandOption: true, describe: "What it is called there" })
      .option("flavor", { type: "string", requiresArg: true, describe: "Flavor behind which the backend stands" })
      .option("name", { type: "string", requiresArg: true, describe: "Name, for people" })
      .option("description", { type: "string", requiresArg: true, describe: "Description, for people" })
      .option("metadata", { type: "string", array: true, requiresArg: true, describe: "key=value, repeatable" })
      .option("bootable", { type: "boolean", describe: "Machines may boot from it" })
      .option("wait", WAIT)
      .option("timeout", TIMEOUT),
  run: async (args, session) => {
    const { client, output } = session;
    const timeoutMs = parseSeconds(args.timeout, "--timeout");
    const metadata = parseKeyValues(args.metadata ?? [], "--metadata");
    const { id } = await resolveBackend(session, args.backend);
    const body = {
      volume: {
        host: String(id),
        ref: { "source-name": args.reference },
        name: args.name ?? null,
        description: args.description ?? null,
        volume_type: args.flavor ?? null,
        bootable: args.bootable ?? false,
        metadata,
      },
    };
    const path = client.volumesPath("manageable_volumes");
    const { volume } = await client.ask("POST", path, body, (a) => a.VolumeAnswer, { deadlineMs: DEADLINE_MS });
    const begun = volumeView(volume);
    showVolume(session, args.wait ? await waitForVolume(session, begun, timeoutMs) : begun);
    if (!args.wait) output.remark(`Next: berth volume show ${typeable(begun)}`);
  },
});

export const unmanage = command({
  usage: "unmanage <volume>",
  summary: "Let go of a volume: its record goes, its data stay on the backend as unmanaged-ID",
  examples: [
    ["volume unmanage data --wait", "Come back when it is let go of"],
    ["volume unmanage 7a0f9f2e-7d3c-4f0e-9a39-0c3c6a5b1d11", "By id"],
  ],
  build: (yargs) => yargs.positional("volume", VOLUME).option("wait", WAIT).option("timeout", TIMEOUT),
  run: async (args, session) => {
    const { client, output } = session;
    const timeoutMs = parseSeconds(args.timeout, "--timeout");
    const volume = await readVolume(session, await volumeId(session, args.volume));
    await client.tell("POST", client.volumesPath("volumes", volume.id, "action"), { "os-unmanage": {} });
    if (args.wait) await waitUntilGone(session, volume, timeoutMs);
    const reference = `unmanaged-${volume.id}`;
    output.result({
      json: { unmanaged: volume.id, reference },
      ids: [volume.id],
      text: () => `Volume ${volume.id} is ${args.wait ? "" : "being "}let go of, as ${reference}.\n`,
    });
    if (volume.backend !== null) output.remark(`Next: berth manageable list ${volume.backend}`);
  },
});
