import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DataFiles } from "../kit/data-files.ts";
import { rememberedPort } from "../kit/ports.ts";
import type { RunningSimulator, SimulatorKind, SimulatorOptions } from "../kit/simulator.ts";
import { Database } from "./database.ts";
import { DiskData } from "./disk-data.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { Xapi } from "./method.ts";
import { iqnsOf, lunsOf } from "./plugins.ts";
import { installPool, masterOf } from "./pool.ts";
import { HostServer, hostCertificate } from "./server.ts";
import { list, number, type Row, text } from "./values.ts";
import { Volumes } from "./volumes.ts";

/** Hosts share a port, for HOST_IS_SLAVE names an address alone. */
const ADDRESSES = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];
const CREDENTIALS = { user: "root", password: "simulated-password" };
const TARGET = "192.0.2.20";

export const simulator: SimulatorKind = {
  name: "xenapi",
  title: "A XenServer / XCP-ng pool of three hosts, by XenAPI over XML-RPC and JSON-RPC",
  faults: [
    { name: "session-invalid", title: "the session of the call has expired" },
    { name: "slave", title: "logins are answered HOST_IS_SLAVE with the address `value` (::1)" },
    {
      name: "master-gone",
      title: "the master's address refuses connections from then on; another host leads, all references change",
    },
    { name: "http-500", title: "HTTP 500 with an HTML page" },
    { name: "task-stuck", title: "the Async call's task stays pending" },
    { name: "task-cancelled", title: "somebody cancels the Async call's task" },
    { name: "task-vanished", title: "the task is done and its record is gone" },
    { name: "token-rejected", title: "event.from does not know the token" },
    { name: "events-lost", title: "event.from answers EVENTS_LOST" },
    { name: "sr-full", title: "no space is told as SR_FULL" },
    { name: "nfs-down", title: "NFS cannot be mounted (SR_BACKEND_FAILURE_73)" },
    { name: "no-nfs", title: "there is no NFS service (SR_BACKEND_FAILURE_108)" },
    { name: "chap-refused", title: "iSCSI login is refused (SR_BACKEND_FAILURE_68)" },
    { name: "scan-fails", title: "SR.scan fails (SR_BACKEND_FAILURE_40)" },
    { name: "no-pbds", title: "all hosts have booted: no SR is attached (SR_HAS_NO_PBDS)" },
    { name: "vdi-in-use", title: "VDI.destroy answers VDI_IN_USE" },
    { name: "chain-limit", title: "the chain of snapshots is too long (SR_BACKEND_FAILURE_109)" },
    { name: "sr-forgotten", title: "somebody forgets all SRs" },
    { name: "pbd-unplug-refused", title: "PBD.unplug answers VDI_IN_USE" },
    { name: "plugin-crash", title: "the storage plugin crashes (SR_BACKEND_FAILURE)" },
    { name: "coalesce-stalled", title: "deleted VHDs are not coalesced" },
  ],
  start,
};

async function start({ port, dataFolder, capacityGib, desk }: SimulatorOptions): Promise<RunningSimulator> {
  const database = new Database(dataFolder);
  const volumes = new Volumes(database, capacityGib, () => false);
  let closed = false;
  const later = (work: () => void): void => {
    if (!closed) work();
  };
  const data = new DiskData(await DataFiles.open(dataFolder));
  const xapi: Xapi = { database, data, volumes, desk, capacityGib, addresses: ADDRESSES, later };
  if (database.isEmpty) installPool(xapi);
  const certificate = await hostCertificate(dataFolder);
  const hosts: HostServer[] = [];
  const dispatcher = new Dispatcher(xapi, CREDENTIALS, (gone) => {
    void hosts.find(({ address }) => address === gone)?.close();
  });
  const chosen = await rememberedPort(dataFolder, "xapi", port);
  for (const address of ADDRESSES) {
    const host = new HostServer(address, xapi, certificate, dispatcher);
    hosts.push(host);
    await host.listen(chosen);
  }
  const passwordFile = join(dataFolder, "password");
  await writeFile(passwordFile, `${CREDENTIALS.password}\n`, { mode: 0o600 });
  const master = masterOf(xapi).address;
  const [iqn = ""] = iqnsOf(TARGET);
  return {
    ready: {
      name: "xenapi",
      address: `http://${master}:${chosen}`,
      credentials: { username: CREDENTIALS.user, password: CREDENTIALS.password },
      backend: {
        driver: "nfs",
        parameters: { server: "myserver", serverpath: "/local/scratch/myname" },
      },
      zoneSettings: {
        xenapi_url: `http://${master}:${chosen}`,
        xenapi_user: CREDENTIALS.user,
        xenapi_password: `file:${passwordFile}`,
      },
      details: {
        https: `https://${master}:${chosen}`,
        certificate: join(dataFolder, "host.pem"),
        hosts: ADDRESSES.join(" "),
        iscsiTarget: TARGET,
        iscsiTargetIqn: iqn,
        iscsiScsiId: lunsOf(`target:${iqn}`, capacityGib)[7]?.SCSIid ?? "",
        hbaScsiId: lunsOf("hba:fabric", capacityGib)[7]?.SCSIid ?? "",
        runningVm: [...database.table("VM").values()]
          .map((row) => (row.name_label === "guest-1" ? text(row, "uuid") : ""))
          .join(""),
      },
    },
    faults: desk.faults,
    objects: () => objectsOf(database),
    async close() {
      closed = true;
      database.close();
      await Promise.all(hosts.map((host) => host.close()));
    },
  };
}

/** Records by class, with uuids, as an administrator would look at them. */
function objectsOf(database: Database): unknown {
  const rows = (name: "SR" | "VDI" | "VBD" | "PBD"): Row[] =>
    [...database.table(name)].map(([ref]) => database.record(name, ref));
  return {
    SR: rows("SR").map((row) => ({ ...row, VDIs: list(row, "VDIs").length })),
    PBD: rows("PBD"),
    VDI: rows("VDI").map((row) => ({ ...row, virtual_size: number(row, "virtual_size") })),
    VBD: rows("VBD"),
  };
}
