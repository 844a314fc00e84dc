import { Type } from "typebox";
import { Nullable } from "#shared/model/nullable.ts";

export { AuditAnswer, AuditedAnswer, ResetAnswer } from "#scheduler/api/operator/audit-schemas.ts";
export { KeysAnswer, RotateAnswer } from "#scheduler/api/operator/connection-schemas.ts";
export { Ec2KeyList, Ec2KeyMade, Ec2TypeList } from "#scheduler/api/operator/ec2-schemas.ts";
export { EvacuationAnswer } from "#scheduler/api/operator/evacuation-schemas.ts";
export { FailoverAnswer } from "#scheduler/api/operator/failover-schemas.ts";
export { HistoryAnswer } from "#scheduler/api/operator/history-schemas.ts";
export { MoveAnswer } from "#scheduler/api/operator/move-schemas.ts";
/** The schemas of everything the command line reads. Loaded when the first answer arrives: they take time to load. */
export {
  AgentList,
  BackendAnswer,
  BackendList,
  DefaultFlavorAnswer,
  DefaultQuotaAnswer,
  DriverList,
  DryRunAnswer,
  FlavorAnswer,
  FlavorList,
  HealthView,
  LastErrorAnswer,
  PlacementAnswer,
  QosAnswer,
  QosList,
  QuotaAnswer,
  QuotaList,
  ZoneAnswer,
  ZoneList,
} from "#scheduler/api/operator/schemas.ts";

/** Of OpenStack's answers only what is used: whatever else a version of the API adds is welcome. */
const OpenStackVolume = Type.Object({
  id: Type.String(),
  name: Nullable(Type.String()),
  description: Nullable(Type.String()),
  status: Type.String(),
  size: Type.Integer(),
  volume_type: Nullable(Type.String()),
  availability_zone: Nullable(Type.String()),
  snapshot_id: Nullable(Type.String()),
  source_volid: Nullable(Type.String()),
  metadata: Type.Record(Type.String(), Type.String()),
  attachments: Type.Array(Type.Object({ attachment_id: Type.String(), host_name: Nullable(Type.String()) })),
  created_at: Type.String(),
  updated_at: Type.Optional(Nullable(Type.String())),
  "os-vol-host-attr:host": Type.Optional(Nullable(Type.String())),
  "os-vol-tenant-attr:tenant_id": Type.Optional(Type.String()),
});
const Links = Type.Optional(Type.Array(Type.Object({ rel: Type.String(), href: Type.String() })));
export const VolumeAnswer = Type.Object({ volume: OpenStackVolume });
export const VolumePage = Type.Object({ volumes: Type.Array(OpenStackVolume), volumes_links: Links });

const OpenStackSnapshot = Type.Object({
  id: Type.String(),
  name: Nullable(Type.String()),
  description: Nullable(Type.String()),
  volume_id: Type.String(),
  status: Type.String(),
  size: Type.Integer(),
  metadata: Type.Record(Type.String(), Type.String()),
  created_at: Type.String(),
  updated_at: Type.Optional(Nullable(Type.String())),
});
export const SnapshotAnswer = Type.Object({ snapshot: OpenStackSnapshot });
export const SnapshotPage = Type.Object({ snapshots: Type.Array(OpenStackSnapshot), snapshots_links: Links });

const OpenStackTransfer = Type.Object({
  id: Type.String(),
  name: Type.String(),
  volume_id: Type.String(),
  created_at: Type.Optional(Type.String()),
  /** Told once, to who made it. */
  auth_key: Type.Optional(Type.String()),
});
export const TransferAnswer = Type.Object({ transfer: OpenStackTransfer });
export const TransferPage = Type.Object({ transfers: Type.Array(OpenStackTransfer) });

const OpenStackGroup = Type.Object({
  id: Type.String(),
  name: Nullable(Type.String()),
  description: Nullable(Type.String()),
  status: Type.String(),
  availability_zone: Nullable(Type.String()),
  volume_types: Type.Array(Type.String()),
  volumes: Type.Optional(Type.Array(Type.String())),
  group_snapshot_id: Type.Optional(Nullable(Type.String())),
  source_group_id: Type.Optional(Nullable(Type.String())),
  created_at: Type.String(),
});
export const GroupMade = Type.Object({ group: Type.Object({ id: Type.String() }) });
export const GroupAnswer = Type.Object({ group: OpenStackGroup });
export const GroupPage = Type.Object({ groups: Type.Array(OpenStackGroup), group_links: Links });

const OpenStackGroupSnapshot = Type.Object({
  id: Type.String(),
  name: Nullable(Type.String()),
  description: Nullable(Type.String()),
  status: Type.String(),
  group_id: Type.String(),
  created_at: Type.String(),
});
export const GroupSnapshotMade = Type.Object({ group_snapshot: Type.Object({ id: Type.String() }) });
export const GroupSnapshotAnswer = Type.Object({ group_snapshot: OpenStackGroupSnapshot });
export const GroupSnapshotPage = Type.Object({
  group_snapshots: Type.Array(OpenStackGroupSnapshot),
  group_snapshot_links: Links,
});

export const ManageablePage = Type.Object({
  "manageable-volumes": Type.Array(
    Type.Object({
      reference: Type.Object({ "source-name": Type.String() }),
      size: Nullable(Type.Integer()),
      safe_to_manage: Type.Boolean(),
      reason_not_safe: Nullable(Type.String()),
      cinder_id: Nullable(Type.String()),
    }),
  ),
});

export const ConnectionAnswer = Type.Object({
  connection_info: Type.Object({
    driver_volume_type: Type.String(),
    data: Type.Record(Type.String(), Type.Unknown()),
  }),
});

/** A driver's parameters, as far as a person wants to know them. */
export const ParametersSchema = Type.Object({
  required: Type.Optional(Type.Array(Type.String())),
  properties: Type.Record(
    Type.String(),
    Type.Object({
      type: Type.Optional(Type.String()),
      description: Type.Optional(Type.String()),
      secret: Type.Optional(Type.Boolean()),
      anyOf: Type.Optional(
        Type.Array(Type.Object({ const: Type.Optional(Type.Unknown()), type: Type.Optional(Type.String()) })),
      ),
    }),
  ),
});

/** The operator API's form of an error, and OpenStack's with what Berth adds to it. */
export const ErrorAnswer = Type.Union([
  Type.Object({
    error: Type.Object({
      code: Type.String(),
      message: Type.String(),
      next: Type.Optional(Type.String()),
      details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
      requestId: Type.Optional(Type.String()),
    }),
  }),
  Type.Record(
    Type.String(),
    Type.Object({
      message: Type.String(),
      berth_code: Type.Optional(Type.String()),
      next: Type.Optional(Type.String()),
    }),
  ),
]);

/** What Keystone says of a token that it gave. */
export const IssuedToken = Type.Object({
  token: Type.Object({ project: Type.Optional(Type.Object({ id: Type.String() })) }),
});
