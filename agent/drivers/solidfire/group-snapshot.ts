import type { GroupMember } from "#shared/model/operation.ts";
import { type CallContext, DriverError, type MemberUpdate } from "../driver.ts";
import { foundOrDone } from "../san/made-once.ts";
import { answers } from "./answers.ts";
import type { ElementClient } from "./client.ts";
import type { Objects, OurVolume } from "./objects.ts";
import type { Snapshots } from "./snapshots.ts";
import { explainedSpace } from "./space.ts";

interface Member {
  readonly member: GroupMember;
  readonly source: OurVolume;
}

interface Group {
  readonly groupSnapshotID: number;
  readonly members: readonly { readonly volumeID: number; readonly snapshotID: number }[];
}

/**
 * Snapshots of several volumes at one instant. The array takes them as one, under one name and with one set of attributes
 * for all; so each is then copied, snapshot to snapshot, to one that bears its own name and mark, and the group goes when
 * all of these stand. While the group stands, its copies are of its instant: who comes after a crash goes on with it.
 */
export class GroupSnapshots {
  readonly #client: ElementClient;
  readonly #objects: Objects;
  readonly #snapshots: Snapshots;
  readonly #lookMs: number;

  constructor(client: ElementClient, objects: Objects, snapshots: Snapshots, lookMs: number) {
    this.#client = client;
    this.#objects = objects;
    this.#snapshots = snapshots;
    this.#lookMs = lookMs;
  }

  async create(context: CallContext, id: string, members: readonly GroupMember[]): Promise<MemberUpdate[]> {
    const all: Member[] = [];
    for (const member of members)
      all.push({ member, source: await this.#objects.requireVolume(context, member.volume) });
    const standing = await this.#standing(context, all);
    let groups = await this.#groups(context, id);
    if (standing.length === all.length) return await this.#ended(context, groups, standing);
    if (groups.length === 0) {
      // Copies of which no group tells are of another instant than those that are to come.
      if (standing.length > 0) await this.#removeCopies(context, all);
      groups = [await this.#take(context, id, all)];
    }
    const updates = await this.#copied(context, groups, all);
    return await this.#ended(context, groups, updates);
  }

  async remove(context: CallContext, id: string, members: readonly GroupMember[]): Promise<void> {
    for (const { groupSnapshotID } of await this.#groups(context, id))
      await this.#removeGroup(context, groupSnapshotID);
    for (const { snapshot, volume } of members) await this.#snapshots.remove(context, snapshot, volume);
  }

  async #take(context: CallContext, id: string, all: readonly Member[]): Promise<Group> {
    const volumes = all.map(({ source }) => source.volume.volumeID);
    const find = async () => (await this.#groups(context, id))[0] ?? null;
    return await foundOrDone({ context, lookMs: this.#lookMs }, find, async () => {
      const { groupSnapshotID, members } = await explainedSpace(this.#client, context, 0, () =>
        this.#client.call(context, {
          method: "CreateGroupSnapshot",
          params: { volumes, name: groupName(id) },
          answer: answers.createdGroup,
          does: "make",
        }),
      );
      return { groupSnapshotID, members };
    });
  }

  /** What fails here leaves none: the copies go again, and the group. */
  async #copied(context: CallContext, groups: readonly Group[], all: readonly Member[]): Promise<MemberUpdate[]> {
    const [group] = groups;
    const updates: MemberUpdate[] = [];
    try {
      for (const { member, source } of all) {
        const taken = group?.members.find(({ volumeID }) => volumeID === source.volume.volumeID);
        if (taken === undefined)
          throw new DriverError("not-done", `the group snapshot has none of volume ${member.volume.id}`);
        const made = await this.#snapshots.create(context, member.snapshot, source, member.mark, taken.snapshotID);
        updates.push({ ...made, snapshotId: member.snapshot.id });
      }
      return updates;
    } catch (error) {
      if (!(error instanceof DriverError) || error.outcome === "unknown") throw error;
      for (const { groupSnapshotID } of groups) await this.#removeGroup(context, groupSnapshotID);
      await this.#removeCopies(context, all);
      throw error;
    }
  }

  async #removeCopies(context: CallContext, all: readonly Member[]): Promise<void> {
    for (const { member } of all) await this.#snapshots.remove(context, member.snapshot, member.volume);
  }

  async #ended(context: CallContext, groups: readonly Group[], updates: MemberUpdate[]): Promise<MemberUpdate[]> {
    for (const { groupSnapshotID } of groups) await this.#removeGroup(context, groupSnapshotID);
    return updates;
  }

  async #standing(context: CallContext, all: readonly Member[]): Promise<MemberUpdate[]> {
    const found: MemberUpdate[] = [];
    for (const { member, source } of all) {
      const [standing] = await this.#objects.snapshotsOf(context, source.volume, member.snapshot.id);
      if (standing !== undefined)
        found.push({ snapshotId: member.snapshot.id, providerId: String(standing.snapshot.snapshotID) });
    }
    return found;
  }

  /** Those with our name, the oldest first. */
  async #groups(context: CallContext, id: string): Promise<Group[]> {
    const call = { method: "ListGroupSnapshots", answer: answers.groupSnapshots, does: "read" } as const;
    const { groupSnapshots } = await this.#client.call(context, call);
    return groupSnapshots
      .filter(({ name }) => name === groupName(id))
      .sort((one, other) => one.groupSnapshotID - other.groupSnapshotID);
  }

  async #removeGroup(context: CallContext, groupSnapshotID: number): Promise<void> {
    await this.#snapshots.gone(
      this.#client.call(context, {
        method: "DeleteGroupSnapshot",
        params: { groupSnapshotID, saveMembers: false },
        answer: answers.nothing,
        does: "change",
      }),
    );
  }
}

function groupName(id: string): string {
  return `group-snapshot-${id}`;
}
