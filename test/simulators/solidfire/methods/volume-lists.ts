import type { Cluster } from "../cluster.ts";
import { ElementError } from "../element-error.ts";
import type { Volume } from "../state.ts";
import { timeText, volumeView } from "../views.ts";
import { type Methods, pageFrom } from "./method.ts";

const STALE_MS = 3_000;

export const volumeListMethods: Methods = {
  ListVolumes: {
    since: "8.0",
    run(cluster, parameters, method) {
      const status = parameters.oneOf("volumeStatus", ["creating", "snapshotting", "active", "deleted", "init"]);
      const accounts = parameters.optionalIds("accounts");
      const ids = parameters.optionalIds("volumeIDs");
      const name = parameters.optionalText("volumeName");
      const isPaired = parameters.optionalFlag("isPaired");
      if (ids !== null && (parameters.has("startVolumeID") || parameters.has("limit")))
        throw new ElementError("xInvalidParameter", "volumeIDs cannot be combined with startVolumeID or limit");
      const wanted = seen(cluster, method).filter(
        (volume) =>
          (status === null || volume.status === status) &&
          (accounts === null || accounts.includes(volume.accountId)) &&
          (ids === null || ids.includes(volume.id)) &&
          (name === null || volume.name === name) &&
          isPaired !== true,
      );
      return { volumes: pageFrom(wanted, parameters, "startVolumeID").map((one) => volumeView(cluster, one)) };
    },
  },
  ListActiveVolumes: {
    since: "1.0",
    run(cluster, parameters, method) {
      const active = seen(cluster, method).filter(({ status }) => status === "active");
      return { volumes: pageFrom(active, parameters, "startVolumeID").map((one) => volumeView(cluster, one)) };
    },
  },
  ListDeletedVolumes: {
    since: "1.0",
    run(cluster, parameters, method) {
      const gone = seen(cluster, method).filter(({ status }) => status === "deleted");
      return { volumes: pageFrom(gone, parameters, "startVolumeID").map((one) => volumeView(cluster, one)) };
    },
  },
  ListVolumesForAccount: {
    since: "1.0",
    run(cluster, parameters, method) {
      const { id } = cluster.account(parameters.id("accountID"));
      const theirs = seen(cluster, method).filter(({ accountId, status }) => accountId === id && status !== "init");
      return { volumes: pageFrom(theirs, parameters, "startVolumeID").map((one) => volumeView(cluster, one)) };
    },
  },
  GetVolumeStats: {
    since: "1.0",
    run: (cluster, parameters) => ({ volumeStats: statsOf(cluster, cluster.volume(parameters.id("volumeID"))) }),
  },
  ListVolumeStats: {
    since: "9.0",
    run(cluster, parameters) {
      const ids = parameters.optionalIds("volumeIDs");
      const wanted = cluster.state.volumes.filter(
        ({ id, status }) => status === "active" && (ids?.includes(id) ?? true),
      );
      return { volumeStats: wanted.map((volume) => statsOf(cluster, volume)) };
    },
  },
};

/** For moments a list may lack what was just made. */
function seen({ state, options: { desk } }: Cluster, method: string): readonly Volume[] {
  const stale = desk.faults.take("stale-list", method);
  if (stale === null) return state.volumes;
  const sinceMs = Date.now() - (stale.delayMs ?? STALE_MS);
  return state.volumes.filter(({ createdMs }) => createdMs < sinceMs);
}

function statsOf({ state }: Cluster, volume: Volume) {
  const groups = state.accessGroups.filter(({ volumeIds }) => volumeIds.includes(volume.id)).map(({ id }) => id);
  return {
    volumeID: volume.id,
    accountID: volume.accountId,
    volumeSize: volume.sizeBytes,
    volumeAccessGroups: groups,
    timestamp: timeText(Date.now()),
    ...{ readOps: 0, writeOps: 0, readBytes: 0, writeBytes: 0, actualIOPS: 0, averageIOPSize: 0, burstIOPSCredit: 0 },
    ...{ clientQueueDepth: 0, latencyUSec: 0, readLatencyUSec: 0, writeLatencyUSec: 0, totalLatencyUSec: 0 },
    ...{ nonZeroBlocks: 0, zeroBlocks: Math.ceil(volume.sizeBytes / 4096), unalignedReads: 0, unalignedWrites: 0 },
    ...{ throttle: 0, volumeUtilization: 0 },
  };
}
