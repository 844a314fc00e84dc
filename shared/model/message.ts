import { type Static, Type } from "typebox";
import { EpochMs, ProjectId, Uuid } from "./names.ts";

/** So many messages of one project are kept, the last ones. */
export const MESSAGES_KEPT = 1_000;

/** Why something that a user asked for failed after it had been accepted. The field's messages (microversion 3.3). */
export const Message = Type.Object({
  id: Uuid,
  projectId: ProjectId,
  requestId: Type.String({ maxLength: 128 }),
  resourceType: Type.Union([Type.Literal("VOLUME"), Type.Literal("VOLUME_SNAPSHOT")]),
  resourceId: Uuid,
  /** `VOLUME_<resource type>_<action>_<detail>`, with the field's numbers. */
  eventId: Type.String({ pattern: "^VOLUME_[A-Z_]+_[0-9]{3}_[0-9]{3}$" }),
  /** The event id's last part. */
  detailId: Type.String({ pattern: "^[0-9]{3}$" }),
  userMessage: Type.String({ maxLength: 4000 }),
  level: Type.Literal("ERROR"),
  createdAtMs: EpochMs,
  /** It is kept until then at least, unless its project has too many. */
  guaranteedUntilMs: EpochMs,
});
export type Message = Static<typeof Message>;
