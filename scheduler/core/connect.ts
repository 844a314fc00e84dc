import { BerthError } from "#shared/errors.ts";
import type { Attachment, Connector } from "#shared/model/attachment.ts";
import type { Capability } from "#shared/model/capacity.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Volume } from "#shared/model/volume.ts";
import { requireAttachmentAllows, requireSnapshotAllows, requireVolumeAllows } from "./allowed.ts";
import {
  type Attachable,
  evict,
  isBeingUndone,
  keepsExport,
  newAttachment,
  sameHost,
  settleAttached,
  settleVolumeStatus,
  startConnecting,
  startDetaching,
} from "./attachments.ts";
import type { Commands, ConnectWish, Moment } from "./commands.ts";
import { currentJob, findSnapshot, findVolume } from "./find.ts";
import { refuseWhileGroupIsCopied } from "./group-members.ts";
import { BERTH_USER, requireBackend, turnJob } from "./jobs.ts";
import type { State } from "./state.ts";

/** Lets one host in. For the same host it is the same attachment, with the same answer. */
export function connectVolume(
  state: State,
  input: Commands["attachment.connect"]["input"],
  moment: Moment,
): Attachment {
  const volume = findVolume(state, input.id, input.scope);
  const existing = state.attachmentsOf(volume.id);
  const same = existing.find(({ connector }) => sameHost(connector, input.connector));
  if (same !== undefined && keepsExport(same) && input.reservationId === undefined) return same;
  const reserved = reservationFor(existing, input.reservationId);
  if (reserved !== undefined && keepsExport(reserved) && sameHost(reserved.connector, input.connector)) return reserved;
  if (reserved !== undefined) {
    requireAttachmentAllows("connect", reserved);
    refuseWhileUndone(reserved);
  }
  const others = existing.filter(({ id }) => id !== reserved?.id);
  if (same !== undefined || others.length > 0) requireShareable(state, volume, same, others);
  if (reserved === undefined) requireVolumeAllows("connect", volume);
  refuseWhileGroupIsCopied(state, volume.id, "connecting");
  const object = { volume, snapshot: null };
  const backend = requireConnectable(state, object, "connect", input.connector);
  if (others.length > 0) requireCapability(state, backend, "multiattach");
  passEvictions(state, volume.id, input.connector, moment);
  const chap = volume.chap ?? input.chap;
  state.put("volume", { ...volume, chap, lastError: null });
  const attachment =
    reserved ?? newAttachment(object, { ...input, ...NO_WISH, ...input.wish, id: input.attachmentId }, moment);
  const { access = attachment.access, mountpoint = attachment.mountpoint } = input.wish ?? {};
  const wished: Attachment = {
    ...attachment,
    access: volume.readOnly ? "ro" : access,
    mountpoint,
    awaitsCompletion: reserved !== undefined || attachment.awaitsCompletion,
    ...(input.reservationId === undefined ? {} : { heldById: true }),
    lastError: null,
    requestId: input.requestId,
    requestedBy: input.userId,
  };
  const attaching = startConnecting(state, wished, input.connector, chap, moment);
  settleVolumeStatus(state, volume.id, moment);
  return attaching;
}

const NO_WISH = {
  status: "attaching",
  access: "rw",
  instanceId: null,
  mountpoint: null,
  awaitsCompletion: false,
} as const satisfies Required<ConnectWish> & { status: "attaching" };

/** The one that is named; or, if none is, the one that `os-reserve` left for whoever connects. */
function reservationFor(existing: readonly Attachment[], reservationId: string | undefined): Attachment | undefined {
  if (reservationId === undefined) return existing.find(({ status }) => status === "announced");
  const found = existing.find(({ id }) => id === reservationId);
  if (found !== undefined) return found;
  throw new BerthError("E_NOT_FOUND", `Attachment ${reservationId} could not be found.`);
}

/** Lets one host in to read a snapshot; several may. */
export function connectSnapshot(
  state: State,
  input: Commands["snapshot.connect"]["input"],
  moment: Moment,
): Attachment {
  const snapshot = findSnapshot(state, input.id, input.scope);
  const same = state.attachmentsOf(snapshot.id).find(({ connector }) => sameHost(connector, input.connector));
  if (same !== undefined && keepsExport(same)) return same;
  requireSnapshotAllows("connect", snapshot);
  if (same !== undefined) refuseOnItsWayOut(`snapshot ${snapshot.id}`, same);
  const object = { volume: findVolume(state, snapshot.volumeId, null), snapshot };
  requireConnectable(state, object, "attach-snapshot", input.connector);
  passEvictions(state, snapshot.id, input.connector, moment);
  const chap = snapshot.chap ?? input.chap;
  state.put("snapshot", { ...snapshot, chap, lastError: null });
  const attachment = newAttachment(object, { ...input, ...NO_WISH, access: "ro", id: input.attachmentId }, moment);
  return startConnecting(state, attachment, input.connector, chap, moment);
}

