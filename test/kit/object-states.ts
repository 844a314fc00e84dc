import type { AttachmentStatus } from "#shared/model/attachment.ts";
import type { GroupSnapshotStatus, GroupStatus } from "#shared/model/group.ts";
import type { SnapshotStatus } from "#shared/model/snapshot.ts";
import type { Transfer } from "#shared/model/transfer.ts";
import type { VolumeStatus } from "#shared/model/volume.ts";
import { gibToBytes } from "#shared/units.ts";
import { CHAP, type CoreStand, ON } from "./core-stand.ts";
import { uuid } from "./records.ts";

export const TRANSFER_ID = uuid(0x7f);
export const SNAPSHOT_ID = uuid(0x51);
export const MANAGED_ID = uuid(0x3a);
export const ATTACHMENT_ID = uuid(0xaa);
export const HOST = { host: "h1", ip: null, initiator: null, multipath: false };

/** Brings a ready stand's new object into a state by what users and agents do; its id. A new state does not compile without it. */
export const ENTER_VOLUME: Readonly<Record<VolumeStatus, (stand: CoreStand) => string>> = {
  creating: (stand) => stand.createVolume().id,
  available: (stand) => stand.availableVolume().id,
  reserved: (stand) => {
    const { id } = stand.availableVolume();
    reserve(stand, id);
    return id;
  },
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
  reverting: revert,
  error_reverting: (stand) => overdue(stand, revert(stand)),
  deleting: remove,
  error_deleting: (stand) => overdue(stand, remove(stand)),
  "awaiting-transfer": (stand) => {
    const { id } = stand.availableVolume();
    offer(stand, id);
    return id;
  },
  managing: manage,
  error_managing: (stand) => overdue(stand, manage(stand)),
  unmanaging: unmanage,
  error_unmanaging: (stand) => overdue(stand, unmanage(stand)),
  error: (stand) => {
    const { id } = stand.createVolume();
    return overdue(stand, id);
  },
};

/** The states of an attachment to an available volume, by what users and agents do; its id. */
export const ENTER_ATTACHMENT: Readonly<Record<AttachmentStatus, (stand: CoreStand) => string>> = {
  reserved: (stand) => reserve(stand, stand.availableVolume().id),
  announced: (stand) => reserve(stand, stand.availableVolume().id, true),
  attaching: attachment,
  error_attaching: (stand) => {
    const reservationId = reserve(stand, stand.availableVolume().id);
    const { volumeId: id } = stand.attachment(reservationId);
    const asked = { attachmentId: ATTACHMENT_ID, connector: HOST, chap: CHAP, reservationId };
    stand.send("attachment.connect", { ...ON(id), ...asked });
    stand.finish(reservationId, "not-done");
    return reservationId;
  },
  connected: (stand) => {
    const reservationId = reserve(stand, stand.availableVolume().id);
    const { volumeId: id } = stand.attachment(reservationId);
    stand.send("attachment.connect", {
      ...ON(id),
      attachmentId: ATTACHMENT_ID,
      connector: HOST,
      chap: CHAP,
      reservationId,
    });
    stand.finish(reservationId);
    return reservationId;
  },
  attached,
  leaving: (stand) => {
    const id = attached(stand);
    stand.send("volume.announce", { ...ON(stand.attachment(id).volumeId), what: "begin detaching" });
    return id;
  },
  detaching: (stand) => {
    const id = attached(stand);
    stand.send("attachment.detach", { ...ON(id), force: false });
    return id;
  },
  error_detaching: (stand) => {
    const id = attached(stand);
    stand.send("attachment.detach", { ...ON(id), force: false });
    return overdue(stand, id);
  },
  evicting: (stand) => {
    const id = attached(stand);
    stand.send("attachment.detach", { ...ON(id), force: true });
    return id;
  },
};

function attachment(stand: CoreStand): string {
  attach(stand);
  return ATTACHMENT_ID;
}

function attached(stand: CoreStand): string {
  attach(stand);
  stand.finish(ATTACHMENT_ID);
  return ATTACHMENT_ID;
}

function reserve(stand: CoreStand, volumeId: string, announced = false): string {
  const given = { attachmentId: ATTACHMENT_ID, access: "rw", instanceId: null, mountpoint: null, announced } as const;
  return stand.send("attachment.reserve", { ...ON(volumeId), ...given }).id;
}

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

export const ENTER_GROUP: Readonly<Record<GroupStatus, (stand: CoreStand) => string>> = {
  creating: copyGroup,
  available: group,
  deleting: removeGroup,
  error: (stand) => {
    const id = copyGroup(stand);
    for (const member of stand.state.membersOf(id)) stand.finish(member.id, "not-done");
    return id;
  },
  error_deleting: (stand) => overdue(stand, removeGroup(stand)),
};

export const ENTER_GROUP_SNAPSHOT: Readonly<Record<GroupSnapshotStatus, (stand: CoreStand) => string>> = {
  creating: groupSnapshot,
  available: (stand) => {
    const id = groupSnapshot(stand);
    stand.finish(id);
    return id;
  },
  deleting: removeGroupSnapshot,
  error: (stand) => {
    const id = groupSnapshot(stand);
    stand.finish(id, "not-done");
    return id;
  },
  error_deleting: (stand) => overdue(stand, removeGroupSnapshot(stand)),
};

/** Of one volume. */
export function group(stand: CoreStand): string {
  const { id } = stand.createGroup();
  stand.availableVolume({ groupId: id });
  return id;
}

function copyGroup(stand: CoreStand): string {
  return stand.createGroup({ source: { kind: "group", groupId: group(stand) } }).id;
}

function removeGroup(stand: CoreStand): string {
  const id = group(stand);
  stand.send("group.delete", { ...ON(id), deleteVolumes: true });
  return id;
}

function groupSnapshot(stand: CoreStand): string {
  return stand.createGroupSnapshot(group(stand)).id;
}

function removeGroupSnapshot(stand: CoreStand): string {
  const id = groupSnapshot(stand);
  stand.finish(id);
  stand.send("group-snapshot.delete", ON(id));
  return id;
}

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

function revert(stand: CoreStand): string {
  const snapshotId = snapshot(stand);
  stand.finish(snapshotId);
  const volumeId = stand.state.get("snapshot", snapshotId)?.volumeId ?? "";
  stand.send("volume.revert", { ...ON(volumeId), snapshotId });
  return volumeId;
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

export function manage(stand: CoreStand): string {
  const sizeBytes = gibToBytes(1);
  const found = { reference: "disk.img", sizeBytes, countedBytes: sizeBytes, identity: "1", whyNot: null };
  const texts = { name: "", description: "", metadata: {} };
  const on = { id: MANAGED_ID, projectId: "default", userId: "u", requestId: "r", backendId: 1 };
  return stand.send("volume.manage", { ...on, ...texts, found, bootable: false, flavor: "gold", zone: null }).id;
}

function unmanage(stand: CoreStand): string {
  const { id } = stand.availableVolume();
  stand.send("volume.unmanage", ON(id));
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
