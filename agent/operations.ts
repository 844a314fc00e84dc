import type { ConnectionInfo } from "#shared/model/attachment.ts";
import type { Capability } from "#shared/model/capacity.ts";
import type { Chap } from "#shared/model/chap.ts";
import type { GroupMember, Operation } from "#shared/model/operation.ts";
import type { Sealing } from "#shared/sealed.ts";
import {
  type CallContext,
  type ChapCredentials,
  type Driver,
  DriverError,
  type ForeignObjects,
  type HostConnection,
  type MemberUpdate,
  type ObjectUpdate,
  type SnapshotExports,
} from "./drivers/driver.ts";
import { fillVolume, type MoveTools, migrateVolume, retypeVolume } from "./moves.ts";
import { sealedConnection } from "./sealed-connection.ts";

export interface Performed {
  readonly update: ObjectUpdate;
  readonly connectionInfo: ConnectionInfo | null;
  /** Of several snapshots made at once. */
  readonly members?: readonly MemberUpdate[];
}

/**
 * Done once more when it is over, it takes away what was written since, or puts the account that a volume was made with
 * in the place of a later one, whose host is then cut off. So the scheduler is asked before whether it awaits it still.
 */
export function doneOnceOnly(operation: Operation): boolean {
  if (operation.kind === "volume.revert") return true;
  return isCreation(operation) && operation.chap !== undefined;
}

/** Which driver calls an operation is made of. */
export async function perform(
  driver: Driver,
  context: CallContext,
  operation: Operation,
  tools: MoveTools,
): Promise<Performed> {
  switch (operation.kind) {
    case "volume.create":
    case "volume.create-from-snapshot":
    case "volume.clone":
      return updated(await created(driver, context, operation, tools));
    case "volume.delete":
      await driver.deleteVolume(context, operation.volume);
      return NOTHING;
    case "volume.extend":
      return updated(await driver.extendVolume(context, operation.volume, operation.newSizeBytes));
    case "volume.copy":
      await fillVolume(driver, context, operation, tools);
      return NOTHING;
    case "volume.migrate":
      return updated(await migrateVolume(driver, context, operation, tools));
    case "volume.retype":
      return updated(await retypeVolume(driver, context, operation));
    case "volume.manage": {
      const { volume, mark, reference, identity, foundBytes } = operation;
      return updated(await foreignOf(driver).takeOver(context, volume, mark, { reference, identity, foundBytes }));
    }
    case "volume.unmanage":
      await foreignOf(driver).letGo(context, operation.volume, operation.reference);
      return NOTHING;
    case "snapshot.create":
      return updated(
        await driver.createSnapshot(context, operation.snapshot, operation.volume, operation.mark ?? null),
      );
    case "snapshot.delete":
      await driver.deleteSnapshot(context, operation.snapshot, operation.volume);
      return NOTHING;
    case "mark.write":
      await driver.writeMark(context, operation, operation.mark);
      return NOTHING;
    case "volume.revert":
      if (driver.revertVolume === undefined) throw cannot("revert");
      return updated(await driver.revertVolume(context, operation.volume, operation.snapshot));
    case "group-snapshot.create": {
      if (driver.createGroupSnapshot === undefined) throw cannot("group-snapshot");
      const { groupSnapshotId, members } = operation;
      return { ...NOTHING, members: await driver.createGroupSnapshot(context, groupSnapshotId, members) };
    }
    case "group-snapshot.delete":
      await deleteGroupSnapshot(driver, context, operation.groupSnapshotId, operation.members);
      return NOTHING;
    case "attachment.connect": {
      const { volume, connector, chap, access } = operation;
      const credentials = opened(chap, tools.sealingKey);
      await driver.ensureExport(context, volume, credentials, access);
      const made = await driver.initializeConnection(context, volume, connector, credentials, access);
      return connected(made, tools.sealingKey);
    }
    case "backend.failover":
      if (driver.replication === undefined) throw new DriverError("not-done", "this backend is not replicated");
      await driver.replication.takeOver(context, operation.from);
      return NOTHING;
    case "attachment.disconnect":
      await driver.terminateConnection(context, operation.volume, operation.connector);
      if (operation.last) await driver.removeExport(context, operation.volume);
      return NOTHING;
    case "attachment.connect-snapshot": {
      const { snapshot, connector, chap } = operation;
      const credentials = opened(chap, tools.sealingKey);
      const exports = requireSnapshotExports(driver);
      await exports.ensureExport(context, snapshot, credentials);
      return connected(await exports.initializeConnection(context, snapshot, connector, credentials), tools.sealingKey);
    }
    case "attachment.disconnect-snapshot": {
      const exports = requireSnapshotExports(driver);
      await exports.terminateConnection(context, operation.snapshot, operation.connector);
      if (operation.last) await exports.removeExport(context, operation.snapshot);
      return NOTHING;
    }
  }
}

