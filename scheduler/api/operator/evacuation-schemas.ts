import { type Static, Type } from "typebox";
import { Evacuation } from "#shared/model/backend-state.ts";
import { Nullable } from "#shared/model/nullable.ts";
import { Bandwidth, MoveView } from "./move-schemas.ts";

export const EvacuateBody = Type.Object(
  { atOnce: Type.Optional(Evacuation.properties.atOnce), bandwidthMibPerS: Bandwidth },
  { additionalProperties: false },
);
export type EvacuateBody = Static<typeof EvacuateBody>;

const Named = { id: Type.String(), name: Type.String(), status: Type.String() };
export const LeavingVolume = Type.Object({ ...Named, move: MoveView });
export type LeavingVolume = Static<typeof LeavingVolume>;
/** One that stays for now, and why; it is looked at again. */
export const StayingVolume = Type.Object({ ...Named, code: Type.String(), why: Type.String() });
export type StayingVolume = Static<typeof StayingVolume>;

export const EvacuationAnswer = Type.Object({
  backend: Type.Object({ id: Type.Integer(), name: Type.String() }),
  /** Of the backend: an evacuation ends when it is no longer `draining`. */
  admission: Type.String(),
  /** The last one; null: it was never evacuated. */
  evacuation: Nullable(
    Type.Object({
      atOnce: Type.Integer(),
      bandwidthLimitBytesPerS: Nullable(Type.Integer()),
      by: Type.String(),
      startedAt: Type.String(),
      endedAt: Nullable(Type.String()),
      moved: Type.Integer(),
    }),
  ),
  /** Volumes on the backend: those that leave, those that wait for their turn, and those that stay. */
  left: Type.Integer(),
  waiting: Type.Integer(),
  staying: Type.Integer(),
  leaving: Type.Array(LeavingVolume),
  /** At most `STAYING_VOLUMES_TOLD`. */
  stayingVolumes: Type.Array(StayingVolume),
});
export type EvacuationAnswer = Static<typeof EvacuationAnswer>;
export const STAYING_VOLUMES_TOLD = 1000;
