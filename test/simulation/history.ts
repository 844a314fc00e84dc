import { isLetIn } from "#scheduler/core/attachments.ts";
import { limitOf } from "#scheduler/core/quotas.ts";
import { objectIdOf } from "#scheduler/core/refs.ts";
import type { State } from "#scheduler/core/state.ts";
import type { Attachment } from "#shared/model/attachment.ts";
import type { GroupSource } from "#shared/model/group.ts";
import { QUOTA_KINDS, UNLIMITED } from "#shared/model/quota.ts";
import type { PlacementHints, Volume, VolumeSource } from "#shared/model/volume.ts";
import { bytesToGib, gibToBytes } from "#shared/units.ts";
import { countUsage, keptUsage, sameUsage } from "#test/kit/usage.ts";
import type { Bug } from "./bugs.ts";
import { type Faults, NO_FAULTS } from "./faults.ts";
import type { Random } from "./random.ts";
import { type Leaning, LIMITED_PROJECT, World } from "./world.ts";

const PROJECT = "simulated";
const LIVE = ["awaiting-transfer", "available", "reserved", "attaching", "in-use", "detaching"];
const PASSING_VOLUME = [
  "managing",
  "unmanaging",
  "error_unmanaging",
  "creating",
  "extending",
  "reverting",
  "deleting",
  "error_deleting",
  "error_extending",
  "error_reverting",
];
const DELETABLE = ["volume", "snapshot", "group", "group-snapshot"] as const;
/** Whoever attaches is to go on, or nobody is let in. */
const RESTING = ["reserved", "announced", "connected", "attached", "leaving"];

/** What a step takes at most: results arrive while users go on. */
const STEP_MS = 150;

/** One random life of a zone; throws, with the seed and what happened last, when an invariant does not hold. */
export function runHistory(
  seed: number,
  steps: number,
  faults: Faults,
  bug: Bug | null = null,
  leaning: Leaning = seed % 2 === 0 ? "lives" : "all",
): World {
  const world = new World(seed, faults, bug);
  world.leaning = leaning;
  try {
    for (let step = 0; step < steps; step++) {
      act(world);
      checkInvariants(world);
    }
    comeToRest(world);
    checkAtRest(world);
  } catch (cause) {
    throw new Error(
      `seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}\n${world.log.slice(-20).join("\n")}`,
      {
        cause,
      },
    );
  }
  return world;
}

