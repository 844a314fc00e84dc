import type { Snapshot, SnapshotStatus } from "#shared/model/snapshot.ts";
import { encryptionOf } from "../../core/encryption.ts";
import type { State } from "../../core/state.ts";
import type { FilterTable } from "./filters.ts";
import { snapshotIdOf, volumeIdOf } from "./ids.ts";
import { tagSet } from "./tags.ts";
import { instant } from "./volume-view.ts";
import type { XmlFields } from "./xml.ts";

/** One that is being deleted is told to nobody. */
const STATUS: Readonly<Record<SnapshotStatus, "pending" | "completed" | "error">> = {
  creating: "pending",
  available: "completed",
  deleting: "error",
  error: "error",
  error_deleting: "error",
};

export function snapshotItem(state: State, snapshot: Snapshot): XmlFields {
  return {
    snapshotId: snapshotIdOf(snapshot.id),
    volumeId: volumeIdOf(snapshot.volumeId),
    status: STATUS[snapshot.status],
    statusMessage: STATUS[snapshot.status] === "error" ? (snapshot.lastError?.message ?? null) : null,
    startTime: instant(snapshot.createdAtMs),
    progress: progressOf(snapshot),
    ownerId: snapshot.projectId,
    volumeSize: snapshot.sizeGib,
    description: snapshot.description,
    encrypted: isEncrypted(state, snapshot),
    storageTier: "standard",
    tagSet: tagSet(snapshot),
  };
}

/** As its volume is: a host encrypted what is in it. */
function isEncrypted(state: State, { volumeId }: Snapshot): boolean {
  const volume = state.get("volume", volumeId);
  return volume !== undefined && encryptionOf(state, volume) !== undefined;
}

export function snapshotFilters(state: State): FilterTable<Snapshot> {
  return { ...PLAIN_FILTERS, encrypted: (snapshot) => isEncrypted(state, snapshot) };
}

const PLAIN_FILTERS: FilterTable<Snapshot> = {
  description: ({ description }) => description,
  "owner-alias": () => null,
  "owner-id": ({ projectId }) => projectId,
  progress: progressOf,
  "snapshot-id": ({ id }) => snapshotIdOf(id),
  "start-time": ({ createdAtMs }) => instant(createdAtMs),
  status: ({ status }) => STATUS[status],
  "storage-tier": () => "standard",
  "volume-id": ({ volumeId }) => volumeIdOf(volumeId),
  "volume-size": ({ sizeGib }) => sizeGib,
};

function progressOf({ status }: Snapshot): string {
  return status === "available" ? "100%" : "0%";
}
