import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gibToBytes } from "#shared/units.ts";
import { LOOPBACK } from "../kit/ports.ts";
import type { RunningSimulator, SimulatorKind, SimulatorOptions } from "../kit/simulator.ts";
import { Cluster } from "./cluster.ts";
import { LIMITS, type Limits } from "./limits.ts";
import { startElementServer } from "./server.ts";
import { accessGroupView, accountView, groupSnapshotView, snapshotView, volumeView } from "./views.ts";

/** What differs from cluster to cluster. */
export interface SolidFireSettings {
  readonly limits: Partial<Limits>;
  /** So many times its space may be promised. */
  readonly overProvisioning: number;
  /** How long a clone takes to be ready. */
  readonly cloneMs: number;
}

const LOGIN = "admin";
const PORTAL_WITHOUT_TGT = `${LOOPBACK}:3260`;

export function solidFireSimulator(settings: Partial<SolidFireSettings> = {}): SimulatorKind {
  return {
    name: "solidfire",
    title: "SolidFire cluster (NetApp Element), JSON-RPC over HTTPS",
    faults: [
      { name: "error", title: "the call is refused with the error named by `value` (xDBVersionMismatch, …)" },
      { name: "error-status", title: "API errors come with the HTTP status `value`, and not with 200" },
      { name: "http-status", title: "a page of HTML with the HTTP status `value` comes before the API is asked" },
      { name: "bad-answer", title: "`value`: truncated, html, no-message, both, wrong-id or extra" },
      { name: "reset-in-body", title: "done, and the connection is cut in the middle of the answer" },
      {
        name: "failover",
        title: "the management address refuses connections for delayMs (2000), then all is as before",
      },
      { name: "stale-list", title: "lists lack volumes that are younger than delayMs (3000)" },
      { name: "slow-clone", title: "a clone takes delayMs (60000) to be ready" },
      { name: "clone-fails", title: "a clone fails at its end, and its volume is gone" },
      { name: "clone-busy", title: "a volume that is being cloned to cannot be modified yet (xNotReadyForIO)" },
      { name: "full-stage", title: "the cluster is as full as stage `value`: at 4 no copies, at 5 nothing more" },
      { name: "no-blocks", title: "the counts of blocks are 0, as those of a new cluster" },
      { name: "purge-soon", title: "deleted volumes are purged delayMs (0) after, and not 8 hours" },
      { name: "iqn-partial", title: "IQNs are told without their prefix, as by the first API" },
      { name: "svip", title: "the storage address is `value`" },
    ],
    start: (options) => start(options, settings),
  };
}

export const simulator = solidFireSimulator();

async function start(options: SimulatorOptions, settings: Partial<SolidFireSettings>): Promise<RunningSimulator> {
  const { dataFolder, capacityGib, iscsi, desk } = options;
  const cluster = await Cluster.open({
    dataFolder,
    capacityBytes: gibToBytes(capacityGib),
    overProvisioning: settings.overProvisioning ?? 5,
    cloneMs: settings.cloneMs ?? 50,
    limits: { ...LIMITS, ...settings.limits },
    iscsi,
    desk,
  });
  const { password } = cluster.state;
  const server = await startElementServer(cluster, { port: options.port, login: LOGIN, password });
  const passwordFile = join(dataFolder, "password");
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  const portal = iscsi?.portal ?? PORTAL_WITHOUT_TGT;
  return {
    ready: {
      name: "solidfire",
      address: `${server.url}/json-rpc/8.0/`,
      credentials: { login: LOGIN, password },
      backend: {
        driver: "solidfire",
        parameters: {
          san_ip: LOOPBACK,
          san_api_port: server.port,
          san_login: LOGIN,
          san_password: `file:${passwordFile}`,
          san_certificate_fingerprint: server.certificate?.fingerprint ?? "",
          sf_svip: portal,
        },
      },
      details: {
        portal,
        certificateFile: server.certificate?.certificateFile ?? "",
        fingerprint: server.certificate?.fingerprint ?? "",
      },
    },
    faults: desk.faults,
    objects: () => objectsOf(cluster),
    close: async () => await server[Symbol.asyncDispose](),
  };
}

function objectsOf(cluster: Cluster) {
  const { accounts, volumes, snapshots, groupSnapshots, accessGroups } = cluster.state;
  return {
    accounts: accounts.map((one) => accountView(cluster, one)),
    volumes: volumes.map((one) => volumeView(cluster, one)),
    snapshots: snapshots.map((one) => snapshotView(cluster, one)),
    groupSnapshots: groupSnapshots.map((one) => groupSnapshotView(cluster, one)),
    volumeAccessGroups: accessGroups.map((one) => accessGroupView(cluster, one)),
  };
}