/** Shuts hosts out: the one that the connector names, or all. What nobody has is done; what another has is not. */
export function disconnectVolume(
  state: State,
  input: Commands["attachment.disconnect"]["input"],
  moment: Moment,
): Volume {
  const volume = findVolume(state, input.id, input.scope);
  shutOut(state, `volume ${volume.id}`, state.attachmentsOf(volume.id), input, moment);
  return settleVolumeStatus(state, volume.id, moment) ?? volume;
}

export function disconnectSnapshot(
  state: State,
  input: Commands["snapshot.disconnect"]["input"],
  moment: Moment,
): Snapshot {
  const snapshot = findSnapshot(state, input.id, input.scope);
  const attachments = state.attachmentsOf(snapshot.id);
  shutOut(state, `snapshot ${snapshot.id}`, attachments, input, moment);
  if (attachments[0] !== undefined) settleAttached(state, attachments[0], moment);
  return findSnapshot(state, input.id, input.scope);
}

function shutOut(
  state: State,
  what: string,
  attachments: readonly Attachment[],
  { connector, force = false, requestId, userId }: Commands["attachment.disconnect"]["input"],
  moment: Moment,
): void {
  const meant = attachments.filter((one) => connector === null || sameHost(one.connector, connector));
  // A reservation is nobody's yet: whoever is told from it has nothing to let go of.
  const others = attachments.filter((one) => one.connector !== null);
  if (meant.length === 0 && others.length > 0)
    throw new BerthError("E_BAD_REQUEST", `${what} is not connected to that host`, {
      details: { connectedTo: others.map(({ connector: host }) => host?.initiator ?? host?.host ?? host?.ip) },
    });
  for (const attachment of meant) {
    const asked = { ...attachment, requestId, requestedBy: userId };
    if (force) evict(state, asked, moment);
    else startDetaching(state, asked, moment);
  }
}

function requireShareable(
  state: State,
  volume: Volume,
  same: Attachment | undefined,
  others: readonly Attachment[],
): void {
  if (same !== undefined && !keepsExport(same)) refuseOnItsWayOut(`volume ${volume.id}`, same);
  if (volume.multiattach) return;
  const first = others[0];
  const who = first?.connector === null ? "reserved for another host" : "connected to another host";
  const flavor = state.flavor(volume)?.name ?? "its flavor";
  throw new BerthError(
    "E_IN_USE",
    `volume ${volume.id} is ${who} (attachment ${first?.id}), and ${flavor} does not say multiattach`,
    { details: { attachments: others.map(({ id }) => id) } },
  );
}

function refuseWhileUndone(attachment: Attachment): void {
  if (!isBeingUndone(attachment)) return;
  throw new BerthError(
    "E_CONFLICT",
    `attachment ${attachment.id} could not be connected, and what is half done is being taken back: try again in a moment`,
  );
}

function refuseOnItsWayOut(what: string, { id, status }: Attachment): never {
  const way = "wait until the host is shut out";
  throw new BerthError("E_WRONG_STATE", `${what} is ${status}; connect needs it to be available: ${way}`, {
    details: { status, way, attachments: [id] },
  });
}

function requireConnectable(
  state: State,
  { volume }: Attachable,
  capability: "connect" | "attach-snapshot",
  connector: Connector,
): Backend {
  const backend = requireBackend(state, volume.backendId ?? 0);
  requireCapability(state, backend, capability);
  const needs = state.space.backend(backend.id).measurement?.connectorNeeds ?? [];
  const missing = needs.filter((need) => (connector[need] ?? []).length === 0);
  if (missing.length > 0)
    throw new BerthError(
      "E_BAD_REQUEST",
      `the connector must say its ${missing.join(" and ")}: backend ${backend.name} lets nobody in without`,
      { details: { missing } },
    );
  return backend;
}

const SENTENCES: Readonly<Partial<Record<Capability, string>>> = {
  connect: "cannot export volumes to hosts",
  "attach-snapshot": "cannot let hosts in to snapshots: make a volume of it and connect that",
  multiattach: "cannot let several hosts in to one volume",
};

function requireCapability(state: State, backend: Backend, capability: Capability): void {
  const { measurement } = state.space.backend(backend.id);
  if (measurement === null || measurement.capabilities.includes(capability)) return;
  throw new BerthError(
    "E_CONFLICT",
    `backend ${backend.name} ${SENTENCES[capability] ?? "cannot do this"} (capability ${capability})`,
    { details: { capability, backend: backend.name } },
  );
}

/**
 * What was detached by force may still be let in. Its clean-up must not cut off who comes now. One whom Berth itself
 * sends away may come back: the volume's work is done in turn.
 */
function passEvictions(state: State, objectId: string, connector: Connector, moment: Moment): void {
  for (const eviction of state.evictionsOf(objectId)) {
    if (sameHost(eviction.connector, connector) && eviction.requestedBy !== BERTH_USER)
      throw new BerthError(
        "E_CONFLICT",
        `that host was detached by force, and its backend has not shut it out yet (attachment ${eviction.id})`,
      );
    const job = currentJob(state, eviction);
    if (job === undefined || !("last" in job.operation) || !job.operation.last) continue;
    turnJob(state, job, { operation: { ...job.operation, last: false }, owner: job.owner, deadlineMs: null }, moment);
  }
}
