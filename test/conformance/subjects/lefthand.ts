import { Type } from "typebox";
import type { Backend } from "#shared/model/catalogue.ts";
import { parser } from "#shared/schema.ts";
import { cliqOf } from "#test/kit/lefthand.ts";
import { roomySimulator } from "#test/simulators/lefthand/simulator.ts";
import { simulatedSubject } from "../simulated.ts";
import type { CallTable, Subject } from "../subject.ts";

const named = Type.Array(Type.Object({ name: Type.String() }));
const standing = parser(Type.Object({ volumes: named, snapshots: named }));

function subject(
  label: string,
  keepsToCapacity: boolean,
  parameters: Backend["parameters"],
  calls: Partial<CallTable> = {},
): Subject {
  return simulatedSubject({
    label,
    keepsToCapacity,
    promisesSnapshots: false,
    driver: "lefthand",
    kind: roomySimulator,
    lacks: ["group-snapshot", "manage"],
    names(objects) {
      const { volumes, snapshots } = standing.parse(objects);
      return [...volumes, ...snapshots].map(({ name }) => name);
    },
    async plant(ready, name, sizeBytes) {
      await using cliq = cliqOf(ready);
      const size = `size=${sizeBytes / 1024 ** 2}MB`;
      const { exitCode, stdout } = await cliq.run("createVolume", `volumeName=${name}`, "clusterName=Cluster01", size);
      if (exitCode !== 0) throw new Error(`not planted: ${stdout}`);
    },
    parameters: ({ backend }) => ({ ...backend.parameters, description_limit: 4096, ...parameters }),
    expectedCalls: { ...CALLS, ...calls },
  });
}

const CALLS: CallTable = {
  open: { getClusterInfo: 1 },
  measure: { getClusterInfo: 1 },
  list: { getClusterInfo: 1 },
  "create volume": { assignVolumeChap: 1, createVolume: 1, getVolumeInfo: 1 },
  "create volume again": { createVolume: 1, getVolumeInfo: 2 },
  "create snapshot": { createSnapshot: 1 },
  "create volume from snapshot": { assignVolumeChap: 1, cloneSnapshot: 1, getVolumeInfo: 1 },
  "clone volume": {
    ...{ cloneSnapshot: 1, createSnapshot: 1, deleteSnapshot: 1, modifyVolume: 1 },
    ...{ assignVolumeChap: 1, getVolumeInfo: 2 },
  },
  "extend volume": { getVolumeInfo: 1, modifyVolume: 1 },
  connect: { getVolumeInfo: 2 },
  disconnect: { getVolumeInfo: 2, unassignVolume: 1 },
  "write mark": { getVolumeInfo: 1, modifyVolume: 1 },
  "delete snapshot": { deleteSnapshot: 1, getSnapshotInfo: 1 },
  "delete volume": { deleteVolume: 1, getVolumeInfo: 1 },
  "delete volume again": { deleteSnapshot: 1, getVolumeInfo: 1 },
};

export const subjects: readonly Subject[] = [
  subject("lefthand", false, {}),
  subject(
    "lefthand, full provisioning, hosts as servers",
    true,
    { san_thin_provision: false, use_chap_auth: false, replication: 1 },
    {
      "create volume": { createVolume: 1 },
      "create volume again": { createVolume: 1, getVolumeInfo: 1 },
      "clone volume": { cloneSnapshot: 1, createSnapshot: 1, deleteSnapshot: 1, getVolumeInfo: 1, modifyVolume: 1 },
      "create volume from snapshot": { cloneSnapshot: 1, modifyVolume: 1 },
      connect: { assignVolumeToServer: 1, createServer: 1, getServerInfo: 1, getVolumeInfo: 2 },
      disconnect: { getVolumeInfo: 2, unassignVolumeToServer: 1 },
    },
  ),
];