type Creation = Extract<Operation, { kind: "volume.create" | "volume.create-from-snapshot" | "volume.clone" }>;

function isCreation(operation: Operation): operation is Creation {
  return ["volume.create", "volume.create-from-snapshot", "volume.clone"].includes(operation.kind);
}

/** What was made and could not be given its account stands, and goes like what any failed creation leaves. */
async function created(
  driver: Driver,
  context: CallContext,
  operation: Creation,
  { sealingKey }: MoveTools,
): Promise<ObjectUpdate> {
  // Before anything is made: this agent may not know the key.
  const account = operation.chap === undefined ? null : opened(operation.chap, sealingKey);
  const update = await make(driver, context, operation);
  if (account !== null) await driver.ensureExport(context, operation.volume, account, "rw");
  return update;
}

async function make(driver: Driver, context: CallContext, operation: Creation): Promise<ObjectUpdate> {
  const { volume, mark } = operation;
  switch (operation.kind) {
    case "volume.create":
      return await driver.createVolume(context, volume, mark);
    case "volume.create-from-snapshot":
      return await driver.createVolumeFromSnapshot(context, volume, mark, operation.snapshot);
    case "volume.clone":
      return await driver.cloneVolume(context, volume, mark, operation.source);
  }
}

async function deleteGroupSnapshot(
  driver: Driver,
  context: CallContext,
  groupSnapshotId: string,
  members: readonly GroupMember[],
): Promise<void> {
  if (driver.deleteGroupSnapshot !== undefined)
    return await driver.deleteGroupSnapshot(context, groupSnapshotId, members);
  for (const { snapshot, volume } of members) await driver.deleteSnapshot(context, snapshot, volume);
}

function cannot(capability: Capability): DriverError {
  return new DriverError("not-done", `the driver of this backend cannot do this (${capability})`);
}

/** Throws E_CONFIG while this agent does not know the key: then another agent may, or this one does when its file has it. */
export function opened(chap: Chap, sealingKey: Pick<Sealing, "open">): ChapCredentials {
  return { username: chap.username, secret: sealingKey.open(chap.sealedSecret) };
}

export function requireSnapshotExports(driver: Driver): SnapshotExports {
  if (driver.snapshotExports !== undefined) return driver.snapshotExports;
  throw new DriverError("not-done", "this backend cannot let hosts in to snapshots");
}

function connected(made: HostConnection, sealingKey: Pick<Sealing, "seal">): Performed {
  return { update: {}, connectionInfo: sealedConnection(made, sealingKey) };
}

/** The scheduler asks only where `manage` is reported; a driver may have been changed since. */
export function foreignOf({ foreign }: Driver): ForeignObjects {
  if (foreign === undefined)
    throw new DriverError("not-done", "this driver can neither take over nor let go of anything");
  return foreign;
}

const NOTHING: Performed = { update: {}, connectionInfo: null };

function updated(update: ObjectUpdate): Performed {
  return { update, connectionInfo: null };
}
