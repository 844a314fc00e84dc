import { type Static, Type } from "typebox";
import { Nullable } from "./nullable.ts";

/** The name of a replication target, within its backend. `default` means the backend's own side, as the field has it. */
export const TargetName = Type.String({
  pattern: "^(?!default$)[A-Za-z0-9._-]{1,64}$",
  description: "1 to 64 letters, digits, dots, hyphens and underscores, not `default`",
});

/** Which of a backend's systems: null is its own, else the name of a target. */
export const Side = Nullable(TargetName);
export type Side = Static<typeof Side>;

/** The field's words. Absent with a volume: its flavor did not ask for it. */
export const ReplicationStatus = Type.Union([
  Type.Literal("enabled"),
  /** It is not on the side in force, though it should be. */
  Type.Literal("error"),
  Type.Literal("failed-over"),
]);
export type ReplicationStatus = Static<typeof ReplicationStatus>;

/** The field's word for a backend's own side. */
export const OWN_SIDE = "default";

export function sideName(side: Side): string {
  return side ?? OWN_SIDE;
}
