import { command } from "../command.ts";
import { confirmed, YES } from "../confirm.ts";
import { snapshotId, typeable } from "../resolve.ts";
import { connectorOf, isNamed, showConnection } from "./volume-connect.ts";

const SNAPSHOT = { type: "string", demandOption: true, describe: "Id or name" } as const;
const INITIATOR = { type: "string", requiresArg: true, describe: "The host's iSCSI name (IQN)" } as const;
const IP = { type: "string", requiresArg: true, describe: "The host's address" } as const;
const HOST = { type: "string", requiresArg: true, describe: "The host's name" } as const;

export const connect = command({
  usage: "connect <snapshot>",
  summary: "Let a host in to read a snapshot, and tell what it needs to attach",
  examples: [
    ["snapshot connect nightly", "This host, by its name"],
    ["snapshot connect nightly --initiator iqn.2026-01.test.host:a", "Another host, over iSCSI"],
  ],
  build: (yargs) =>
    yargs
      .positional("snapshot", SNAPSHOT)
      .option("initiator", INITIATOR)
      .option("ip", IP)
      .option("host", HOST)
      .option("multipath", { type: "boolean", describe: "The host uses several paths" }),
  run: async (args, session) => {
    const { client } = session;
    const id = await snapshotId(session, args.snapshot);
    const connector = { ...connectorOf(session, args), multipath: args.multipath === true };
    const path = client.operatorPath("snapshots", id, "connect");
    const { connection_info: info } = await client.ask("POST", path, { connector }, (a) => a.ConnectionAnswer);
    showConnection(session, { snapshotId: id }, info);
    session.output.remark(`Later: berth snapshot disconnect ${typeable({ id, name: args.snapshot })}`);
  },
});

export const disconnect = command({
  usage: "disconnect <snapshot>",
  summary: "Take the hosts' access to a snapshot away, or one host's",
  examples: [
    ["snapshot disconnect nightly", "All hosts that read it"],
    ["snapshot disconnect nightly --host a", "One of several"],
    ["snapshot disconnect nightly --force --yes", "The backend does not answer"],
  ],
  build: (yargs) =>
    yargs
      .positional("snapshot", SNAPSHOT)
      .option("initiator", INITIATOR)
      .option("ip", IP)
      .option("host", HOST)
      .option("force", { type: "boolean", describe: "Do not wait for the backend" })
      .option("yes", YES),
  run: async (args, session) => {
    const { client, output } = session;
    const id = await snapshotId(session, args.snapshot);
    const force = args.force === true;
    if (
      force &&
      !(await confirmed(session, "A host may go on reading until its backend answers. Go on?", args.yes === true))
    )
      return;
    const body = { connector: isNamed(args) ? connectorOf(session, args) : null, force };
    await client.tell("POST", client.operatorPath("snapshots", id, "disconnect"), body);
    output.result({ json: { disconnecting: id }, ids: [id], text: () => `Snapshot ${id} is being disconnected.\n` });
  },
});
