import type { SnapshotStatus } from "#shared/model/snapshot.ts";
import type { Transfer } from "#shared/model/transfer.ts";
import type { VolumeStatus } from "#shared/model/volume.ts";
import { type CoreStand, ON } from "./core-stand.ts";
import { uuid } from "./records.ts";

export const TRANSFER_ID = uuid(0x7f);
export const SNAPSHOT_ID = uuid(0x51);
export const ATTACHMENT_ID = uuid(0xaa);
export const HOST = { host: "h1", ip: null, initiator: null, multipath: false };
export const CHAP = { username: "user", sealedSecret: "sealed" };

/** Brings a ready stand's new object into a state by what users and agents do; its id. A new state does not compile without it. */
export const ENTER_VOLUME: Readonly<Record<VolumeStatus, (stand: CoreStand) => string>> = {
  creating: (stand) => stand.createVolume().id,
  available: (stand) => stand.availableVolume().id,
  attaching: attach,
  "in-use": (stand) => {
    const id = attach(stand);
    stand.finish(ATTACHMENT_ID);
    return id;
  },
  detaching: (stand) => {
    const id = attach(stand);
    stand.finish(ATTACHMENT_ID);
    stand.send("attachment.disconnect", { ...ON(id), connector: null });
    return id;
  },
  extending: extend,
  maintenance: migrate,
  retyping: retype,
  error_extending: (stand) => overdue(stand, extend(stand)),
  deleting: remove,
  error_deleting: (stand) => overdue(stand, remove(stand)),
  "awaiting-transfer": (stand) => {
    const { id } = stand.availableVolume();
    offer(stand, id);
    return id;
  },
  error: (stand) => {
    const { id } = stand.createVolume();
    return overdue(stand, id);
  },
};

export const ENTER_SNAPSHOT: Readonly<Record<SnapshotStatus, (stand: CoreStand) => string>> = {
  creating: snapshot,
  available: (stand) => {
    const id = snapshot(stand);
    stand.finish(id);
    return id;
  },
  deleting: removeSnapshot,
  error: (stand) => overdue(stand, snapshot(stand)),
  error_deleting: (stand) => overdue(stand, removeSnapshot(stand)),
};

/** The operation takes longer than it may. */
function overdue(stand: CoreStand, id: string): string {
  stand.tick(stand.state.settings.operationDeadlineMs);
  for (const { name } of stand.state.catalogue.catalogue.zones) stand.beat(name);
  for (const backend of stand.state.catalogue.catalogue.backends) stand.report(backend.id);
  return id;
}

function attach(stand: CoreStand): string {
  const { id } = stand.availableVolume();
  stand.send("attachment.connect", { ...ON(id), attachmentId: ATTACHMENT_ID, connector: HOST, chap: CHAP });
  return id;
}

function extend(stand: CoreStand): string {
  const { id } = stand.availableVolume();
  stand.send("volume.extend", { ...ON(id), newSizeGib: 2 });
  return id;
}

/** What a move needs that is made outside. */
export const MEANS = { targetId: uuid(0x70), attachmentId: uuid(0xab), chap: CHAP, bandwidthLimitBytesPerS: null };

/** From backend 1, by copying, to the other one of its flavor. */
function migrate(stand: CoreStand): string {
  const { id } = stand.availableVolume();
  stand.send("volume.migrate", { ...ON(id), ...MEANS, to: { backend: "2", zone: null }, forceCopy: false });
  return id;
}

/** From backend 1, by copying, to the one that the other flavor has in the zone. */
function retype(stand: CoreStand): string {
  const { id } = stand.availableVolume();
  stand.send("volume.retype", { ...ON(id), ...MEANS, flavor: "silver", policy: "on-demand" });
  return id;
}

export function offer(stand: CoreStand, volumeId: string): Transfer {
  const keyHash = "ab".repeat(32);
  return stand.send("transfer.create", { ...ON(TRANSFER_ID), volumeId, name: "offer", salt: "salt", keyHash });
}

function remove(stand: CoreStand): string {
  const { id } = stand.availableVolume();
  stand.send("volume.delete", ON(id));
  return id;
}

function snapshot(stand: CoreStand): string {
  const { id: volumeId } = stand.availableVolume();
  const texts = { name: "", description: "", metadata: {} };
  const who = { userId: "u", requestId: "r" };
  stand.send("snapshot.create", { id: SNAPSHOT_ID, scope: null, volumeId, ...texts, ...who, force: false });
  return SNAPSHOT_ID;
}

function removeSnapshot(stand: CoreStand): string {
  const id = snapshot(stand);
  stand.finish(id);
  stand.send("snapshot.delete", ON(id));
  return id;
}
