import { Type } from "typebox";
import { SizeGib } from "#shared/model/names.ts";

/** What the actions take, by the names of EC2's API reference; which of it cannot be had is refused by the actions. */

const STRICT = { additionalProperties: false } as const;
const Text = Type.String({ maxLength: 1024 });
const Texts = Type.Optional(Type.Array(Text));

export const Tag = Type.Object({ Key: Type.String(), Value: Type.Optional(Type.String()) }, STRICT);

const TagSpecifications = Type.Optional(
  Type.Array(Type.Object({ ResourceType: Text, Tag: Type.Optional(Type.Array(Tag)) }, STRICT)),
);

const Filters = Type.Optional(Type.Array(Type.Object({ Name: Text, Value: Texts }, STRICT)));
const Paging = {
  MaxResults: Type.Optional(Type.Integer({ minimum: 5, maximum: 1_000_000 })),
  NextToken: Type.Optional(Text),
};
/** Of every action. */
const DryRun = { DryRun: Type.Optional(Type.Boolean()) };
const Iops = Type.Integer({ minimum: 1, maximum: 10_000_000 });

export const CreateVolume = Type.Object(
  {
    AvailabilityZone: Type.Optional(Text),
    AvailabilityZoneId: Type.Optional(Text),
    Size: Type.Optional(SizeGib),
    SnapshotId: Type.Optional(Text),
    VolumeType: Type.Optional(Text),
    Iops: Type.Optional(Iops),
    Throughput: Type.Optional(Iops),
    Encrypted: Type.Optional(Type.Boolean()),
    KmsKeyId: Type.Optional(Text),
    MultiAttachEnabled: Type.Optional(Type.Boolean()),
    OutpostArn: Type.Optional(Text),
    VolumeInitializationRate: Type.Optional(Type.Integer()),
    TagSpecification: TagSpecifications,
    ClientToken: Type.Optional(
      Type.String({ pattern: "^[\\x20-\\x7e]{0,64}$", description: "at most 64 ASCII characters" }),
    ),
    ...DryRun,
  },
  STRICT,
);
export const OnVolume = Type.Object({ VolumeId: Text, ...DryRun }, STRICT);
export const DescribeVolumes = Type.Object({ VolumeId: Texts, Filter: Filters, ...Paging, ...DryRun }, STRICT);
export const ModifyVolume = Type.Object(
  {
    VolumeId: Text,
    Size: Type.Optional(SizeGib),
    VolumeType: Type.Optional(Text),
    Iops: Type.Optional(Iops),
    Throughput: Type.Optional(Iops),
    MultiAttachEnabled: Type.Optional(Type.Boolean()),
    ...DryRun,
  },
  STRICT,
);
export const AttachVolume = Type.Object(
  {
    VolumeId: Text,
    InstanceId: Text,
    Device: Text,
    ...DryRun,
  },
  STRICT,
);
export const DetachVolume = Type.Object(
  {
    VolumeId: Text,
    InstanceId: Type.Optional(Text),
    Device: Type.Optional(Text),
    Force: Type.Optional(Type.Boolean()),
    ...DryRun,
  },
  STRICT,
);
export const CreateSnapshot = Type.Object(
  {
    VolumeId: Text,
    Description: Type.Optional(Text),
    TagSpecification: TagSpecifications,
    OutpostArn: Type.Optional(Text),
    Location: Type.Optional(Text),
    ...DryRun,
  },
  STRICT,
);
export const DeleteSnapshot = Type.Object({ SnapshotId: Text, ...DryRun }, STRICT);
export const DescribeSnapshots = Type.Object(
  { SnapshotId: Texts, Owner: Texts, RestorableBy: Texts, Filter: Filters, ...Paging, ...DryRun },
  STRICT,
);
export const DescribeAvailabilityZones = Type.Object(
  {
    ZoneName: Texts,
    ZoneId: Texts,
    AllAvailabilityZones: Type.Optional(Type.Boolean()),
    Filter: Filters,
    ...DryRun,
  },
  STRICT,
);
export const CreateTags = Type.Object({ ResourceId: Type.Array(Text), Tag: Type.Array(Tag), ...DryRun }, STRICT);
export const DeleteTags = Type.Object(
  { ResourceId: Type.Array(Text), Tag: Type.Optional(Type.Array(Tag)), ...DryRun },
  STRICT,
);
export const DescribeTags = Type.Object({ Filter: Filters, ...Paging, ...DryRun }, STRICT);