/** A life that comes to rest, loses its ledger, is adopted from the marks, and goes on. */
export function runThroughLoss(seed: number, steps: number, faults: Faults): void {
  const world = runHistory(seed, steps, faults);
  try {
    const before = recordedObjects(world);
    const { state } = world.scheduler;
    // A snapshot of what was lost has no volume to come back under: the audit tells of it.
    for (const { id, volumeId } of state.table("snapshot").values())
      if (state.get("volume", volumeId)?.status === "error") world.homeless.add(id);
    world.loseLedger();
    world.operator.adoptAll();
    if (recordedObjects(world) !== before)
      throw new Error(`adopted were\n${recordedObjects(world)}\nand lost were\n${before}`);
    checkInvariants(world);
    world.faults = faults;
    for (let step = 0; step < steps; step++) {
      act(world);
      checkInvariants(world);
    }
    comeToRest(world);
    checkAtRest(world);
  } catch (cause) {
    throw new Error(`seed ${seed}, after the loss: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** What can be known again from a mark, of all that holds something on a backend. */
function recordedObjects({ scheduler: { state } }: World): string {
  const records = [...state.table("volume").values(), ...state.table("snapshot").values()];
  return (
    records
      .filter(({ status }) => status !== "error" && status !== "error_managing")
      // A snapshot of what was lost has no volume to come back under: the audit tells of it.
      .filter((record) => "flavorId" in record || state.get("volume", record.volumeId)?.status !== "error")
      .map((record) => {
        const more = "flavorId" in record ? record.flavorId : record.volumeId;
        return [record.id, record.projectId, record.name, record.sizeGib, record.backendId, more].join(" ");
      })
      .sort()
      .join("\n")
  );
}

function act(world: World): void {
  const { random } = world;
  const doings: readonly (() => void)[] = [
    () => userActs(world),
    () => userActs(world),
    () => userActs(world),
    () => userActs(world),
    () => world.work(),
    () => world.work(),
    () => world.work(),
    () => world.work(),
    () => world.work(),
    () => world.deliverResults(),
    () => world.deliverResults(),
    () => world.deliverReports(),
    () => world.beat(),
    () => {
      const backend = random.pick(world.backends);
      if (backend !== undefined) world.measure(backend);
    },
    () => world.tick(random.between(50, 3_000)),
    () => world.operator.look(),
    () => world.operator.look(),
    () => world.keepExports(),
  ];
  world.nowMs += random.between(0, STEP_MS);
  random.pick(doings)?.();
}

function userActs(world: World): void {
  if (world.leaning === "groups" && world.random.chance(0.6)) {
    groupActs(world);
    return;
  }
  const { random, scheduler } = world;
  const requestId = `req-${world.nowMs}`;
  const volume = pickOne(random, [...scheduler.state.table("volume").values()]);
  const snapshot = pickOne(random, [...scheduler.state.table("snapshot").values()]);
  const on = volume === undefined ? null : { scope: null, id: volume.id, userId: "user", requestId };
  const connector = { host: null, ip: null, initiator: `iqn.host-${random.between(1, 2)}`, multipath: false };
  const lives: readonly (() => void)[] = [
    () => createBlank(world),
    () => createBlank(world),
    () => createBlank(world),
    () => volume && createVolume(world, { kind: "volume", volumeId: volume.id }, volume.projectId),
    () => snapshot && createVolume(world, { kind: "snapshot", snapshotId: snapshot.id }, snapshot.projectId),
    () => on && world.send("volume.delete", on),
    () => on && world.send("volume.delete", { ...on, cascade: random.chance(0.7), force: random.chance(0.3) }),
    () => on && world.send("volume.hold", { ...on, as: random.pick([null, null, "error", "maintenance"]) ?? null }),
    () => on && volume && world.send("volume.extend", { ...on, newSizeGib: volume.sizeGib + random.between(1, 4) }),
    () => on && world.send("attachment.disconnect", { ...on, connector: null, force: random.chance(0.3) }),
    () =>
      on &&
      world.send("attachment.connect", {
        ...on,
        attachmentId: random.uuid(),
        connector,
        chap: CHAP,
        wish: { awaitsCompletion: random.chance(0.3), access: random.chance(0.3) ? "ro" : "rw" },
      }),
    () =>
      volume &&
      world.send("snapshot.create", {
        id: random.uuid(),
        scope: null,
        userId: "user",
        volumeId: volume.id,
        name: `snapshot ${random.between(1, 1000)}`,
        description: "",
        metadata: {},
        force: true,
        requestId,
      }),
    () => snapshot && world.send("snapshot.delete", { scope: null, id: snapshot.id, userId: "user", requestId }),
    () => revert(world),
  ];
  const more: readonly (() => void)[] = [
    () => attachActs(world),
    () => volume && world.write(volume),
    () => on && migrate(world, on),
    () => on && migrate(world, on),
    () =>
      on &&
      world.moved.add(on.id) &&
      world.send("volume.retype", {
        ...on,
        ...moveMeans(world),
        flavor: random.chance(0.5) ? "gold" : "silver",
        policy: random.chance(0.8) ? "on-demand" : "never",
      }),
    () => {
      const moving = random.pick([...scheduler.state.moving]);
      if (moving !== undefined && random.chance(0.3))
        world.send("volume.cancel-move", { scope: null, id: moving, userId: "user", requestId });
    },
    () => on && world.send("volume.update", { ...on, texts: { name: `volume ${random.between(1, 1000)}` } }),
    () => manage(world),
    () => on && random.chance(0.5) && world.send("volume.unmanage", on),
    () => volume && offer(world, volume.id),
    () => answerOffer(world),
  ];
  random.pick(world.leaning === "all" ? [...lives, ...more] : lives)?.();
}

/** Mostly one that is ready for more. */
function pickOne<T extends { readonly status: string }>(random: Random, all: readonly T[]): T | undefined {
  const live = all.filter(({ status }) => LIVE.includes(status));
  return random.pick(live.length > 0 && random.chance(0.7) ? live : all);
}

/** To a snapshot of a volume that is ready for it. */
function revert(world: World): void {
  const { random, scheduler } = world;
  const { state } = scheduler;
  const ready = [...state.table("snapshot").values()].filter(
    ({ status, volumeId }) => status === "available" && state.get("volume", volumeId)?.status === "available",
  );
  const snapshot = random.pick(ready);
  const on = { scope: null, userId: "user", requestId: `req-${world.nowMs}` };
  if (snapshot !== undefined) world.send("volume.revert", { ...on, id: snapshot.volumeId, snapshotId: snapshot.id });
}

const CHAP = { username: "user", sealedSecret: "sealed" };

/** The name by which the backend knows what a host is let in to. */
function attachedObject(state: State, { snapshotId, volumeId }: Attachment): string {
  const volume = state.get("volume", volumeId);
  return snapshotId ?? (volume === undefined ? volumeId : objectIdOf(volume));
}

/** The steps of the field's way to attach, of volumes and of snapshots. */
function attachActs(world: World): void {
  const { random, scheduler } = world;
  const { state } = scheduler;
  const who = { scope: null, userId: "user", requestId: `req-${world.nowMs}` };
  const volume = random.pick([...state.table("volume").values()]);
  const snapshot = random.pick([...state.table("snapshot").values()]);
  const attachment = random.pick([...state.table("attachment").values()]);
  const attachmentId = random.uuid();
  const connector = { host: null, ip: null, initiator: `iqn.host-${random.between(1, 3)}`, multipath: false };
  const nothing = { access: "rw", instanceId: null, mountpoint: null } as const;
  const what = random.pick(["unreserve", "begin detaching", "roll detaching back"] as const);
  const reservation = attachment === undefined ? {} : { reservationId: attachment.id };
  const doings: readonly (() => void)[] = [
    () =>
      volume &&
      world.send("attachment.reserve", {
        ...who,
        ...nothing,
        id: volume.id,
        attachmentId,
        announced: random.chance(0.5),
      }),
    () =>
      attachment?.snapshotId === null &&
      world.send("attachment.connect", {
        ...who,
        ...reservation,
        id: attachment.volumeId,
        attachmentId,
        connector,
        chap: CHAP,
      }),
    () => attachment && world.send("attachment.complete", { ...who, id: attachment.id }),
    () => attachment && world.send("attachment.detach", { ...who, id: attachment.id, force: random.chance(0.5) }),
    () => volume && what && world.send("volume.announce", { ...who, id: volume.id, what }),
    () =>
      volume &&
      world.send("volume.attached", {
        ...who,
        ...nothing,
        id: volume.id,
        attachmentId,
        hostName: null,
        instanceId: "i",
      }),
    () => snapshot && world.send("snapshot.connect", { ...who, id: snapshot.id, attachmentId, connector, chap: CHAP }),
    () => snapshot && world.send("snapshot.connect", { ...who, id: snapshot.id, attachmentId, connector, chap: CHAP }),
    () =>
      snapshot &&
      world.send("snapshot.disconnect", { ...who, id: snapshot.id, connector: null, force: random.chance(0.3) }),
  ];
  random.pick(doings)?.();
}

function migrate(world: World, on: { scope: null; id: string; userId: string; requestId: string }): void {
  const { random, backends } = world;
  const backend = random.pick(backends)?.backend;
  const to = random.chance(0.3)
    ? { backend: null, zone: backend?.zone ?? null }
    : { backend: String(backend?.id), zone: null };
  world.moved.add(on.id);
  world.send("volume.migrate", { ...on, ...moveMeans(world), to, forceCopy: random.chance(0.5) });
}

function moveMeans({ random }: World) {
  const chap = { username: "copier", sealedSecret: "sealed" };
  return { targetId: random.uuid(), attachmentId: random.uuid(), chap, bandwidthLimitBytesPerS: null };
}

/** What a person saw on a backend a moment ago, or what is not there any more. */
function manage(world: World): void {
  const { random } = world;
  const simulated = random.pick(world.backends);
  const [reference, seen] = random.pick([...(simulated?.foreign ?? [])]) ?? [];
  if (simulated === undefined || reference === undefined || seen === undefined) return;
  const { bytes: sizeBytes, identity } = seen;
  world.send("volume.manage", {
    id: random.uuid(),
    projectId: random.chance(0.3) ? LIMITED_PROJECT : PROJECT,
    userId: "user",
    name: `managed ${random.between(1, 1000)}`,
    description: "",
    metadata: {},
    requestId: `req-${world.nowMs}`,
    backendId: simulated.backend.id,
    found: { reference, sizeBytes, countedBytes: sizeBytes, identity, whyNot: null },
    bootable: false,
    flavor: random.chance(0.3) ? "silver" : null,
    zone: null,
  });
}

const KEY_HASH = "ab".repeat(32);

function offer(world: World, volumeId: string): void {
  const who = { scope: null, userId: "user", requestId: `req-${world.nowMs}` };
  world.send("transfer.create", { ...who, id: world.random.uuid(), volumeId, name: "", salt: "s", keyHash: KEY_HASH });
}

/** By a project that may have little, by any other, or by nobody. */
function answerOffer(world: World): void {
  const { random } = world;
  const transfer = random.pick([...world.scheduler.state.table("transfer").values()]);
  if (transfer === undefined) return;
  const on = { id: transfer.id, userId: "user", requestId: `req-${world.nowMs}` };
  if (random.chance(0.3)) world.send("transfer.delete", { ...on, scope: null });
  else {
    const projectId = random.chance(0.5) ? LIMITED_PROJECT : PROJECT;
    world.send("transfer.accept", { ...on, projectId, keyHash: KEY_HASH });
  }
}

function groupActs(world: World): void {
  const { random, scheduler } = world;
  const requestId = `req-${world.nowMs}`;
  const { state } = scheduler;
  const group = random.pick([...state.table("group").values()]);
  const taken = random.pick([...state.table("group-snapshot").values()]);
  const members = group === undefined ? [] : state.membersOf(group.id);
  const live = [...state.table("volume").values()].filter(({ status }) => LIVE.includes(status));
  const single = random.pick(live.filter(({ groupId, projectId }) => groupId === null && projectId === PROJECT));
  const member = random.pick(members);
  const on = (id: string) => ({ scope: null, id, userId: "user", requestId });
  const ids = (): string[] => Array.from({ length: 6 }, () => random.uuid());
  const texts = { name: `group ${random.between(1, 1000)}`, description: "" };
  const create = (source: GroupSource): void => {
    const common = { id: random.uuid(), projectId: PROJECT, userId: "user", ...texts, groupType: null, zone: null };
    world.send("group.create", {
      ...common,
      flavors: ["gold", "silver"],
      source,
      newMembers: ids().map((id) => ({ id, chap: CHAP })),
      requestId,
    });
  };
  const join = (): void => {
    if (group === undefined || single === undefined || members.length >= 4) return;
    world.send("group.update", { ...on(group.id), texts: {}, addVolumes: [single.id], removeVolumes: [] });
  };
  const takeSnapshot = (): void => {
    const common = { id: random.uuid(), scope: null, userId: "user", ...texts, memberIds: ids(), requestId };
    if (group !== undefined && members.length > 1)
      world.send("group-snapshot.create", { ...common, groupId: group.id });
  };
  const doings: readonly (() => void)[] = [
    () => state.table("group").size < 4 && create({ kind: "blank" }),
    join,
    join,
    join,
    () =>
      group &&
      member &&
      world.send("group.update", { ...on(group.id), texts, addVolumes: [], removeVolumes: [member.id] }),
    () => group && members.length < 4 && createVolume(world, { kind: "blank" }, PROJECT, group.id),
    () => group && create({ kind: "group", groupId: group.id }),
    () => taken && create({ kind: "group-snapshot", groupSnapshotId: taken.id }),
    takeSnapshot,
    takeSnapshot,
    () => taken && world.send("group-snapshot.delete", on(taken.id)),
    () => revert(world),
    () => group && world.send("group.delete", { ...on(group.id), deleteVolumes: random.chance(0.7) }),
  ];
  random.pick(doings)?.();
}

function createBlank(world: World): void {
  createVolume(world, { kind: "blank" }, world.random.chance(0.3) ? LIMITED_PROJECT : PROJECT);
}

function createVolume(world: World, source: VolumeSource, projectId: string, groupId: string | null = null): void {
  const { random } = world;
  const key = random.chance(0.3) ? `key-${random.between(1, 20)}` : null;
  world.send("volume.create", {
    id: random.uuid(),
    projectId,
    userId: "user",
    name: `volume ${random.between(1, 1000)}`,
    description: "",
    metadata: {},
    sizeGib: source.kind === "blank" ? random.between(1, world.leaning === "groups" ? 4 : 15) : null,
    flavor: random.pick(["silver", "iron", "mist", null, null]) ?? null,
    zone: random.chance(0.2) ? "north" : null,
    source,
    groupId,
    ...(random.chance(0.2) ? { hints: randomHints(world, projectId) } : {}),
    idempotency: key === null ? null : { key, bodyHash: "same" },
    chap: CHAP,
    requestId: `req-${world.nowMs}`,
  });
}

/** Beside one volume of the project, or apart from two. */
function randomHints({ random, scheduler }: World, projectId: string): PlacementHints {
  const volumes = [...scheduler.state.table("volume").values()].filter((volume) => volume.projectId === projectId);
  const ids = [random.pick(volumes), random.pick(volumes)].flatMap((volume) => volume?.id ?? []);
  if (random.chance(0.5)) return { sameAs: ids.slice(0, 1), differentFrom: [] };
  return { sameAs: [], differentFrom: [...new Set(ids)] };
}

/** What must hold at every instant. */
function checkInvariants(world: World): void {
  for (const simulated of world.backends) {
    if (simulated.usedBytes > simulated.capacityBytes)
      throw new Error(`backend ${simulated.backend.id} holds too much`);
    if (simulated.overruns > 0 && !world.strayed)
      throw new Error(`backend ${simulated.backend.id} had no room for what was placed on it`);
  }
  checkForeignData(world);
  const { state } = world.scheduler;
  checkEveryPassingStateHasAWayOn(state);
  checkPromises(world);
  const recounted = world.scheduler.recount();
  compareIndexes(state, recounted);
  compareIndexes(world.scheduler.standby, recounted);
  checkQuotas(state);
  checkContents(world);
}

/** What stands in a volume at rest is what was written to it last, wherever it was moved since. */
function checkContents({ scheduler: { state }, backends, written, lost }: World): void {
  for (const volume of state.table("volume").values()) {
    if (!LIVE.includes(volume.status)) continue;
    const objectId = objectIdOf(volume);
    const content = backends.find(({ backend }) => backend.id === volume.backendId)?.contents.get(objectId);
    const before = written.get(volume.id);
    if (content === undefined || lost.has(objectId)) continue;
    if (before !== undefined && before !== content)
      throw new Error(`${volume.id} holds ${content}, and ${before} was written to it: lost`);
    written.set(volume.id, content);
  }
}

/**
 * A volume is where its flavor and its hints let it be. Hints are looked at when it is made, not when it is moved; and later a person may say of a
 * volume that was in error that it stands after all.
 */
function checkPromises({ scheduler: { state }, backends, hinted, moved }: World): void {
  const hasMoved = ({ id, hints }: Volume): boolean =>
    [id, ...(hints?.sameAs ?? []), ...(hints?.differentFrom ?? [])].some((one) => moved.has(one));
  for (const volume of state.table("volume").values()) {
    const simulated = backends.find(({ backend }) => backend.id === volume.backendId);
    if (simulated === undefined) continue;
    const mismatch = state.catalogue.terms(state.flavor(volume)).mismatch(simulated.backend, simulated.measure());
    if (mismatch !== null) throw new Error(`volume ${volume.id} is where it should not be: ${mismatch}`);
    const round = `${volume.id} ${volume.placementRound}`;
    if (volume.hints === undefined || hinted.has(round) || hasMoved(volume) || volume.reset !== undefined) continue;
    hinted.add(round);
    const place = (id: string) => state.get("volume", id)?.backendId ?? null;
    const { sameAs, differentFrom } = volume.hints;
    // One that went in the same step cannot be asked any more.
    const allThere = sameAs.every((id) => state.get("volume", id) !== undefined);
    if (sameAs.length > 0 && allThere && !sameAs.some((id) => place(id) === volume.backendId))
      throw new Error(`volume ${volume.id} is not beside ${sameAs.join(", ")}`);
    const near = differentFrom.filter((id) => place(id) === volume.backendId);
    if (near.length > 0) throw new Error(`volume ${volume.id} is not apart from ${near.join(", ")}`);
    const open = [...sameAs, ...differentFrom].filter((id) => state.get("volume", id)?.status === "creating");
    if (open.length > 0) throw new Error(`volume ${volume.id} did not wait for ${open.join(", ")}`);
  }
}

/** Nothing that others made is lost or doubled, and none is removed but as the volume whose delete somebody asked for. */
function checkForeignData(world: World): void {
  for (const simulated of world.backends) {
    for (const { identity } of simulated.foreign.values()) world.foreignData.add(identity);
    // What a person said to be lost, a person may clear away when its disk is back.
    for (const [identity, volumeId] of simulated.removed) {
      if (world.moved.has(volumeId)) world.foreignData.delete(identity);
      else if (!world.givenUp.has(volumeId) && !world.lost.has(volumeId))
        throw new Error(`${identity} was removed as ${volumeId}, which nobody deleted`);
    }
  }
  for (const identity of world.foreignData) {
    // What moved stands elsewhere, as a copy; that its content is there is checked with all others'.
    if (world.backends.some((simulated) => world.moved.has(simulated.takenAs(identity) ?? ""))) continue;
    const places = world.backends.flatMap((simulated) => simulated.whereIs(identity, world.lost));
    if (places.length !== 1) throw new Error(`${identity} is ${places.join(" and ") || "nowhere"}`);
  }
}

/** Nobody has more than he may, in any state and by any count; and the index says what the records do. */
function checkQuotas(state: State): void {
  const [counted, kept] = [countUsage(state), keptUsage(state)];
  if (!sameUsage(kept, counted)) throw new Error(`usage is kept as ${told(kept)}, the records say ${told(counted)}`);
  const { quotas, flavors } = state.catalogue.catalogue;
  for (const flavor of [null, ...flavors]) {
    const used = counted.get(flavor === null ? LIMITED_PROJECT : `${LIMITED_PROJECT} ${flavor.id}`);
    for (const kind of QUOTA_KINDS) {
      const limit = limitOf(quotas, LIMITED_PROJECT, flavor?.name ?? null, kind);
      if (used !== undefined && limit !== UNLIMITED && used[kind] > limit)
        throw new Error(
          `${LIMITED_PROJECT} has ${used[kind]} ${kind} of ${flavor?.name ?? "all"}, ${limit} are allowed`,
        );
    }
  }
}

function told(usage: ReadonlyMap<string, unknown>): string {
  return JSON.stringify(Object.fromEntries(usage));
}

/** What is half done of a connect that failed is taken back; from then on it is for whoever holds the attachment. */
function isResting({ status, connector }: Attachment): boolean {
  return RESTING.includes(status) || (status === "error_attaching" && connector === null);
}

function checkEveryPassingStateHasAWayOn(state: State): void {
  const owners = new Set([...state.table("job").values()].map((job) => `${job.owner.kind} ${job.owner.id}`));
  for (const volume of state.table("volume").values()) {
    const passing = PASSING_VOLUME.includes(volume.status);
    // One that is made waits for the others of its group.
    const group = volume.groupId === null ? undefined : state.get("group", volume.groupId);
    const made = volume.status === "creating" && group?.status === "creating" && volume.claim?.settledSeq !== null;
    // One that goes after its snapshots has no job until they are gone.
    if (volume.cascadeDeadlineMs !== undefined && state.unsettled.has(volume.id)) continue;
    if (passing && !made && !owners.has(`volume ${volume.id}`) && !state.waiting.has(volume.id))
      throw new Error(`volume ${volume.id} is ${volume.status} and nobody works on it`);
    const attachments = state.attachmentsOf(volume.id);
    if (["attaching", "detaching", "in-use"].includes(volume.status) && attachments.length === 0)
      throw new Error(`volume ${volume.id} is ${volume.status} without an attachment`);
    if (volume.status === "available" && attachments.length > 0)
      throw new Error(`volume ${volume.id} is available with an attachment`);
  }
  for (const snapshot of state.table("snapshot").values()) {
    const passing = ["creating", "deleting", "error_deleting"].includes(snapshot.status);
    const owner =
      snapshot.groupSnapshotId === null ? `snapshot ${snapshot.id}` : `group-snapshot ${snapshot.groupSnapshotId}`;
    if (passing && !owners.has(owner))
      throw new Error(`snapshot ${snapshot.id} is ${snapshot.status} and nobody works on it`);
    if (state.get("volume", snapshot.volumeId) === undefined)
      throw new Error(`snapshot ${snapshot.id} outlived its volume`);
  }
  for (const attachment of state.table("attachment").values()) {
    if (!isResting(attachment) && !owners.has(`attachment ${attachment.id}`))
      throw new Error(`attachment ${attachment.id} is ${attachment.status} and nobody works on it`);
  }
  for (const taken of state.table("group-snapshot").values()) {
    if (!["available", "error"].includes(taken.status) && !owners.has(`group-snapshot ${taken.id}`))
      throw new Error(`group snapshot ${taken.id} is ${taken.status} and nobody works on it`);
    if (state.get("group", taken.groupId) === undefined) throw new Error(`${taken.id} outlived its group`);
    const statuses = new Set(state.snapshotsOfGroup(taken.id).map(({ status }) => status));
    if (taken.status === "available" && [...statuses].join() !== "available")
      throw new Error(`group snapshot ${taken.id} is available, its snapshots are ${[...statuses].join(", ")}`);
  }
  for (const group of state.table("group").values()) {
    const members = state.membersOf(group.id);
    if (!["available", "error"].includes(group.status) && !state.unsettled.has(group.id))
      throw new Error(`group ${group.id} is ${group.status} and nobody looks after it`);
    if (new Set(members.flatMap(({ backendId }) => backendId ?? [])).size > 1)
      throw new Error(`group ${group.id} is on several backends`);
    if (group.status === "creating" && members.some(({ status }) => LIVE.includes(status)))
      throw new Error(`a volume of group ${group.id} is there before the others`);
  }
  for (const leftover of state.table("leftover").values()) {
    if (!owners.has(`leftover ${leftover.id}`)) throw new Error(`nobody removes leftover ${leftover.id}`);
  }
}

/** The sums kept step by step are those that the records give when counted anew. */
function compareIndexes(state: State, recounted: State): void {
  for (const { id } of state.catalogue.catalogue.backends) {
    const kept = state.space.backend(id);
    const counted = recounted.space.backend(id);
    let virtualBytes = 0;
    let objects = 0;
    for (const { claim, object } of counted.claims.values()) {
      if (claim.settledSeq !== null && claim.settledSeq <= kept.asOf) continue;
      virtualBytes += claim.virtualBytes;
      if (object) objects += 1;
    }
    if (kept.unmeasuredVirtualBytes !== virtualBytes || kept.unmeasuredObjects !== objects)
      throw new Error(
        `backend ${id}: ${bytesToGib(kept.unmeasuredVirtualBytes)} GiB of ${kept.unmeasuredObjects} objects are kept as unmeasured, the records say ${bytesToGib(virtualBytes)} GiB of ${objects}`,
      );
    const inHand = [...state.table("job").values()].filter((job) => job.backendId === id && job.dispatched);
    if (inHand.length !== state.queues.of(id).inHand.size)
      throw new Error(`backend ${id}: jobs in hand are miscounted`);
    const keys = inHand.flatMap((job) => job.serialKeys);
    if (new Set(keys).size < keys.length) throw new Error(`backend ${id}: two jobs in hand work on one volume`);
    if (inHand.length > 3) throw new Error(`backend ${id} has ${inHand.length} jobs in hand, more than its limit`);
    if (state.userCount(id) !== recounted.userCount(id)) throw new Error(`backend ${id}: its users are miscounted`);
  }
}

/** Faults end, and there is time: everything must come to an end by itself. */
function comeToRest(world: World): void {
  world.faults = NO_FAULTS;
  for (let round = 0; round < 400; round++) {
    world.beat();
    for (const backend of world.backends) world.measure(backend);
    for (let n = 0; n < 10; n++) world.work();
    world.keepExports();
    world.tick(1_000);
    world.deliverResults();
    world.deliverReports();
    checkInvariants(world);
    if (!isAtRest(world)) continue;
    world.keepExports();
    world.operator.lookEverywhere();
    if (isAtRest(world)) return;
  }
  throw new Error("it did not come to rest");
}

function isAtRest({ quiet, scheduler: { state } }: World): boolean {
  return quiet && state.table("job").size === 0 && state.waiting.size === 0 && state.unsettled.size === 0;
}

/** Ledger and storage agree: nothing lost, doubled, stuck or orphaned. */
function checkAtRest(world: World): void {
  const { state } = world.scheduler;
  const expected = new Map<string, Map<string, number>>(
    world.backends.map(({ backend }) => [String(backend.id), new Map()]),
  );
  for (const volume of state.table("volume").values()) {
    if (volume.status === "error" || volume.status === "error_managing") continue;
    if (!LIVE.includes(volume.status)) throw new Error(`volume ${volume.id} is stuck in ${volume.status}`);
    expected.get(String(volume.backendId))?.set(objectIdOf(volume), gibToBytes(volume.sizeGib));
  }
  for (const snapshot of state.table("snapshot").values()) {
    if (snapshot.status === "error") continue;
    if (snapshot.status !== "available") throw new Error(`snapshot ${snapshot.id} is stuck in ${snapshot.status}`);
    expected.get(String(snapshot.backendId))?.set(snapshot.id, gibToBytes(snapshot.sizeGib));
  }
  for (const group of state.table("group").values()) {
    if (!["available", "error"].includes(group.status))
      throw new Error(`group ${group.id} is stuck in ${group.status}`);
    if (group.status === "error" && state.membersOf(group.id).length > 0)
      throw new Error(`group ${group.id} could not be made, and some of its volumes stay`);
  }
  for (const taken of state.table("group-snapshot").values()) {
    if (!["available", "error"].includes(taken.status)) throw new Error(`${taken.id} is stuck in ${taken.status}`);
    const simulated = world.backends.find(({ backend }) => backend.id === taken.backendId);
    const instants = new Set(state.snapshotsOfGroup(taken.id).map(({ id }) => simulated?.instants.get(id)));
    if (taken.status === "available" && instants.size !== 1)
      throw new Error(`the snapshots of group snapshot ${taken.id} are of several instants`);
  }
  for (const id of world.deleted) {
    if (DELETABLE.some((kind) => state.get(kind, id) !== undefined)) throw new Error(`${id} was deleted and is there`);
  }
  for (const { backend, objects, connections } of world.backends) {
    const wanted = expected.get(String(backend.id)) ?? new Map<string, number>();
    for (const [id, bytes] of wanted) {
      if (objects.get(id) === undefined) throw new Error(`${id} is recorded and not on backend ${backend.id}: lost`);
      if (objects.get(id) !== bytes) throw new Error(`${id} has ${objects.get(id)} bytes, recorded are ${bytes}`);
    }
    for (const id of objects.keys())
      if (!wanted.has(id)) throw new Error(`${id} is on backend ${backend.id} without a record: an orphan`);
    for (const [id, hosts] of connections) {
      const attached = state.attachmentsOf(state.volumeOfObject(id)?.id ?? id).filter(isLetIn);
      if (attached.length === 0) throw new Error(`${id} is exported and nobody's`);
      const recorded = attached.map(({ connector }) => connector?.initiator ?? "").sort();
      // Of what never had its exports closed it is not known whom an earlier ledger let in: nobody is shut out there.
      const closed = (state.volumeOfObject(id) ?? state.get("snapshot", id))?.exportsClosedAtMs;
      const known = closed === undefined ? recorded : [...hosts].sort();
      if (!recorded.every((host) => hosts.has(host)) || known.length > recorded.length)
        throw new Error(`${id} is open to ${[...hosts]}, not to ${recorded}`);
    }
  }
  for (const attachment of state.table("attachment").values()) {
    if (!isResting(attachment)) throw new Error(`attachment ${attachment.id} is stuck in ${attachment.status}`);
    const simulated = world.backends.find(({ backend }) => backend.id === attachment.backendId);
    if (isLetIn(attachment) && !simulated?.connections.has(attachedObject(state, attachment)))
      throw new Error(`attachment ${attachment.id} is let in and not exported`);
  }
}
