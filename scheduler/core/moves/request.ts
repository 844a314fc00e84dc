import { BerthError } from "#shared/errors.ts";
import type { Backend, Flavor } from "#shared/model/catalogue.ts";
import type { MovePhase, VolumeMove } from "#shared/model/move.ts";
import type { Tally } from "#shared/model/quota.ts";
import type { Volume } from "#shared/model/volume.ts";
import { sameJson } from "#shared/same-json.ts";
import { requireVolumeAllows } from "../allowed.ts";
import type { Commands, Moment, MoveMeans } from "../commands.ts";
import { refuseDependents } from "../dependents.ts";
import { requireEncryptable, requireSameEncryption } from "../encryption.ts";
import { findVolume } from "../find.ts";
import { toldAtOnce } from "../history.ts";
import { requireBackend } from "../jobs.ts";
import { addRound } from "../place-volume.ts";
import { requireFlavorQuota } from "../quotas.ts";
import { requireAllowedOn } from "../sides.ts";
import type { State } from "../state.ts";
import { isOpenTo } from "../volume-request.ts";
import { chooseDestination, type Destination, reachesBoth, requireSourceReadable, type Wanted } from "./destination.ts";
import { flavored } from "./ends.ts";
import { beginMove } from "./steps.ts";

/** Moves a volume to another backend of its flavor. What it has there counts only when all of it is there. */
export function migrateVolume(state: State, input: Commands["volume.migrate"]["input"], moment: Moment): Volume {
  const volume = findVolume(state, input.id, input.scope);
  const flavor = requireFlavor(state, volume.flavorId);
  const { zone, backend } = input.to;
  const wanted: Wanted =
    backend === null
      ? { ...input, flavor, zone: requireZone(state, zone), candidates: state.catalogue.candidates(flavor) }
      : { ...input, flavor, zone: null, candidates: [requireNamed(state, flavor, backend)] };
  if (
    isAskedAgain(volume, "migrate", ({ toBackendId, toZone }) =>
      backend === null ? toZone === zone : toBackendId === wanted.candidates[0]?.id,
    )
  )
    return volume;
  requireVolumeAllows("migrate", volume);
  requireElsewhere(state, volume, wanted);
  return moveElsewhere(state, volume, wanted, { kind: "migrate", toFlavor: null, means: input }, moment);
}

/** Makes a volume one of another flavor: where it is, if the flavor is to be had there, else (if allowed) by moving it. */
export function retypeVolume(state: State, input: Commands["volume.retype"]["input"], moment: Moment): Volume {
  const volume = findVolume(state, input.id, input.scope);
  const flavor = requireFlavor(state, input.flavor);
  if (!isOpenTo(flavor, volume.projectId)) throw noFlavor(input.flavor);
  if (isAskedAgain(volume, "retype", ({ toFlavorId }) => toFlavorId === flavor.id)) return volume;
  requireVolumeAllows("retype", volume);
  if (flavor.id === volume.flavorId)
    throw new BerthError("E_BAD_REQUEST", `volume ${volume.id} is of flavor ${flavor.name} already`);
  requireEncryptable(state, flavor);
  requireSameEncryption(state.flavor(volume), flavor);
  requireFlavorQuota(state, volume.projectId, flavor, wholeTally(state, volume));
  const backend = requireBackend(state, volume.backendId ?? 0);
  const obstacle = obstacleInPlace(state, volume, flavor, backend);
  if (obstacle === null) return retypeInPlace(state, volume, flavor, backend, input, moment);
  if (input.policy === "never")
    throw new BerthError(
      "E_CONFLICT",
      `${obstacle}, where volume ${volume.id} is: it would have to be moved, which the migration policy "never" forbids; ask with "on-demand"`,
    );
  const wanted: Wanted = {
    flavor,
    candidates: state.catalogue.candidates(flavor),
    zone: volume.zone,
    forceCopy: !isMadeAlike(state, volume, flavor),
  };
  return moveElsewhere(state, volume, wanted, { kind: "retype", toFlavor: flavor, means: input }, moment);
}

