import { command } from "../command.ts";
import { failure, usageFailure } from "../failure.ts";
import type { Cell } from "../output/table.ts";
import { typeable, volumeId } from "../resolve.ts";
import type { VolumeView } from "../views.ts";
import { readVolume, showVolume } from "../volumes.ts";
import { VOLUME } from "./wait-options.ts";

export const connect = command({
  usage: "connect <volume>",
  summary: "Let a host in, and tell what it needs to attach; again for the same host gives the same",
  examples: [
    ["volume connect data", "This host, by its name"],
    ["volume connect data --initiator iqn.2026-01.test.host:a --ip 10.0.0.5 --host a", "Another host, over iSCSI"],
  ],
  build: (yargs) =>
    yargs
      .positional("volume", VOLUME)
      .option("initiator", { type: "string", requiresArg: true, describe: "The host's iSCSI name (IQN)" })
      .option("ip", { type: "string", requiresArg: true, describe: "The host's address" })
      .option("host", {
        type: "string",
        requiresArg: true,
        describe: "The host's name; if nothing is named, this machine's",
      })
      .option("multipath", { type: "boolean", describe: "The host uses several paths" }),
  run: async (args, session) => {
    const { client, output } = session;
    const id = await volumeId(session, args.volume);
    const connector = {
      host: args.host ?? (isNamed(args) ? null : session.terminal.hostname),
      ip: args.ip ?? null,
      initiator: args.initiator ?? null,
      multipath: args.multipath === true,
    };
    const body = { "os-initialize_connection": { connector } };
    const path = client.volumesPath("volumes", id, "action");
    const { connection_info: info } = await client.ask("POST", path, body, (a) => a.ConnectionAnswer);
    output.result({
      json: { volumeId: id, driverVolumeType: info.driver_volume_type, data: info.data },
      ids: [id],
      text: () => output.fields([["type", info.driver_volume_type], ...Object.entries(info.data).map(dataField)]),
    });
    output.remark(`Next: attach it there; later berth volume disconnect ${typeable({ id, name: args.volume })}`);
  },
});

function dataField([key, value]: [string, unknown]): readonly [string, string | Cell | null] {
  if (value === null) return [key, null];
  return [key, typeof value === "string" ? value : JSON.stringify(value)];
}

export const disconnect = command({
  usage: "disconnect <volume>",
  summary: "Take a host's access away; detach it there first",
  examples: [
    ["volume disconnect data", "The only host that it is connected to"],
    ["volume disconnect data --host a", "One of several"],
    ["volume disconnect data --all", "All of them"],
  ],
  build: (yargs) =>
    yargs
      .positional("volume", VOLUME)
      .option("initiator", { type: "string", requiresArg: true, describe: "The host's iSCSI name (IQN)" })
      .option("ip", { type: "string", requiresArg: true, describe: "The host's address" })
      .option("host", { type: "string", requiresArg: true, describe: "The host's name" })
      .option("all", { type: "boolean", describe: "All hosts" }),
  run: async (args, session) => {
    const { client } = session;
    const named = isNamed(args);
    if (named && args.all) throw usageFailure("either one host or --all can be meant, not both");
    const volume = await readVolume(session, await volumeId(session, args.volume));
    if (!named && !args.all) refuseSeveral(volume);
    const connector = named
      ? { host: args.host ?? null, ip: args.ip ?? null, initiator: args.initiator ?? null, multipath: false }
      : null;
    await client.tell("POST", client.volumesPath("volumes", volume.id, "action"), {
      "os-terminate_connection": { connector },
    });
    showVolume(session, await readVolume(session, volume.id));
  },
});

interface NamedHost {
  readonly initiator: string | undefined;
  readonly ip: string | undefined;
  readonly host: string | undefined;
}

function isNamed({ initiator, ip, host }: NamedHost): boolean {
  return initiator !== undefined || ip !== undefined || host !== undefined;
}

/** Without a word about which host, only what cannot be mistaken is done. */
function refuseSeveral(volume: VolumeView): void {
  if (volume.attachments.length < 2) return;
  const hosts = volume.attachments.map(({ host, id }) => host ?? id);
  throw failure("E_BAD_REQUEST", `the volume is connected to several hosts: ${hosts.join(", ")}`, {
    next: "Name one by --host or --initiator, or give --all.",
    details: { attachments: volume.attachments },
  });
}
