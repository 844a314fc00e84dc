import type { OwnerMark } from "#shared/model/operation.ts";
import { type CallContext, DriverError } from "../driver.ts";
import { volumeName } from "../names.ts";
import type { Accounts } from "./accounts.ts";
import { answers, type ElementQos, type ElementVolume } from "./answers.ts";
import type { ElementClient } from "./client.ts";
import { type ElementMark, withMark } from "./mark.ts";
import { isDeleted, type Objects, type OurVolume } from "./objects.ts";
import { isRefusal } from "./refusal.ts";
import { explainedSpace } from "./space.ts";

/** What may be changed of a volume, in one call and so at one instant. Its name cannot. */
export interface VolumeChange {
  readonly accountID?: number;
  readonly access?: "readWrite" | "readOnly";
  readonly qos?: ElementQos;
  readonly totalSize?: number;
  readonly attributes?: object;
}

/** Single calls that change a volume. */
export class Volumes {
  readonly #client: ElementClient;
  readonly #objects: Objects;
  readonly #accounts: Accounts;
  readonly #enable512e: boolean;

  constructor(client: ElementClient, objects: Objects, accounts: Accounts, enable512e: boolean) {
    this.#client = client;
    this.#objects = objects;
    this.#accounts = accounts;
    this.#enable512e = enable512e;
  }

  async create(
    context: CallContext,
    volume: { readonly id: string; readonly sizeBytes: number },
    owner: OwnerMark,
    qos: ElementQos | null,
  ): Promise<number> {
    const volumeId = await this.#accounts.inProject(context, owner.projectId, async (accountID) => {
      const made = await explainedSpace(this.#client, context, volume.sizeBytes, () =>
        this.#client.call(context, {
          method: "CreateVolume",
          params: {
            name: volumeName(volume.id),
            accountID,
            totalSize: volume.sizeBytes,
            enable512e: this.#enable512e,
            ...(qos === null ? {} : { qos }),
            attributes: withMark(null, { id: volume.id, owner }),
          },
          answer: answers.createdVolume,
          does: "make",
        }),
      );
      return made.volumeID;
    });
    return await this.onlyOne(context, volume.id, volumeId);
  }

  /**
   * The array makes two of one name when two agents ask at once. Each looks behind itself, and who was later removes what
   * it has just made: so one is left, the oldest.
   */
  async onlyOne(context: CallContext, volumeId: string, mine: number): Promise<number> {
    const oldest = await this.#objects.made(context, volumeId);
    if (oldest === null || oldest.volume.volumeID >= mine) return mine;
    await this.#gone(context, "DeleteVolume", mine);
    await this.#gone(context, "PurgeDeletedVolume", mine);
    return oldest.volume.volumeID;
  }

  async modify(context: CallContext, volume: ElementVolume, change: VolumeChange): Promise<void> {
    const { totalSize = volume.totalSize } = change;
    await explainedSpace(this.#client, context, totalSize - volume.totalSize, () =>
      this.#client.call(context, {
        method: "ModifyVolume",
        params: { volumeID: volume.volumeID, ...change },
        answer: answers.nothing,
        does: "change",
      }),
    );
  }

  /** The mark, with whatever else changes with it. */
  async remark(
    context: CallContext,
    { volume }: OurVolume,
    mark: ElementMark,
    change: VolumeChange = {},
  ): Promise<void> {
    await this.modify(context, volume, { ...change, attributes: withMark(volume.attributes, mark) });
  }

  /** For good: nobody could restore what the ledger has forgotten. */
  async remove(context: CallContext, { volume, mark }: OurVolume): Promise<void> {
    await this.#assertTenant(context, { volume, mark });
    if (!isDeleted(volume)) await this.#gone(context, "DeleteVolume", volume.volumeID);
    await this.#gone(context, "PurgeDeletedVolume", volume.volumeID);
    if (mark.host !== undefined) await this.#accounts.removeDoors(context, mark.id);
  }

  async defaultQos(context: CallContext): Promise<ElementQos> {
    return await this.#client.call(context, { method: "GetDefaultQoS", answer: answers.defaultQos, does: "read" });
  }

  /** One tenant's volume in another's account was moved there by somebody, and is not deleted on our word. */
  async #assertTenant(context: CallContext, { volume, mark }: OurVolume): Promise<void> {
    if (mark.host !== undefined) return;
    const { projectId } = mark.owner;
    if (await this.#accounts.isOfProject(context, volume.accountID, projectId)) return;
    throw new DriverError(
      "not-done",
      `volume ${mark.id} is in account ${volume.accountID} of the array, which is not one of project ${projectId}`,
    );
  }

  async #gone(context: CallContext, method: string, volumeID: number): Promise<void> {
    try {
      await this.#client.call(context, { method, params: { volumeID }, answer: answers.nothing, does: "change" });
    } catch (error) {
      if (!isRefusal(error, "xVolumeIDDoesNotExist")) throw error;
    }
  }
}
