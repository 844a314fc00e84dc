import { Type } from "typebox";
import { parser } from "#shared/schema.ts";
import { elementCall } from "#test/kit/element-call.ts";
import { solidFireSimulator } from "#test/simulators/solidfire/simulator.ts";
import { simulatedSubject } from "../simulated.ts";
import type { Subject } from "../subject.ts";

const named = Type.Array(Type.Object({ name: Type.String() }));
const cluster = parser(Type.Object({ volumes: named, snapshots: named, groupSnapshots: named }));

/** Clusters have no volumes below a gigabyte, and promise more than they have; but for that they are as delivered. */
const kind = solidFireSimulator({ overProvisioning: 1, cloneMs: 0, limits: { volumeSizeMin: 1024 ** 2 } });

export const subjects: readonly Subject[] = [
  simulatedSubject({
    label: "solidfire",
    driver: "solidfire",
    kind,
    promisesSnapshots: false,
    snapshotsNeedVolume: true,
    shrinks: false,
    parameters: ({ backend }) => ({ ...backend.parameters, sf_volume_create_timeout: 0.1 }),
    names(objects) {
      const { volumes, snapshots, groupSnapshots } = cluster.parse(objects);
      return [...volumes, ...snapshots, ...groupSnapshots].map(({ name }) => name);
    },
    async plant(ready, name, totalSize) {
      const { accountID } = await elementCall({ ready }, "AddAccount", { username: "somebody" });
      await elementCall({ ready }, "CreateVolume", { name, accountID, totalSize, enable512e: true });
    },
    expectedCalls: {
      open: { GetClusterInfo: 1, GetClusterCapacity: 1, ListVolumes: 1, ListAccounts: 1 },
      measure: { GetClusterCapacity: 1, ListVolumes: 1, ListSnapshots: 1 },
      list: { GetClusterCapacity: 1, ListVolumes: 1, ListSnapshots: 1 },
      "create volume": { ListVolumes: 2, GetAccountByName: 2, AddAccount: 1, CreateVolume: 1 },
      "create volume again": { ListVolumes: 1 },
      "create snapshot": { ListVolumes: 1, ListSnapshots: 1, CreateSnapshot: 1 },
      "create volume from snapshot": {
        ListVolumes: 4,
        ListSnapshots: 1,
        CloneVolume: 1,
        GetAsyncResult: 1,
        GetDefaultQoS: 1,
      },
      "clone volume": { ListVolumes: 4, CloneVolume: 1, GetAsyncResult: 1, GetDefaultQoS: 1 },
      "extend volume": { ListVolumes: 1, ModifyVolume: 1 },
      connect: { ListVolumes: 2, GetAccountByName: 2, AddAccount: 1, ModifyVolume: 1 },
      disconnect: {
        ListVolumes: 2,
        GetAccountByID: 1,
        ModifyAccount: 1,
        ModifyVolume: 1,
        RemoveAccount: 1,
        ListAccounts: 1,
      },
      "write mark": { ListVolumes: 1, ModifyVolume: 1 },
      "delete snapshot": { ListVolumes: 1, ListSnapshots: 1, DeleteSnapshot: 1 },
      "delete volume": { ListVolumes: 1, ListSnapshots: 1, GetAccountByID: 1, DeleteVolume: 1, PurgeDeletedVolume: 1 },
      "delete volume again": { ListVolumes: 2 },
    },
  }),
];
