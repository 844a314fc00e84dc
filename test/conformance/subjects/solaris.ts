import { Type } from "typebox";
import { Credentials } from "#agent/transport/credentials.ts";
import { parser } from "#shared/schema.ts";
import { Secret } from "#shared/secret.ts";
import { callContext, driverTools } from "#test/kit/driver-context.ts";
import type { ReadyLine } from "#test/simulators/kit/simulator.ts";
import { simulator } from "#test/simulators/solaris/simulator.ts";
import { simulatedSubject } from "../simulated.ts";
import type { Subject } from "../subject.ts";

const Named = Type.Record(Type.String(), Type.Unknown());
const objectsOfHost = parser(
  Type.Object({
    zfs: Type.Object({ datasets: Type.Record(Type.String(), Type.Object({ kind: Type.String(), snapshots: Named })) }),
    comstar: Type.Object({ units: Named, views: Named, targets: Named, targetGroups: Named }),
  }),
);

/** Hosts' groups and accounts stay: they are the host's and not a volume's. */
function names(objects: unknown): string[] {
  const { zfs, comstar } = objectsOfHost.parse(objects);
  const volumes = Object.entries(zfs.datasets).filter(([, { kind }]) => kind === "volume");
  return [
    ...volumes.flatMap(([name, { snapshots }]) => [name, ...Object.keys(snapshots).map((one) => `${name}@${one}`)]),
    ...[comstar.units, comstar.views, comstar.targets, comstar.targetGroups].flatMap((all) => Object.keys(all)),
  ];
}

async function plant({ address, credentials, backend }: ReadyLine, name: string, sizeBytes: number): Promise<void> {
  const [host = "", port] = address.split(":");
  const login = { login: "root", password: new Secret(credentials.password ?? ""), privateKey: null };
  const shell = driverTools("/tmp").ssh({
    host,
    port: Number(port),
    credentials: new Credentials(async () => login),
    hostKey: String(backend.parameters.san_ssh_host_key),
    maxConcurrentCalls: 1,
    tries: 1,
  });
  const volume = `${backend.parameters.san_zfs_volume_base}/${name}`;
  await shell.run(callContext(), ["zfs", "create", "-s", "-V", String(sizeBytes), volume], { changes: true });
  shell.close();
}

export const subjects: readonly Subject[] = [
  simulatedSubject({
    label: "solaris, thin",
    driver: "solaris",
    keepsToCapacity: false,
    lacks: ["group-snapshot", "manage"],
    snapshotsNeedVolume: true,
    kind: simulator,
    names,
    plant,
    expectedCalls: {
      // Whether the login may do all that it will have to is found out by doing it.
      open: {
        svcs: 1,
        "zfs get": 2,
        "zfs create": 1,
        "zfs snapshot": 1,
        "zfs clone": 1,
        "zfs set": 3,
        "zfs promote": 1,
        "zfs rollback": 1,
        "zfs rename": 1,
        "zfs destroy": 3,
        "stmfadm create-hg": 1,
        "stmfadm delete-hg": 1,
        "itadm create-initiator": 1,
        "itadm delete-initiator": 1,
      },
      measure: { "zfs get": 2 },
      list: { "zfs list": 1 },
      "create volume": { "zfs create": 1 },
      "create volume again": { "zfs create": 1, "zfs get": 1 },
      "create snapshot": { "zfs get": 1, "zfs snapshot": 1 },
      "create volume from snapshot": { "zfs clone": 1, "zfs get": 1 },
      "clone volume": { "zfs clone": 1, "zfs destroy": 1, "zfs get": 1, "zfs snapshot": 1 },
      "extend volume": { "stmfadm list-lu": 1, "zfs get": 1, "zfs set": 1 },
      // For a host that was never here: five of these are for the host and not for the volume.
      connect: {
        "zfs get": 1,
        "stmfadm create-lu": 1,
        "itadm list-target": 1,
        "stmfadm create-tg": 1,
        "stmfadm add-tg-member": 1,
        "itadm create-target": 1,
        sh: 1,
        "itadm create-initiator": 1,
        "stmfadm list-hg": 2,
        "stmfadm create-hg": 1,
        "stmfadm add-hg-member": 1,
        "stmfadm add-view": 1,
      },
      disconnect: {
        "stmfadm list-view": 1,
        "stmfadm remove-view": 2,
        "stmfadm list-lu": 1,
        "itadm delete-target": 1,
        "stmfadm delete-tg": 1,
        "stmfadm delete-lu": 1,
      },
      "write mark": { "zfs get": 1, "zfs set": 1 },
      "delete snapshot": { "zfs destroy": 1, "zfs get": 1 },
      // Two clones stand upon it: the younger is promoted.
      "delete volume": { "zfs destroy": 1, "zfs get": 4, "zfs list": 1, "zfs promote": 1 },
      "delete volume again": { "zfs get": 2, "zfs list": 1 },
    },
  }),
];
