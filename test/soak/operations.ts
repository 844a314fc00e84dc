import { unmanagedName } from "#scheduler/core/manage.ts";
import type { OperationKind } from "#shared/model/operation.ts";
import { type BerthClient, Refusal, type SeenVolume, type WantedVolume } from "#test/kit/berth-client.ts";
import type { BookedSnapshot, BookedVolume } from "./book.ts";
import { FLAVORS, ZONES } from "./stand.ts";
import { Ended, type Task, type User } from "./user.ts";

export interface SoakedOperation {
  /** How often, among the others. */
  readonly share: number;
  /** Chooses what to do it on; null: this user has nothing for it now. */
  readonly begin: (user: User) => Task | null;
}

const MOST_VOLUMES = 25;
const MOST_SNAPSHOTS = 10;
const MOST_GIB = 4;
/** Of deletes: so often the create before it is not waited for. */
const DELETE_AT_ONCE = 0.1;

/** A backend changes sides when its operator says so, not a user: `test/system/failover.test.ts`. */
type UserOperation = Exclude<OperationKind, "backend.failover">;

/** All of them: one that is added without its part here does not compile. */
export const SOAKED_OPERATIONS: Readonly<Record<UserOperation, SoakedOperation>> = {
  "volume.create": {
    share: 24,
    begin: (user) => {
      if (user.volumes.length >= MOST_VOLUMES) return null;
      const [zone, flavor] = [zoneFor(user), flavorFor(user)];
      return { zone, id: null, perform: async () => void (await create(user, zone, flavor, 1, {})) };
    },
  },
  "volume.create-from-snapshot": {
    share: 6,
    begin: (user) => {
      const source = user.random.pick(user.snapshots);
      if (source === undefined || user.volumes.length >= MOST_VOLUMES) return null;
      const { volume, sizeGib, id } = source;
      const perform = async () => void (await create(user, volume.zone, volume.flavor, sizeGib, { snapshot_id: id }));
      return { zone: volume.zone, id: null, perform };
    },
  },
  "volume.clone": {
    share: 6,
    begin: (user) => {
      const source = user.random.pick(atRest(user));
      if (source === undefined || user.volumes.length >= MOST_VOLUMES) return null;
      const { zone, flavor, sizeGib, id } = source;
      const perform = async () => void (await create(user, zone, flavor, sizeGib, { source_volid: id }));
      return { zone, id: null, perform };
    },
  },
  "volume.delete": {
    share: 30,
    begin: (user) => {
      if (user.random.chance(DELETE_AT_ONCE)) return deletionAtOnce(user);
      const snapped = new Set(user.snapshots.map(({ volume }) => volume.id));
      const volume = user.random.pick(atRest(user).filter(({ id }) => !snapped.has(id)));
      if (volume === undefined) return null;
      return { zone: volume.zone, id: volume.id, perform: () => remove(user, volume.id) };
    },
  },
  "volume.extend": {
    share: 8,
    begin: (user) => {
      const volume = user.random.pick(atRest(user).filter(({ sizeGib }) => sizeGib < MOST_GIB));
      if (volume === undefined) return null;
      return { zone: volume.zone, id: volume.id, perform: () => extend(user, volume) };
    },
  },
  // The stand has one backend a zone and flavor: there is nowhere to move to.
  "volume.copy": { share: 0, begin: () => null },
  "volume.migrate": { share: 0, begin: () => null },
  "volume.retype": { share: 0, begin: () => null },
  "volume.manage": {
    share: 3,
    begin: (user) => roundTrip(user),
  },
  "volume.unmanage": {
    share: 3,
    begin: (user) => roundTrip(user),
  },
  "snapshot.create": {
    share: 10,
    begin: (user) => {
      const volume = user.random.pick(atRest(user));
      if (volume === undefined || user.snapshots.length >= MOST_SNAPSHOTS) return null;
      return { zone: volume.zone, id: volume.id, perform: () => takeSnapshot(user, volume) };
    },
  },
  "snapshot.delete": {
    share: 9,
    begin: (user) => {
      const snapshot = user.random.pick(user.snapshots);
      if (snapshot === undefined) return null;
      return { zone: snapshot.volume.zone, id: snapshot.id, perform: () => removeSnapshot(user, snapshot) };
    },
  },
  "mark.write": {
    // Comes of renaming; but names are the keys of the users' books. The crash matrix has it.
    share: 0,
    begin: () => null,
  },
  "volume.revert": {
    share: 4,
    begin: (user) => {
      const snapshot = user.random.pick(user.snapshots.filter((taken) => isOnly(user, taken)));
      if (snapshot === undefined) return null;
      const { volume } = snapshot;
      return { zone: volume.zone, id: volume.id, perform: () => revert(user, snapshot) };
    },
  },
  "group-snapshot.create": {
    share: 4,
    begin: (user) => {
      const volume = user.random.pick(atRest(user));
      if (volume === undefined) return null;
      return { zone: volume.zone, id: volume.id, perform: () => snapshotAsGroup(user, volume) };
    },
  },
  // Each is deleted by the one that has it taken.
  "group-snapshot.delete": { share: 0, begin: () => null },
  "attachment.connect": {
    share: 9,
    begin: (user) => {
      const volume = user.random.pick(atRest(user));
      if (volume === undefined) return null;
      return { zone: volume.zone, id: volume.id, perform: () => connect(user, volume) };
    },
  },
  "attachment.disconnect": {
    share: 9,
    begin: (user) => {
      const volume = user.random.pick(user.volumes.filter(({ host }) => host !== null));
      if (volume === undefined) return null;
      return { zone: volume.zone, id: volume.id, perform: () => disconnect(user, volume) };
    },
  },
  // The book does not keep who reads a snapshot yet: the crash matrix and the simulation have these.
  "attachment.connect-snapshot": { share: 0, begin: () => null },
  "attachment.disconnect-snapshot": { share: 0, begin: () => null },
};

