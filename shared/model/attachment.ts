import { type Static, Type } from "typebox";
import { BackendId, ProjectId, Uuid, ZoneName } from "./names.ts";
import { Nullable } from "./nullable.ts";
import { WorkedFields } from "./object-fields.ts";

const Text = Type.String({ minLength: 1, maxLength: 255, pattern: "^[\\x21-\\x7e]+$" });

export const InitiatorName = Type.String({ maxLength: 223, pattern: "^(iqn|eui|naa)\\.[A-Za-z0-9.:_-]+$" });

/** What the host that attaches says of itself. A host without iSCSI has no initiator. */
export const Connector = Type.Object({
  host: Nullable(Text),
  ip: Nullable(Text),
  initiator: Nullable(InitiatorName),
  multipath: Type.Boolean(),
});
export type Connector = Static<typeof Connector>;

/**
 * What a host needs to attach (kinds and keys as the field has them, see OpenStack's connection_info).
 * CHAP's secret is not in it: the API puts it in on its way to the host that attaches.
 */
export const ConnectionInfo = Type.Object({
  driverVolumeType: Type.String(),
  data: Type.Record(
    Type.String(),
    Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Array(Type.String()), Type.Array(Type.Number())]),
  ),
});
export type ConnectionInfo = Static<typeof ConnectionInfo>;

export const AttachmentStatus = Type.Union([
  Type.Literal("attaching"),
  Type.Literal("attached"),
  Type.Literal("detaching"),
  Type.Literal("error_detaching"),
]);
export type AttachmentStatus = Static<typeof AttachmentStatus>;

export const Attachment = Type.Object({
  id: Uuid,
  volumeId: Uuid,
  projectId: ProjectId,
  backendId: BackendId,
  zone: ZoneName,
  connector: Connector,
  status: AttachmentStatus,
  connectionInfo: Nullable(ConnectionInfo),
  ...WorkedFields,
});
export type Attachment = Static<typeof Attachment>;