/** Why it cannot be of that flavor where it is; null: it can. */
function obstacleInPlace(state: State, volume: Volume, flavor: Flavor, backend: Backend): string | null {
  if (!flavor.backends.includes(backend.id)) return `flavor ${flavor.name} is not to be had on backend ${backend.name}`;
  const { measurement } = state.space.backend(backend.id);
  const terms = state.catalogue.terms(flavor);
  const mismatch = measurement === null ? "it is not measured yet" : terms.mismatch(backend, measurement);
  if (mismatch !== null) return `flavor ${flavor.name} does not fit backend ${backend.name} (${mismatch})`;
  const limits = terms.needsQos || state.catalogue.terms(state.flavor(volume)).needsQos;
  for (const needed of limits ? (["qos", "retype"] as const) : [])
    if (measurement?.capabilities.includes(needed) !== true)
      return `flavor ${flavor.name} has other limits, which backend ${backend.name} cannot set (${needed})`;
  return isMadeAlike(state, volume, flavor)
    ? null
    : `volumes of flavor ${flavor.name} are made otherwise than this one on backend ${backend.name}`;
}

/** Do both flavors make the same of it, but for limits? What was made thick stays so, what was compressed too. */
function isMadeAlike(state: State, volume: Volume, flavor: Flavor): boolean {
  const thin = state.space.backend(volume.backendId ?? 0).measurement?.thin === true;
  const madeAs = (of: Flavor | undefined) => {
    const {
      provisioning = null,
      compression = false,
      replication = false,
      vendor = {},
    } = state.catalogue.terms(of).specOf(volume.sizeGib) ?? {};
    return { provisioning: provisioning ?? (thin ? "thin" : "thick"), compression, replication, vendor };
  };
  return sameJson(madeAs(state.flavor(volume)), madeAs(flavor));
}

function isAskedAgain(volume: Volume, kind: VolumeMove["kind"], isSame: (move: VolumeMove) => boolean): boolean {
  return volume.move?.kind === kind && isSame(volume.move);
}

interface Move {
  readonly kind: VolumeMove["kind"];
  readonly toFlavor: Flavor | null;
  readonly means: MoveMeans & { readonly userId: string; readonly requestId: string };
}

/** Nothing hangs on it, and it hangs on nothing: what stays behind could not follow. */
function requireFree(state: State, volume: Volume): void {
  refuseDependents(state, `volume ${volume.id} cannot be moved by copying: it`, state.dependents(volume.id));
  const stays = volume.groupId ?? volume.parent?.id ?? null;
  if (stays === null) return;
  const why = volume.groupId === null ? `it is a copy that needs ${stays}` : `it belongs to group ${stays}`;
  throw new BerthError("E_WRONG_STATE", `volume ${volume.id} cannot be moved by copying: ${why}`, {
    details: { status: volume.status },
  });
}

interface WayOut {
  readonly source: Backend;
  readonly found: Destination;
}

/** Everything that a move away needs. Throws what is in its way, and changes nothing. */
function findWayOut(state: State, volume: Volume, wanted: Wanted, nowMs: number): WayOut {
  requireFree(state, volume);
  const source = requireBackend(state, volume.backendId ?? 0);
  requireAllowedOn(state, "move volumes away", source);
  const found = chooseDestination(state, volume, wanted, nowMs);
  if (found.way === "copy") requireSourceReadable(state, source, found.backend);
  return { source, found };
}

/** Why the volume cannot leave its backend for another of its flavor in its zone; null: it can. */
export function obstacleToLeaving(state: State, volume: Volume, nowMs: number): BerthError | null {
  try {
    requireVolumeAllows("migrate", volume);
    const flavor = requireFlavor(state, volume.flavorId);
    const candidates = state.catalogue.candidates(flavor);
    findWayOut(state, volume, { flavor, candidates, zone: volume.zone, forceCopy: false }, nowMs);
    return null;
  } catch (error) {
    if (error instanceof BerthError) return error;
    throw error;
  }
}

function moveElsewhere(state: State, volume: Volume, wanted: Wanted, asked: Move, moment: Moment): Volume {
  const { source, found } = findWayOut(state, volume, wanted, moment.nowMs);
  const placed = { ...volume, placementRound: volume.placementRound + 1 };
  addRound(state, volume, found.backend.id, found.verdicts, moment, wanted.flavor.name, wanted.zone);
  return beginMove(state, placed, movePart(state, volume, source, found, asked, moment), moment);
}