/** What the user cannot do now, another kind may allow: so often it is tried. */
const PICKS = 100;

/** By the shares, something that the user can do now. */
export function chooseTask(user: User): { readonly kind: UserOperation; readonly task: Task } {
  const all = SOAKED_KINDS.reduce((sum, kind) => sum + SOAKED_OPERATIONS[kind].share, 0);
  for (let picks = 0; picks < PICKS; picks++) {
    let at = user.random.next() * all;
    const kind = SOAKED_KINDS.find((candidate) => {
      at -= SOAKED_OPERATIONS[candidate].share;
      return at < 0;
    });
    const task = kind === undefined ? null : SOAKED_OPERATIONS[kind].begin(user);
    if (kind !== undefined && task !== null) return { kind, task };
  }
  throw new Error("a user has nothing to do");
}

export const SOAKED_KINDS: readonly UserOperation[] = Object.keys(SOAKED_OPERATIONS).filter((name) => isKind(name));

function isKind(name: string): name is UserOperation {
  return Object.hasOwn(SOAKED_OPERATIONS, name);
}

function atRest(user: User): BookedVolume[] {
  return user.volumes.filter(({ host }) => host === null);
}

function zoneFor(user: User): string {
  return user.random.pick(ZONES) ?? ZONES[0];
}

function flavorFor(user: User): string {
  return user.random.pick(FLAVORS) ?? FLAVORS[0];
}

/** Gives the id as soon as it is accepted. */
async function askForVolume(user: User, wanted: WantedVolume & { readonly name: string }): Promise<string> {
  const { name } = wanted;
  const { id } = await user.insist(`create ${name}`, (client) =>
    client.createVolume(wanted, { "idempotency-key": name }),
  );
  user.accept(name, id);
  return id;
}

async function create(
  user: User,
  zone: string,
  flavor: string,
  sizeGib: number,
  source: Pick<WantedVolume, "snapshot_id" | "source_volid">,
): Promise<void> {
  const name = user.newName();
  const id = await askForVolume(user, { name, size: sizeGib, volume_type: flavor, availability_zone: zone, ...source });
  const volume: BookedVolume = { id, name, zone, flavor, sizeGib, host: null };
  user.book.volumes.set(id, volume);
  await untilVolume(user, volume, "available", ({ size }) => size === sizeGib);
  user.volumes.push(volume);
}

