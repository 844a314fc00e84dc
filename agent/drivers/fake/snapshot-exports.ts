import type { CallContext, SnapshotExports } from "../driver.ts";
import { exportOfSnapshot, snapshotName } from "../names.ts";
import { fakeConnection } from "./connection.ts";
import type { Misbehaviour } from "./misbehaviour.ts";
import type { FakeObjects } from "./objects.ts";

export interface FakeSnapshotExportsOptions {
  readonly objects: FakeObjects;
  readonly misbehaviour: Misbehaviour;
  readonly log: (context: CallContext, call: string, given: object) => void;
}

/** Hosts that read snapshots: nothing is served, but only what is there is. */
export function fakeSnapshotExports({ objects, misbehaviour, log }: FakeSnapshotExportsOptions): SnapshotExports {
  return {
    ensureExport: async (context, snapshot) => {
      log(context, "ensureSnapshotExport", { snapshot });
      await misbehaviour.around(context, "export", snapshot.id, () => objects.sizeOf(snapshotName(snapshot.id)));
    },
    removeExport: async (context, snapshot) => {
      log(context, "removeSnapshotExport", { snapshot });
      await misbehaviour.around(context, "unexport", snapshot.id, () => {});
    },
    initializeConnection: async (context, snapshot, connector, chap) => {
      log(context, "initializeSnapshotConnection", { snapshot, connector });
      return await misbehaviour.around(context, "connect", snapshot.id, () => {
        objects.sizeOf(snapshotName(snapshot.id));
        return fakeConnection(exportOfSnapshot(snapshot.id), connector, chap);
      });
    },
    terminateConnection: async (context, snapshot, connector) => {
      log(context, "terminateSnapshotConnection", { snapshot, connector });
      await misbehaviour.around(context, "disconnect", snapshot.id, () => {});
    },
  };
}
