import { type Static, Type } from "typebox";
import { AttachmentStatus } from "#shared/model/attachment.ts";
import { Nullable } from "#shared/model/nullable.ts";

export const AttachmentsAnswer = Type.Object({
  attachments: Type.Array(
    Type.Object({
      id: Type.String(),
      /** `evicting`: detached by force, and its backend has not done it yet. */
      status: AttachmentStatus,
      host: Nullable(Type.String()),
      access: Type.String(),
      instanceId: Nullable(Type.String()),
      mountpoint: Nullable(Type.String()),
      lastError: Nullable(Type.String()),
      createdAtMs: Type.Integer(),
    }),
  ),
});
export type AttachmentsAnswer = Static<typeof AttachmentsAnswer>;

export const KeysAnswer = Type.Object({
  /** The key that seals from now on. */
  sealsWith: Type.String(),
  /** The keys that this scheduler can open secrets with. */
  known: Type.Array(Type.String()),
  /** How many secrets are sealed with which key. */
  secrets: Type.Array(Type.Object({ key: Type.String(), count: Type.Integer() })),
  /** Keys that nothing is sealed with any more, and that are not the newest: they can be removed. */
  removable: Type.Array(Type.String()),
});
export type KeysAnswer = Static<typeof KeysAnswer>;

export const RotateAnswer = Type.Object({ ...KeysAnswer.properties, resealed: Type.Integer() });
export type RotateAnswer = Static<typeof RotateAnswer>;
