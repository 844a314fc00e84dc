import { command } from "../command.ts";
import { confirmed, YES } from "../confirm.ts";
import { failure, usageFailure } from "../failure.ts";
import type { Cell } from "../output/table.ts";
import { typeable, volumeId } from "../resolve.ts";
import type { Session } from "../session.ts";
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
      .option("multipath", { type: "boolean", describe: "The host uses several paths" })
      .option("read-only", { type: "boolean", describe: "The host may not write, whoever else may" }),
  run: async (args, session) => {
    const { client } = session;
    const id = await volumeId(session, args.volume);
    const mode = args["read-only"] === true ? { mode: "ro" } : {};
    const connector = { ...connectorOf(session, args), multipath: args.multipath === true, ...mode };
    const body = { "os-initialize_connection": { connector } };
    const path = client.volumesPath("volumes", id, "action");
    const { connection_info: info } = await client.ask("POST", path, body, (a) => a.ConnectionAnswer);
    showConnection(session, { volumeId: id }, info);
    session.output.remark(
      `Next: attach it there; later berth volume disconnect ${typeable({ id, name: args.volume })}`,
    );
  },
});

/** What a host needs to attach, the secret with it. */
export function showConnection(
  { output }: Session,
  what: Readonly<Record<string, string>>,
  info: { readonly driver_volume_type: string; readonly data: Readonly<Record<string, unknown>> },
): void {
  output.result({
    json: { ...what, driverVolumeType: info.driver_volume_type, data: info.data },
    ids: Object.values(what),
    text: () => output.fields([["type", info.driver_volume_type], ...Object.entries(info.data).map(dataField)]),
  });
}

/** The host that is named; if none is, this machine. */
export function connectorOf({ terminal }: Session, named: NamedHost) {
  return {
    host: named.host ?? (isNamed(named) ? null : terminal.hostname),
    ip: named.ip ?? null,
    initiator: named.initiator ?? null,
    multipath: false,
  };
}

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
    ["volume disconnect data --force --yes", "The host is dead, or the backend does not answer"],
  ],
  build: (yargs) =>
    yargs
      .positional("volume", VOLUME)
      .option("initiator", { type: "string", requiresArg: true, describe: "The host's iSCSI name (IQN)" })
      .option("ip", { type: "string", requiresArg: true, describe: "The host's address" })
      .option("host", { type: "string", requiresArg: true, describe: "The host's name" })
      .option("all", { type: "boolean", describe: "All hosts" })
      .option("force", {
        type: "boolean",
        describe: "Do not wait for the backend: the volume is free at once, and the host is shut out when it can be",
      })
      .option("yes", YES),
  run: async (args, session) => {
    const { client } = session;
    const named = isNamed(args);
    if (named && args.all) throw usageFailure("either one host or --all can be meant, not both");
    const volume = await readVolume(session, await volumeId(session, args.volume));
    if (!named && !args.all) refuseSeveral(volume);
    const connector = named
      ? { host: args.host ?? null, ip: args.ip ?? null, initiator: args.initiator ?? null, multipath: false }
      : null;
    if (args.force) {
      const question =
        "Whoever has it attached may go on writing until its backend has shut them out. Is no machine using it any more?";
      if (!(await confirmed(session, question, args.yes === true))) return;
      await client.tell("POST", client.operatorPath("volumes", volume.id, "disconnect"), { connector, force: true });
    } else
      await client.tell("POST", client.volumesPath("volumes", volume.id, "action"), {
        "os-terminate_connection": { connector },
      });
    showVolume(session, await readVolume(session, volume.id));
  },
});

export interface NamedHost {
  readonly initiator: string | undefined;
  readonly ip: string | undefined;
  readonly host: string | undefined;
}

export function isNamed({ initiator, ip, host }: NamedHost): boolean {
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
