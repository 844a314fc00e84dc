import type { ConnectionInfo, Connector } from "#shared/model/attachment.ts";
import type { BlockAddress } from "#shared/model/block-address.ts";
import type { Chap } from "#shared/model/chap.ts";
import type { VolumeRef } from "#shared/model/operation.ts";
import type { Sealing } from "#shared/sealed.ts";
import { type CallContext, type Driver, DriverError } from "../drivers/driver.ts";
import { sealedConnection } from "../sealed-connection.ts";
import type { BlockEnd } from "./block-end.ts";
import { openEnd } from "./open-end.ts";

export interface VolumeEndWanted {
  readonly driver: Driver;
  readonly volume: VolumeRef;
  /** This agent's own, for a backend that is reached as by any host. */
  readonly connector: Connector;
  readonly chap: Chap;
  readonly sealingKey: Pick<Sealing, "open" | "seal">;
  readonly writable: boolean;
}

/**
 * A volume as one end of a copy: directly, where its driver tells how, else over iSCSI, with an export that stands for
 * the copy alone and goes with it. Nobody may be connected to the volume.
 */
export async function openVolumeEnd(context: CallContext, wanted: VolumeEndWanted): Promise<BlockEnd> {
  const { driver, volume, writable, sealingKey } = wanted;
  const opening = { sizeBytes: volume.sizeBytes, writable, sealingKey };
  if (driver.blockAddress !== undefined)
    return await openEnd(context, { address: await driver.blockAddress(context, volume), ...opening });
  const address = await connectedAddress(context, wanted);
  try {
    const end = await openEnd(context, { address, ...opening });
    return {
      ...end,
      async [Symbol.asyncDispose]() {
        await end[Symbol.asyncDispose]();
        await disconnect(context, wanted);
      },
    };
  } catch (error) {
    await disconnect(context, wanted).catch((left) =>
      context.log.warn({ err: left, volumeId: volume.id }, "an export for a copy could not be taken down yet"),
    );
    throw error;
  }
}

async function connectedAddress(
  context: CallContext,
  { driver, volume, connector, chap, sealingKey }: VolumeEndWanted,
): Promise<BlockAddress> {
  const credentials = { username: chap.username, secret: sealingKey.open(chap.sealedSecret) };
  await driver.ensureExport(context, volume, credentials, "rw");
  const info = await driver.initializeConnection(context, volume, connector, credentials, "rw");
  return addressOf(sealedConnection(info, sealingKey), connector, chap);
}

/** Removing the export ends every session: what an earlier try still has under way lands nowhere. */
async function disconnect(context: CallContext, { driver, volume, connector }: VolumeEndWanted): Promise<void> {
  if (context.signal.aborted) return;
  await driver.terminateConnection(context, volume, connector);
  await driver.removeExport(context, volume);
}

/** What a host is told, as an agent reads it: one portal or several. `chap` is the volume's. */
export function addressOf(info: ConnectionInfo, connector: Connector, chap: Chap): BlockAddress {
  const { driverVolumeType, data } = info;
  const { target_portal, target_portals, target_iqn, target_lun, auth_method, auth_username } = data;
  const account = info.chap ?? { ...chap, ...(isText(auth_username) ? { username: auth_username } : {}) };
  const portals = [target_portal, ...(Array.isArray(target_portals) ? target_portals : [])].filter(isText);
  if (driverVolumeType !== "iscsi" || portals.length === 0 || !isText(target_iqn) || typeof target_lun !== "number")
    throw new DriverError("not-done", `an agent cannot reach a volume by ${driverVolumeType} to copy it`);
  return {
    kind: "iscsi",
    portals: [...new Set(portals)],
    iqn: target_iqn,
    lun: target_lun,
    initiator: connector.initiator,
    chap: auth_method === "CHAP" ? account : null,
  };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
