import type { Access, Connector } from "#shared/model/attachment.ts";
import type { VolumeRef } from "#shared/model/operation.ts";
import { type CallContext, type ChapCredentials, DriverError } from "../driver.ts";
import { foundOrDone } from "../san/made-once.ts";
import { type Accounts, fitting, isDoorOf } from "./accounts.ts";
import { answers, type ElementAccessGroup, type ElementVolume } from "./answers.ts";
import type { ElementClient } from "./client.ts";
import { isDeleted, type Objects, type OurVolume } from "./objects.ts";
import { isRefusal } from "./refusal.ts";
import type { Volumes } from "./volumes.ts";

/** How hosts are let in to volumes. */
export interface Doors {
  /** What a host must say of itself. */
  readonly needsInitiator: boolean;
  /** Several hosts at once. */
  readonly multiattach: boolean;
  /** The CHAP user that the host is; null: it is let in by its name alone. */
  open(
    context: CallContext,
    ours: OurVolume,
    connector: Connector,
    chap: ChapCredentials,
    access: Access,
  ): Promise<string | null>;
  /** null: every host. */
  close(context: CallContext, ours: OurVolume, connector: Connector | null): Promise<void>;
  /** By volume, whom a listing tells. */
  letIn(context: CallContext, volumes: readonly OurVolume[]): Promise<ReadonlyMap<number, (string | null)[]>>;
}

const MIN_SECRET_LENGTH = 12;
const MAX_SECRET_LENGTH = 16;
const ANYBODY = "*";

/**
 * By CHAP. Who knows an account's secret reaches all volumes of that account; so a volume that is connected is moved to an
 * account of its own, with the secret of this connection, and back when the host goes. One host at a time, for the array
 * could not tell two apart that know one secret.
 */
export class ChapDoors implements Doors {
  readonly needsInitiator = false;
  readonly multiattach = false;
  readonly #accounts: Accounts;
  readonly #volumes: Volumes;

  constructor(accounts: Accounts, volumes: Volumes) {
    this.#accounts = accounts;
    this.#volumes = volumes;
  }

  async open(
    context: CallContext,
    ours: OurVolume,
    { initiator }: Connector,
    { username, secret }: ChapCredentials,
    access: Access,
  ): Promise<string | null> {
    const { volume, mark } = ours;
    const host = initiator ?? ANYBODY;
    if (mark.host !== undefined && mark.host !== host)
      throw new DriverError("not-done", "the volume is connected to another host, and CHAP lets in one at a time");
    const revealed = secret.reveal();
    if (revealed.length < MIN_SECRET_LENGTH || revealed.length > MAX_SECRET_LENGTH)
      throw new DriverError("not-done", "the array takes CHAP secrets of 12 to 16 characters");
    const { accountID } = await this.#accounts.openDoor(context, mark.id, username, revealed);
    const wanted = { accountID, access: access === "ro" ? "readOnly" : "readWrite" } as const;
    if (volume.accountID !== accountID || volume.access !== wanted.access || mark.host !== host)
      await this.#volumes.remark(context, ours, { ...mark, host }, wanted);
    return username;
  }

  async close(context: CallContext, ours: OurVolume, connector: Connector | null): Promise<void> {
    const { volume, mark } = ours;
    const { host, ...atRest } = mark;
    if (host === undefined || (connector !== null && (connector.initiator ?? ANYBODY) !== host)) return;
    const account = await this.#accounts.byId(context, volume.accountID);
    const isDoor = account !== null && isDoorOf(account, mark.id);
    // First nobody can come in and all are out; only then is it a volume at rest.
    if (isDoor) await this.#accounts.lock(context, volume.accountID);
    await this.#accounts.inProject(context, mark.owner.projectId, (accountID) =>
      this.#volumes.remark(context, ours, atRest, { accountID, access: "readWrite" }),
    );
    if (isDoor) await this.#accounts.remove(context, volume.accountID);
  }

  async letIn(_context: CallContext, volumes: readonly OurVolume[]): Promise<ReadonlyMap<number, (string | null)[]>> {
    return new Map(
      volumes.flatMap(({ volume, mark: { host } }) =>
        host === undefined ? [] : [[volume.volumeID, [host === ANYBODY ? null : host]] as const],
      ),
    );
  }
}

const MAX_NAME_LENGTH = 64;

/**
 * By volume access groups, one a host: who is in it needs no secret, and each host comes and goes by itself. A host's group
 * stays when it is empty, for another volume may be on its way into it.
 */
export class AccessGroupDoors implements Doors {
  readonly needsInitiator = true;
  readonly multiattach = true;
  readonly #client: ElementClient;
  readonly #volumes: Volumes;
  readonly #lookMs: number;

