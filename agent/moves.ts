import type { Operation } from "#shared/model/operation.ts";
import type { Sealing } from "#shared/sealed.ts";
import type { BlockEnd } from "./copy/block-end.ts";
import { copyVolume } from "./copy/copy-volume.ts";
import { openEnd } from "./copy/open-end.ts";
import { addressOf, openVolumeEnd } from "./copy/volume-end.ts";
import { type CallContext, type Driver, DriverError, type ObjectUpdate } from "./drivers/driver.ts";
import { assertNotAborted } from "./transport/changing.ts";

type Wanted<K extends Operation["kind"]> = Extract<Operation, { kind: K }>;

/** What steps of a move need beside the driver of their own backend. */
export interface MoveTools {
  readonly sealingKey: Pick<Sealing, "open" | "seal">;
  /** Of another backend that this agent serves. */
  readonly driverOf: (backendId: number) => Promise<Driver>;
}

/** Copies one volume into another, from where an earlier try of the job came to. */
export async function fillVolume(
  driver: Driver,
  context: CallContext,
  wanted: Wanted<"volume.copy">,
  tools: MoveTools,
): Promise<void> {
  await requireAwaited(context);
  const { volume, bandwidthLimitBytesPerS, connector, chap } = wanted;
  const { sealingKey } = tools;
  await using source = await openSource(context, wanted, tools);
  const opening = { driver, volume, connector, chap, sealingKey, writable: true };
  await using target = await openVolumeEnd(context, opening);
  const { copiedBytes, zeroBytes } = await copyVolume(context, {
    source,
    target,
    sizeBytes: volume.sizeBytes,
    bandwidthLimitBytesPerS,
  });
  context.log.info({ volumeId: volume.id, copiedBytes, zeroBytes }, "a volume was copied");
}

async function openSource(
  context: CallContext,
  { source, connector, chap, volume }: Wanted<"volume.copy">,
  { sealingKey, driverOf }: MoveTools,
): Promise<BlockEnd> {
  if (source.kind === "connection") {
    const address = isFake(source.info.data) ? ({ kind: "none" } as const) : addressOf(source.info, connector, chap);
    return await openEnd(context, { address, sizeBytes: volume.sizeBytes, writable: false, sealingKey });
  }
  const driver = await driverOf(source.backendId);
  return await openVolumeEnd(context, {
    driver,
    volume: source.volume,
    connector,
    chap,
    sealingKey,
    writable: false,
  });
}

/** The address that a fake backend gives reaches nobody, and nothing is there. */
function isFake(data: Readonly<Record<string, unknown>>): boolean {
  return data.fake === true;
}

export async function migrateVolume(
  driver: Driver,
  context: CallContext,
  { volume, target, toBackendId, mark }: Wanted<"volume.migrate">,
  { driverOf }: MoveTools,
): Promise<ObjectUpdate> {
  if (driver.migrateVolume === undefined) throw new DriverError("not-done", "the backend moves no volumes by itself");
  const to = await driverOf(toBackendId);
  await requireAwaited(context);
  return await driver.migrateVolume(context, volume, { driver: to, volume: target, mark });
}

export async function retypeVolume(
  driver: Driver,
  context: CallContext,
  { volume, mark }: Wanted<"volume.retype">,
): Promise<ObjectUpdate> {
  if (driver.retypeVolume === undefined) throw new DriverError("not-done", "the backend changes no volumes");
  await requireAwaited(context);
  return await driver.retypeVolume(context, volume, mark);
}

/**
 * A message of a job that is over may come late, when its volume is in use elsewhere and as another: what these jobs do
 * would then destroy it. So the scheduler is asked first whether the job is still wanted.
 */
async function requireAwaited(context: CallContext): Promise<void> {
  await context.progress.checkpointBytes();
  assertNotAborted(context);
}
