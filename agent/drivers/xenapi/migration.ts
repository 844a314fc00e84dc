import type { OwnerMark, VolumeRef } from "#shared/model/operation.ts";
import type { CallContext, ObjectUpdate } from "../driver.ts";
import { refused } from "./failure.ts";
import { volumeOf } from "./marks.ts";
import type { Opened } from "./opened.ts";
import { removeVdi } from "./volumes.ts";

export interface Migration {
  readonly here: Opened;
  readonly there: Opened;
  readonly volume: VolumeRef;
  /** What it is over there. */
  readonly target: VolumeRef;
  readonly owner: OwnerMark;
}

/** The pool copies it to the SR of the other backend; it is here until all of it is there. */
export async function migrate(context: CallContext, migration: Migration): Promise<ObjectUpdate> {
  const { here, there, volume, target: wanted, owner } = migration;
  if (there.poolUuid !== here.poolUuid) throw refused("the backend to move to is of another pool");
  const source = await here.vdis.findVolume(context, volume);
  const whole = await there.vdis.findVolume(context, wanted);
  if (whole !== null && whole.mark.filling !== true) {
    if (source !== null) await removeVdi(context, here, source);
    return { providerId: whole.record.uuid };
  }
  if (source === null) throw refused("the volume is neither here nor there");
  const mark = there.vdis.markFor(volumeOf(wanted), wanted.id, here.vdis.sizeOf(source), owner);
  const filling = { ...mark, filling: true };
  const target = whole?.ref ?? (await there.vdis.create(context, filling));
  await there.vdis.fill(context, source, target, filling);
  await removeVdi(context, here, source);
  return { providerId: await there.vdis.uuid(context, target) };
}