function movePart(
  state: State,
  volume: Volume,
  source: Backend,
  { backend, way, claim }: Destination,
  { kind, toFlavor, means }: Move,
  moment: Moment,
): VolumeMove {
  const phase: MovePhase = way === "array" ? "migrating" : "making";
  return {
    ...common(state, volume, { kind, toFlavor, means }, moment),
    phase,
    toBackendId: backend.id,
    toZone: backend.zone,
    target: { id: means.targetId, providerId: null, properties: {}, claim },
    copier:
      way === "array"
        ? null
        : {
            attachmentId: means.attachmentId,
            connector: { host: "berth", ip: null, initiator: copierInitiator(volume), multipath: false },
            chap: means.chap,
            fromAfar: !reachesBoth(source, backend),
            info: null,
          },
  };
}

/** As whom an agent logs in that copies this volume. */
function copierInitiator({ id }: Volume): string {
  return `iqn.2026-01.org.berth:copier-${id}`;
}

function retypeInPlace(
  state: State,
  volume: Volume,
  flavor: Flavor,
  backend: Backend,
  input: Commands["volume.retype"]["input"],
  moment: Moment,
): Volume {
  requireAllowedOn(state, "delete, unmanage, retype", backend);
  const { userId, requestId } = input;
  if (state.space.backend(backend.id).measurement?.capabilities.includes("retype") !== true) {
    // Nothing of it is known there.
    const done = { operation: "volume.retype", userId, requestId, detail: fromTo(state, volume, flavor) };
    return flavored(state, toldAtOnce(state, volume, done, moment), flavor.id, moment);
  }
  const move: VolumeMove = {
    ...common(state, volume, { kind: "retype", toFlavor: flavor, means: input }, moment),
    phase: "retyping",
    toBackendId: backend.id,
    toZone: backend.zone,
    target: null,
    copier: null,
  };
  return beginMove(state, volume, move, moment);
}

function fromTo(state: State, volume: Volume, flavor: Flavor): string {
  return `from flavor ${state.flavor(volume)?.name ?? "?"} to ${flavor.name}`;
}

function common(state: State, volume: Volume, { kind, toFlavor, means }: Move, moment: Moment) {
  return {
    kind,
    toFlavorId: toFlavor?.id ?? null,
    tally: toFlavor === null ? null : wholeTally(state, volume),
    bandwidthLimitBytesPerS: means.bandwidthLimitBytesPerS,
    requestedBy: means.userId,
    requestId: means.requestId,
    startedAtMs: moment.nowMs,
  };
}

/** The volume with its snapshots, which are of its flavor. */
function wholeTally(state: State, volume: Volume): Tally {
  const snapshots = state.snapshotsOf(volume.id);
  const gib = snapshots.reduce((sum, { sizeGib }) => sum + sizeGib, volume.sizeGib);
  return { volumes: 1, snapshots: snapshots.length, gib };
}

function requireFlavor(state: State, idOrName: string): Flavor {
  const flavor = state.catalogue.flavor(idOrName);
  if (flavor === undefined) throw noFlavor(idOrName);
  return flavor;
}

/** One of others is as if it were not there. */
function noFlavor(idOrName: string): BerthError {
  return new BerthError("E_NOT_FOUND", `Volume type ${JSON.stringify(idOrName)} could not be found.`);
}

function requireZone(state: State, zone: string | null): string {
  if (zone === null) throw new BerthError("E_BAD_REQUEST", "a backend or a zone to move to is needed");
  if (state.catalogue.zone(zone) === undefined)
    throw new BerthError("E_BAD_REQUEST", `there is no zone ${JSON.stringify(zone)}`);
  return zone;
}

function requireNamed(state: State, flavor: Flavor, named: string): Backend {
  const { backends } = state.catalogue.catalogue;
  const backend = backends.find(({ id, name }) => name === named || String(id) === named);
  if (backend === undefined) throw new BerthError("E_NOT_FOUND", `Backend ${named} could not be found.`);
  if (flavor.backends.includes(backend.id)) return backend;
  throw new BerthError(
    "E_CONFLICT",
    `flavor ${flavor.name} is not to be had on backend ${backend.name}: move the volume to another, or retype it`,
  );
}

function requireElsewhere(state: State, volume: Volume, { zone, candidates }: Wanted): void {
  const here = state.backend(volume.backendId ?? 0);
  const [named] = candidates;
  if (zone === null && named?.id === here?.id)
    throw new BerthError("E_BAD_REQUEST", `volume ${volume.id} is on backend ${here?.name} already`);
}
