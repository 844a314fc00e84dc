import { createHash, randomUUID } from "node:crypto";
import type { CallContext, ChapCredentials, Driver, ObjectUpdate } from "#agent/drivers/driver.ts";
import type { MoveTools } from "#agent/moves.ts";
import { perform } from "#agent/operations.ts";
import type { Connector } from "#shared/model/attachment.ts";
import type { OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import { Secret } from "#shared/secret.ts";
import { TEST_KEY } from "#test/kit/copy-ends.ts";
import { callContext } from "#test/kit/driver-context.ts";
import { SIZE_BYTES } from "./subject.ts";

/** The longest that a user can give, and of the kind that breaks shells and paths. */
export const MARK: OwnerMark = {
  projectId: "p".repeat(255),
  flavorName: "gold",
  name: `../"; rm -rf ~ ${"🚢".repeat(50)}`.padEnd(255, "n"),
};

export function snapshotRef(volume: VolumeRef, fields: Partial<SnapshotRef> = {}): SnapshotRef {
  const { sizeBytes, id: volumeId } = volume;
  return { id: randomUUID(), volumeId, sizeBytes, providerId: null, properties: {}, ...fields };
}

/** Volumes of the size that a subject wants. */
export function objectsOf(sizeBytes: number) {
  const volumeRef = (fields: Partial<VolumeRef> = {}): VolumeRef => ({
    id: randomUUID(),
    sizeBytes,
    providerId: null,
    properties: {},
    ...fields,
  });
  return {
    volumeRef,
    /** Made, and recorded as the scheduler does. */
    async madeVolume(driver: Driver, fields: Partial<VolumeRef> = {}): Promise<VolumeRef> {
      const volume = volumeRef(fields);
      return recorded(volume, await driver.createVolume(callContext(), volume, MARK));
    },
  };
}

export const { volumeRef, madeVolume } = objectsOf(SIZE_BYTES);

/** Out of nothing, or of what else. */
export type Making =
  | { readonly kind: "volume.create" }
  | { readonly kind: "volume.create-from-snapshot"; readonly snapshot: SnapshotRef }
  | { readonly kind: "volume.clone"; readonly source: VolumeRef };

/** As a job has it done: with an account of its own from the first moment, where the driver says that it gives one. */
export async function makersOf(by: Driver) {
  const { capabilities } = await by.measure(callContext());
  const hasAccount = capabilities.includes("chap-at-creation");
  return async (context: CallContext, volume: VolumeRef, making: Making = { kind: "volume.create" }): Promise<void> => {
    const { username, secret } = credentials(volume);
    const account = hasAccount ? { chap: { username, sealedSecret: TEST_KEY.seal(secret) } } : {};
    await perform(by, context, { ...making, volume, mark: MARK, ...account }, ALONE);
  };
}

const ALONE: MoveTools = {
  sealingKey: TEST_KEY,
  driverOf: () => Promise.reject(new Error("there is no other backend")),
};

export async function madeSnapshot(driver: Driver, volume: VolumeRef): Promise<SnapshotRef> {
  const snapshot = snapshotRef(volume);
  return recorded(snapshot, await driver.createSnapshot(callContext(), snapshot, volume, MARK));
}

function recorded<R extends VolumeRef | SnapshotRef>(object: R, { providerId, properties }: ObjectUpdate): R {
  return {
    ...object,
    ...(providerId === undefined ? {} : { providerId }),
    ...(properties === undefined ? {} : { properties }),
  };
}

/** A volume's own. Secrets are as long as those that the API makes: many systems take no longer ones. */
export function credentials(
  volume: VolumeRef,
  secret = createHash("sha256").update(volume.id).digest("hex").slice(0, 16),
): ChapCredentials {
  return { username: `berth-${volume.id}`, secret: new Secret(secret) };
}

export function connectorOf(initiator: string | null): Connector {
  return { host: "h1", ip: "192.0.2.7", initiator, multipath: false };
}

export async function connect(driver: Driver, volume: VolumeRef, chap: ChapCredentials, initiator: string) {
  await driver.ensureExport(callContext(), volume, chap, "rw");
  return await driver.initializeConnection(callContext(), volume, connectorOf(initiator), chap, "rw");
}
