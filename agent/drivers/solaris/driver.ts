import type { SolarisParameters } from "#shared/drivers/solaris.ts";
import type { OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import { begun } from "../begun.ts";
import type { CallContext, ObjectUpdate } from "../driver.ts";
import { SanDriver, snapshotRef, volumeRef } from "../san/driver.ts";
import type { DriverTools } from "../tools.ts";
import { SolarisArray, type SolarisObject } from "./array.ts";

/** What hosts with ZFS can do beside what all storage systems on a network can. */
export class SolarisDriver extends SanDriver<SolarisObject, SolarisArray> {
  constructor(parameters: SolarisParameters, tools: DriverTools) {
    super(new SolarisArray(parameters, tools));
  }

  /** Told also if the volume has that size already: an earlier try may have come no further. */
  override async extendVolume(context: CallContext, volume: VolumeRef, newSizeBytes: number): Promise<ObjectUpdate> {
    const update = await super.extendVolume(context, volume, newSizeBytes);
    await begun(() => this.array.tellSize(context, volumeRef(volume), newSizeBytes));
    return update;
  }

  async retypeVolume(context: CallContext, volume: VolumeRef, owner: OwnerMark): Promise<ObjectUpdate> {
    const found = await this.ours(context, volumeRef(volume));
    await this.array.retype(context, found, volume.spec);
    await this.array.writeMark(context, found, { ...found.mark, owner, writtenAtMs: Date.now() });
    return {};
  }

  async revertVolume(context: CallContext, volume: VolumeRef, snapshot: SnapshotRef): Promise<ObjectUpdate> {
    await this.array.revert(context, volumeRef(volume), snapshotRef(snapshot));
    return {};
  }
}