/** The delete wins over the create that is under way. */
function deletionAtOnce(user: User): Task {
  const [zone, flavor, name] = [zoneFor(user), flavorFor(user), user.newName()];
  return {
    zone,
    id: null,
    perform: async () => {
      const id = await askForVolume(user, { name, size: 1, volume_type: flavor, availability_zone: zone });
      await remove(user, id);
    },
  };
}

async function remove(user: User, id: string): Promise<void> {
  await user.insist(`delete ${id}`, (client, again) => unlessGone(client.deleteVolume(id), again));
  await user.until(`${id} is gone`, async (client) => ((await client.volume(id)) === null ? true : null));
  user.book.volumes.delete(id);
  forget(user.volumes, id);
}

/** Let go of and taken back, under another name, so that nothing foreign is left. */
function roundTrip(user: User): Task | null {
  const snapped = new Set(user.snapshots.map(({ volume }) => volume.id));
  const volume = user.random.pick(atRest(user).filter(({ id }) => !snapped.has(id)));
  if (volume === undefined) return null;
  return { zone: volume.zone, id: volume.id, perform: () => letGoAndTakeBack(user, volume) };
}

async function letGoAndTakeBack(user: User, before: BookedVolume): Promise<void> {
  const { id: oldId } = before;
  const name = user.newName();
  const host = await user.insist(`where ${oldId} is`, async (client) => {
    return (await client.volume(oldId))?.["os-vol-host-attr:host"] ?? "";
  });
  await user.insist(`unmanage ${oldId}`, (client, again) => unlessGone(client.unmanageVolume(oldId), again));
  await user.until(`${oldId} is let go of`, async (client) => ((await client.volume(oldId)) === null ? true : null));
  user.book.volumes.delete(oldId);
  forget(user.volumes, oldId);
  const { id } = await user.insist(`manage ${name}`, async (client, again) => {
    const taken = async () => (await client.volumes()).find((seen) => seen.name === name);
    const earlier = again ? await taken() : undefined;
    if (earlier !== undefined) return earlier;
    try {
      return await client.manageVolume(host, unmanagedName(oldId), { name, volume_type: before.flavor });
    } catch (error) {
      // An earlier request may still have been under way when its volume was looked for.
      const found = again && error instanceof Refusal && error.status === 400 ? await taken() : undefined;
      if (found !== undefined) return found;
      throw error;
    }
  });
  user.accept(name, id);
  const volume: BookedVolume = { ...before, id, name };
  user.book.volumes.set(id, volume);
  await untilVolume(user, volume, "available", ({ size }) => size === volume.sizeGib);
  user.volumes.push(volume);
}

async function extend(user: User, volume: BookedVolume): Promise<void> {
  const { id } = volume;
  const sizeGib = volume.sizeGib + 1;
  await user.insist(`extend ${id}`, async (client, again) => {
    const seen = again ? await client.volume(id) : null;
    if (seen?.status !== "extending" && seen?.size !== sizeGib) await client.extendVolume(id, sizeGib);
  });
  await untilVolume(user, volume, "available", ({ size }) => size === sizeGib);
  volume.sizeGib = sizeGib;
}

/** There is no key to send with it; so after a lost answer its name is looked for. */
async function takeSnapshot(user: User, volume: BookedVolume): Promise<void> {
  const name = user.newName();
  const { id } = await user.insist(`snapshot ${name}`, async (client, again) => {
    const [taken] = again ? await client.snapshots(name) : [];
    return taken ?? (await client.createSnapshot(volume.id, name));
  });
  user.accept(name, id);
  const snapshot: BookedSnapshot = { id, name, volume, sizeGib: volume.sizeGib };
  user.book.snapshots.set(id, snapshot);
  await user.until(`snapshot ${id} is available`, async (client) => {
    const seen = await client.snapshot(id);
    return settled(seen === null ? "gone" : seen.status, "available") ? true : null;
  });
  user.snapshots.push(snapshot);
}

async function removeSnapshot(user: User, { id }: BookedSnapshot): Promise<void> {
  await user.insist(`delete snapshot ${id}`, (client, again) => unlessGone(client.deleteSnapshot(id), again));
  await user.until(`snapshot ${id} is gone`, async (client) => ((await client.snapshot(id)) === null ? true : null));
  user.book.snapshots.delete(id);
  forget(user.snapshots, id);
}

