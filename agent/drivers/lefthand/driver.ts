import type { LeftHandParameters } from "#shared/drivers/lefthand.ts";
import type { OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import type { CallContext, ObjectUpdate } from "../driver.ts";
import { SanDriver, snapshotRef, volumeRef } from "../san/driver.ts";
import type { DriverTools } from "../tools.ts";
import { LeftHandArray } from "./array.ts";
import type { LeftHandObject } from "./objects.ts";

/** What LeftHand clusters can do beside what all storage systems on a network can. */
export class LeftHandDriver extends SanDriver<LeftHandObject, LeftHandArray> {
  constructor(parameters: LeftHandParameters, tools: DriverTools) {
    super(new LeftHandArray(parameters, tools));
  }

  async retypeVolume(context: CallContext, volume: VolumeRef, owner: OwnerMark): Promise<ObjectUpdate> {
    const found = await this.ours(context, volumeRef(volume));
    await this.array.retype(context, found, { ...found.mark, owner, writtenAtMs: Date.now() }, volume.spec);
    return {};
  }

  async revertVolume(context: CallContext, volume: VolumeRef, snapshot: SnapshotRef): Promise<ObjectUpdate> {
    await this.array.revert(context, volumeRef(volume), snapshotRef(snapshot));
    return {};
  }
}