  constructor(client: ElementClient, volumes: Volumes, lookMs: number) {
    this.#client = client;
    this.#volumes = volumes;
    this.#lookMs = lookMs;
  }

  async open(
    context: CallContext,
    { volume }: OurVolume,
    { initiator }: Connector,
    _chap: ChapCredentials,
    access: Access,
  ): Promise<string | null> {
    if (initiator === null) throw new DriverError("not-done", "access groups let in nobody without an initiator name");
    await this.#setAccess(context, volume, access);
    const find = async () =>
      (await this.#groups(context)).find(({ initiators }) => initiators.includes(initiator)) ?? null;
    const group = await foundOrDone({ context, lookMs: this.#lookMs }, find, () =>
      this.#make(context, initiator, find),
    );
    if (!group.volumes.includes(volume.volumeID))
      await this.#change(context, "AddVolumesToVolumeAccessGroup", group, volume, ["xAlreadyInVolumeAccessGroup"]);
    return null;
  }

  async close(context: CallContext, { volume }: OurVolume, connector: Connector | null): Promise<void> {
    if (volume.volumeAccessGroups.length === 0) return;
    const groups = (await this.#groups(context)).filter(
      ({ volumes, initiators }) =>
        volumes.includes(volume.volumeID) &&
        (connector === null || (connector.initiator !== null && initiators.includes(connector.initiator))),
    );
    for (const group of groups)
      await this.#change(context, "RemoveVolumesFromVolumeAccessGroup", group, volume, [
        "xNotInVolumeAccessGroup",
        "xVolumeAccessGroupIDDoesNotExist",
      ]);
    if (groups.length === volume.volumeAccessGroups.length && volume.access === "readOnly")
      await this.#volumes.modify(context, volume, { access: "readWrite" });
  }

  async letIn(context: CallContext, volumes: readonly OurVolume[]): Promise<ReadonlyMap<number, (string | null)[]>> {
    const open = volumes.filter(({ volume }) => volume.volumeAccessGroups.length > 0);
    if (open.length === 0) return new Map();
    const groups = await this.#groups(context);
    return new Map(
      open.map(({ volume: { volumeID } }) => [
        volumeID,
        groups.filter((group) => group.volumes.includes(volumeID)).flatMap(({ initiators }) => initiators),
      ]),
    );
  }

  /** Of the volume, not of the host: who is in already keeps what it was told. */
  async #setAccess(context: CallContext, volume: ElementVolume, access: Access): Promise<void> {
    const wanted = access === "ro" ? "readOnly" : "readWrite";
    if (volume.access === wanted) return;
    if (volume.volumeAccessGroups.length > 0)
      throw new DriverError("not-done", `the volume is ${volume.access} for the hosts that have it, and so for all`);
    await this.#volumes.modify(context, volume, { access: wanted });
  }

  async #groups(context: CallContext): Promise<ElementAccessGroup[]> {
    const call = { method: "ListVolumeAccessGroups", answer: answers.accessGroups, does: "read" } as const;
    return (await this.#client.call(context, call)).volumeAccessGroups;
  }

  /** An initiator is in one group at most: who was quicker made the same. */
  async #make(
    context: CallContext,
    initiator: string,
    find: () => Promise<ElementAccessGroup | null>,
  ): Promise<ElementAccessGroup> {
    const name = fitting(`berth-${initiator.replace(/[^0-9A-Za-z]+/g, "-")}`, MAX_NAME_LENGTH);
    const params = { name, initiators: [initiator], volumes: [], attributes: { berth: true } };
    try {
      const call = { method: "CreateVolumeAccessGroup", params, answer: answers.nothing, does: "make" } as const;
      await this.#client.call(context, call);
    } catch (error) {
      if (!isRefusal(error, "xExceededLimit") || (await find()) === null) throw error;
    }
    const made = await find();
    if (made === null) throw new DriverError("unknown", `the access group of ${initiator} was made and is not there`);
    return made;
  }

  async #change(
    context: CallContext,
    method: string,
    { volumeAccessGroupID }: ElementAccessGroup,
    { volumeID }: ElementVolume,
    done: readonly string[],
  ): Promise<void> {
    const params = { volumeAccessGroupID, volumes: [volumeID] };
    try {
      await this.#client.call(context, { method, params, answer: answers.nothing, does: "change" });
    } catch (error) {
      if (!isRefusal(error, ...done)) throw error;
    }
  }
}

export async function closeAll(
  context: CallContext,
  objects: Objects,
  doors: Doors,
  volume: VolumeRef,
): Promise<OurVolume | null> {
  const [ours] = (await objects.standing(context, volume)).filter((one) => !isDeleted(one.volume));
  if (ours === undefined) return null;
  await doors.close(context, ours, null);
  return ours;
}
