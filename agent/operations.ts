import type { ConnectionInfo } from "#shared/model/attachment.ts";
import type { Operation } from "#shared/model/operation.ts";
import type { SealingKey } from "#shared/sealed.ts";
import { type CallContext, type Driver, DriverError, type ObjectUpdate } from "./drivers/driver.ts";

export interface Performed {
  readonly update: ObjectUpdate;
  readonly connectionInfo: ConnectionInfo | null;
}

/** Which driver calls an operation is made of. */
export async function perform(
  driver: Driver,
  context: CallContext,
  operation: Operation,
  sealingKey: SealingKey,
): Promise<Performed> {
  switch (operation.kind) {
    case "volume.create":
      return updated(await driver.createVolume(context, operation.volume, operation.mark));
    case "volume.create-from-snapshot":
      return updated(
        await driver.createVolumeFromSnapshot(context, operation.volume, operation.mark, operation.snapshot),
      );
    case "volume.clone":
      return updated(await driver.cloneVolume(context, operation.volume, operation.mark, operation.source));
    case "volume.delete":
      await driver.deleteVolume(context, operation.volume);
      return NOTHING;
    case "volume.extend":
      return updated(await driver.extendVolume(context, operation.volume, operation.newSizeBytes));
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
    case "attachment.connect": {
      const { volume, connector, chap } = operation;
      const credentials = { username: chap.username, secret: sealingKey.open(chap.sealedSecret) };
      await driver.ensureExport(context, volume, credentials);
      const connectionInfo = await driver.initializeConnection(context, volume, connector, credentials);
      return { update: {}, connectionInfo };
    }
    case "backend.failover":
      if (driver.replication === undefined) throw new DriverError("not-done", "this backend is not replicated");
      await driver.replication.takeOver(context, operation.from);
      return NOTHING;
    case "attachment.disconnect":
      await driver.terminateConnection(context, operation.volume, operation.connector);
      if (operation.last) await driver.removeExport(context, operation.volume);
      return NOTHING;
  }
}

const NOTHING: Performed = { update: {}, connectionInfo: null };

function updated(update: ObjectUpdate): Performed {
  return { update, connectionInfo: null };
}
