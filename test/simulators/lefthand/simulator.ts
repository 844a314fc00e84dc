import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunningSimulator, SimulatorKind } from "../kit/simulator.ts";
import { startSshServer } from "../kit/ssh-server.ts";
import { Cliq } from "./cliq.ts";
import { FAULTS } from "./faults.ts";
import { Group, type GroupOptions } from "./group.ts";
import { CLUSTER_NAME, iqnOf } from "./state.ts";

const USER = "admin";

/** HP LeftHand (SAN/iQ, LeftHand OS, StoreVirtual): a management group of two nodes with one cluster, by CLIQ over SSH. */
export const simulator: SimulatorKind = {
  name: "lefthand",
  title: "HP LeftHand: CLIQ over SSH",
  faults: FAULTS,
  start: startGroup,
};

/** One whose descriptions hold any mark. What real ones allow, nobody wrote down. */
export const roomySimulator: SimulatorKind = {
  ...simulator,
  start: (options) => startGroup({ ...options, descriptionLimit: 4096 }),
};

async function startGroup(options: GroupOptions): Promise<RunningSimulator> {
  const { desk, dataFolder, port } = options;
  const group = await Group.open(options);
  const cliq = new Cliq(group);
  const passwordFile = join(dataFolder, "password");
  const password = await secretIn(passwordFile);
  const server = await startSshServer({
    desk,
    dataFolder,
    port,
    ident: "OpenSSH_5.3",
    users: () => [{ name: USER, password }],
    methodOf: (line) => cliq.methodOf(line),
    run: (line, session) => cliq.run(line, session),
    busy: (line) => cliq.busy(line),
    prompt: "CLIQ>",
  });
  const { port: iscsiPort } = group.portal.address;
  return {
    faults: desk.faults,
    ready: {
      name: "lefthand",
      address: `127.0.0.1:${server.port}`,
      credentials: { username: USER, password },
      backend: {
        driver: "lefthand",
        parameters: {
          san_ip: "127.0.0.1",
          san_ssh_port: server.port,
          san_login: USER,
          san_password: `file:${passwordFile}`,
          san_ssh_host_key: server.hostKeyFingerprint,
          san_clustername: CLUSTER_NAME,
          iscsi_port: iscsiPort,
        },
      },
      details: { host_key: server.hostKey, portal: `127.0.0.1:${iscsiPort}` },
    },
    objects() {
      const { volumes, snapshots, servers } = group.state;
      return {
        volumes: volumes.map((volume) => ({ ...volume, iscsiIqn: iqnOf(volume) })),
        snapshots: snapshots.map((snapshot) => ({ ...snapshot, iscsiIqn: iqnOf(snapshot) })),
        servers,
      };
    },
    close: async () => await server[Symbol.asyncDispose](),
  };
}

async function secretIn(path: string): Promise<string> {
  const there = await readFile(path, "utf8").catch(() => null);
  if (there !== null) return there.trim();
  const made = randomBytes(9).toString("base64url");
  await writeFile(path, `${made}\n`, { mode: 0o600 });
  return made;
}