function isOnly(user: User, { id, volume, sizeGib }: BookedSnapshot): boolean {
  const others = user.snapshots.filter((taken) => taken.volume.id === volume.id && taken.id !== id);
  return others.length === 0 && volume.host === null && volume.sizeGib === sizeGib;
}

async function revert(user: User, { id, volume }: BookedSnapshot): Promise<void> {
  await user.insist(`revert ${volume.id}`, async (client, again) => {
    const seen = again ? await client.volume(volume.id) : null;
    if (seen?.status !== "reverting") await client.revert(volume.id, id);
  });
  await untilVolume(user, volume, "available");
}

/** In a group that is there for this alone, and gone afterwards. */
async function snapshotAsGroup(user: User, { id, flavor }: BookedVolume): Promise<void> {
  // What a lost answer has made stays, empty.
  const groupId = await user.insist(`group of ${id}`, (client) => client.createGroup(flavor, []));
  await user.insist(`${id} joins ${groupId}`, (client) => client.updateGroup(groupId, { add_volumes: id }));
  const taken = async (client: BerthClient) =>
    (await client.groupSnapshots()).find(({ group_id }) => group_id === groupId);
  try {
    await user.insist(`snapshot of group ${groupId}`, async (client, again) => {
      if (!again || (await taken(client)) === undefined) await client.createGroupSnapshot(groupId);
    });
    await user.until(`group ${groupId} has its snapshot`, async (client) => {
      const seen = await taken(client);
      return settled(seen?.status ?? "gone", "available") ? true : null;
    });
    await user.insist(`delete the snapshot of ${groupId}`, async (client) => {
      const seen = await taken(client);
      if (seen?.status === "available") await client.deleteGroupSnapshot(seen.id);
    });
    await user.until(`the snapshot of ${groupId} is gone`, async (client) =>
      (await taken(client)) === undefined ? true : null,
    );
  } finally {
    await user.insist(`${id} leaves ${groupId}`, (client) => client.updateGroup(groupId, { remove_volumes: id }));
    await user.insist(`delete ${groupId}`, (client, again) => unlessGone(client.deleteGroup(groupId, false), again));
  }
}

async function connect(user: User, volume: BookedVolume): Promise<void> {
  await user.insist(`connect ${volume.id}`, async (client, again) => {
    try {
      await client.connect(volume.id, user.host);
    } catch (error) {
      // What failed is being undone: it is asked for anew when that is over.
      const undone = again && error instanceof Refusal && error.code === "E_WRONG_STATE";
      throw undone ? new Error(error.message) : error;
    }
  });
  await untilVolume(user, volume, "in-use");
  volume.host = user.host;
}

async function disconnect(user: User, volume: BookedVolume): Promise<void> {
  await user.insist(`disconnect ${volume.id}`, async (client, again) => {
    const seen = again ? await client.volume(volume.id) : null;
    if (seen?.status !== "available") await client.disconnect(volume.id, user.host);
  });
  await untilVolume(user, volume, "available");
  volume.host = null;
}

async function untilVolume(
  user: User,
  { id }: BookedVolume,
  status: string,
  look: (seen: SeenVolume) => boolean = () => true,
): Promise<void> {
  await user.until(`${id} is ${status}`, async (client: BerthClient) => {
    const seen = await client.volume(id);
    if (!settled(seen === null ? "gone" : seen.status, status)) return null;
    if (seen !== null && !look(seen)) throw new Ended(`${id} is ${status} with ${seen.size} GiB`);
    return true;
  });
}

/** Passing states, those that take long too, are waited for; another end is a fault. */
function settled(status: string, wanted: string): boolean {
  if (status === wanted) return true;
  if (status.endsWith("ing")) return false;
  throw new Ended(`it is ${status}, not ${wanted}`);
}

/** Accepted the first time and done meanwhile, though the answer was lost. */
async function unlessGone(deletion: Promise<void>, again: boolean): Promise<void> {
  try {
    await deletion;
  } catch (error) {
    if (!(again && error instanceof Refusal && error.status === 404)) throw error;
  }
}

function forget(list: { readonly id: string }[], id: string): void {
  const index = list.findIndex((one) => one.id === id);
  if (index !== -1) list.splice(index, 1);
}
