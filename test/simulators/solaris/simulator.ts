import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Static, Type } from "typebox";
import { parser } from "#shared/schema.ts";
import { gibToBytes } from "#shared/units.ts";
import { DataFiles } from "../kit/data-files.ts";
import type { RunningSimulator, SimulatorKind, SimulatorOptions } from "../kit/simulator.ts";
import { startSshServer } from "../kit/ssh-server.ts";
import { StateFile } from "../kit/state-file.ts";
import { ComstarState, emptyComstar } from "./comstar/state.ts";
import { SOLARIS_FAULTS } from "./faults.ts";
import { Host } from "./host.ts";
import { USERS } from "./users.ts";
import { emptyZfs, newDataset, ZfsState } from "./zfs/state.ts";
import { VolumeData } from "./zfs/volume-data.ts";

const POOL = "rpool";
const BASE = "rpool/berth";
const LOGIN = "berth";
const PASSWORD = "solaris-password";
/** What the driver's documentation delegates. */
export const LEAST_RIGHTS = [
  "clone",
  "create",
  "destroy",
  "mount",
  "promote",
  "refreservation",
  "rename",
  "rollback",
  "snapshot",
  "userprop",
  "volsize",
];

const HostState = Type.Object({
  zfs: ZfsState,
  comstar: ComstarState,
  files: Type.Record(Type.String(), Type.String()),
});
const hostState = parser(HostState, "the state of the simulated host");

/** A Solaris host with ZFS and COMSTAR, by SSH. */
export const simulator: SimulatorKind = {
  name: "solaris",
  title: "Solaris / illumos: ZFS volumes served by COMSTAR, over SSH",
  faults: SOLARIS_FAULTS,
  start,
};

async function start(options: SimulatorOptions): Promise<RunningSimulator> {
  const { dataFolder, capacityGib, iscsi, desk } = options;
  const file = await StateFile.open(join(dataFolder, "host.json"), hostState, newHost());
  const state = file.value;
  const data = new VolumeData(iscsi === null ? null : await DataFiles.open(dataFolder), state.zfs);
  const capacityBytes = gibToBytes(capacityGib);
  const host = new Host({ ...state, data, capacityBytes, desk, targets: iscsi, saved: () => file.saved() });
  await host.settle();
  const server = await startSshServer({
    desk,
    dataFolder,
    port: options.port,
    ident: "Sun_SSH_2.4",
    users: () => USERS.map(({ name }) => ({ name, password: PASSWORD })),
    methodOf,
    run: async (line, session) =>
      await host.run(line, session.user, async () => {
        let text = "";
        for (let next = await session.readLine(); next !== null; next = await session.readLine()) text += `${next}\n`;
        return text;
      }),
    busy: () => ({ stdout: "", stderr: "sh: cannot fork - try again\n", exitCode: 1 }),
  });
  const passwordFile = join(dataFolder, "password");
  await writeFile(passwordFile, PASSWORD, { mode: 0o600 });
  return {
    ready: {
      name: "solaris",
      address: `127.0.0.1:${server.port}`,
      credentials: { user: LOGIN, password: PASSWORD },
      backend: {
        driver: "solaris",
        parameters: {
          san_ip: "127.0.0.1",
          san_ssh_port: server.port,
          san_login: LOGIN,
          san_password: `file:${passwordFile}`,
          san_ssh_host_key: server.hostKeyFingerprint,
          san_zfs_volume_base: BASE,
          ...(iscsi === null ? {} : { san_iscsi_portals: iscsi.portal }),
        },
      },
      details: {
        hostKey: server.hostKey,
        users: USERS.map(({ name }) => name).join(","),
        pool: POOL,
        portal: iscsi?.portal ?? "127.0.0.1:3260",
      },
    },
    faults: desk.faults,
    objects: () => state,
    close: async () => await server[Symbol.asyncDispose](),
  };
}

function newHost(): Static<typeof HostState> {
  const zfs = emptyZfs(POOL);
  zfs.datasets[BASE] = newDataset(zfs, "filesystem", {});
  zfs.delegations.push({ user: LOGIN, dataset: BASE, permissions: [...LEAST_RIGHTS] });
  return { zfs, comstar: emptyComstar(), files: {} };
}

/** `zfs create`: the first of the storage programs in a line, with what it is to do; else the line's first word. */
export function methodOf(line: string): string {
  const bare = line.replace(/["'\\]/g, "");
  const [, program, subcommand] = /\b(zfs|zpool|stmfadm|sbdadm|itadm)\s+([a-z][a-z-]*)/.exec(bare) ?? [];
  if (program !== undefined) return `${program} ${subcommand}`;
  return (
    bare
      .trim()
      .split(/\s+/)
      .find((word) => word !== "pfexec") ?? ""
  ).replace(/^.*\//, "");
}
