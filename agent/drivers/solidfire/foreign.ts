import { randomUUID } from "node:crypto";
import { FOREIGN_PER_PAGE, type ForeignObject, type ForeignPage } from "#shared/model/foreign.ts";
import type { OwnerMark, VolumeRef } from "#shared/model/operation.ts";
import {
  type CallContext,
  DriverError,
  type ForeignObjects,
  type ObjectUpdate,
  type WantedForeign,
} from "../driver.ts";
import type { Accounts } from "./accounts.ts";
import type { ElementVolume } from "./answers.ts";
import { closeAll, type Doors } from "./doors.ts";
import { letGoAttributes, letGoOf, type Taken, volumeMarkOf, withMark } from "./mark.ts";
import { isDeleted, type Objects } from "./objects.ts";
import type { Volumes } from "./volumes.ts";

/** What others call a volume: its name and its number, as its target has them; or as we left it. */
export function referenceOf(volume: ElementVolume): string {
  return letGoOf(volume)?.as ?? `${volume.name}.${volume.volumeID}`;
}

/**
 * Volumes of the cluster that bear no mark of ours. The array cannot give a volume another name: taking over and letting
 * go are each one call that changes its attributes, its account and its size together, and no volume is ever both or
 * neither. What has grown cannot be made smaller again.
 */
export class SolidFireForeign implements ForeignObjects {
  readonly #objects: Objects;
  readonly #accounts: Accounts;
  readonly #volumes: Volumes;
  readonly #doors: Doors;

  constructor(objects: Objects, accounts: Accounts, volumes: Volumes, doors: Doors) {
    this.#objects = objects;
    this.#accounts = accounts;
    this.#volumes = volumes;
    this.#doors = doors;
  }

  async list(context: CallContext, after: string | null): Promise<ForeignPage> {
    const wanted = (await this.#all(context))
      .map(foreignObject)
      .filter(({ reference }) => after === null || reference > after)
      .sort((one, other) => (one.reference < other.reference ? -1 : 1));
    const objects = wanted.slice(0, FOREIGN_PER_PAGE);
    return { objects, next: wanted.length > objects.length ? (objects.at(-1)?.reference ?? null) : null };
  }

  async describe(context: CallContext, reference: string): Promise<ForeignObject | null> {
    const found = await this.#find(context, reference);
    return found === null ? null : foreignObject(found);
  }

  async takeOver(
    context: CallContext,
    volume: VolumeRef,
    owner: OwnerMark,
    { reference, identity, foundBytes }: WantedForeign,
  ): Promise<ObjectUpdate> {
    const [standing] = (await this.#objects.standing(context, volume)).filter((one) => !isDeleted(one.volume));
    if (standing !== undefined) {
      if (standing.mark.taken?.name === reference) return { providerId: String(standing.volume.volumeID) };
      throw new DriverError("not-done", `volume ${volume.id} is there already, and was not taken over from that name`);
    }
    const found = await this.#find(context, reference);
    if (found === null) throw new DriverError("not-done", `there is no ${JSON.stringify(reference)}`);
    const { whyNot, ...seen } = foreignObject(found);
    if (whyNot !== null) throw new DriverError("not-done", `${reference} cannot be taken over: ${whyNot}`);
    if (seen.identity !== identity || seen.sizeBytes !== foundBytes)
      throw new DriverError("not-done", `${reference} is not what it was when it was looked at`);
    const { volumeID, accountID, totalSize } = found;
    const taken: Taken = { arrayId: volumeID, name: reference, sizeBytes: totalSize, accountId: accountID };
    const attributes = withMark(found.attributes, { id: volume.id, owner, taken });
    await this.#accounts.inProject(context, owner.projectId, (home) =>
      this.#volumes.modify(context, found, { accountID: home, totalSize: volume.sizeBytes, attributes }),
    );
    return { providerId: String(volumeID) };
  }

  async letGo(context: CallContext, volume: VolumeRef, reference: string): Promise<void> {
    const ours = await closeAll(context, this.#objects, this.#doors, volume);
    if (ours === null) return;
    const { taken } = ours.mark;
    const givenBack = taken?.name === reference;
    if ((await this.#find(context, reference)) !== null)
      throw new DriverError("not-done", `the name ${reference} is taken`);
    const oldAccount = givenBack ? await this.#accounts.byId(context, taken.accountId) : null;
    // Closing may have changed what stands there.
    const { volume: now } = await this.#objects.requireVolume(context, volume);
    await this.#volumes.modify(context, now, {
      ...(oldAccount === null ? {} : { accountID: oldAccount.accountID }),
      attributes: letGoAttributes(now.attributes, { as: reference, nonce: randomUUID() }),
    });
  }

  async #all(context: CallContext): Promise<ElementVolume[]> {
    return (await this.#objects.volumes(context)).filter((one) => !isDeleted(one) && volumeMarkOf(one) === null);
  }

  async #find(context: CallContext, reference: string): Promise<ElementVolume | null> {
    return (await this.#all(context)).find((volume) => referenceOf(volume) === reference) ?? null;
  }
}

function foreignObject(volume: ElementVolume): ForeignObject {
  const nonce = letGoOf(volume)?.nonce;
  const identity = `${volume.volumeID}-${volume.volumeUUID ?? volume.createTime}`;
  return {
    reference: referenceOf(volume),
    sizeBytes: volume.totalSize,
    countedBytes: volume.totalSize,
    identity: nonce === undefined ? identity : `${identity}-${nonce}`,
    whyNot: whyNot(volume),
  };
}

function whyNot({ status, access, volumeAccessGroups, volumePairs = [] }: ElementVolume): string | null {
  if (status !== "active") return `its status is ${status}`;
  if (volumePairs.length > 0) return "it is paired with a volume of another cluster";
  if (access !== "readWrite") return `its access is ${access}`;
  if (volumeAccessGroups.length > 0) return "it is in volume access groups: its hosts have it";
  return null;
}
