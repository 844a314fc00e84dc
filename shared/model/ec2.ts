import { type Static, Type } from "typebox";
import { EpochMs, FlavorName, ProjectId, SizeGib, UserId, Uuid } from "./names.ts";
import { Nullable } from "./nullable.ts";

/** As long as Amazon's own may be; clients check nothing. */
export const AccessKeyId = Type.String({
  pattern: "^[A-Za-z0-9]{16,128}$",
  description: "16 to 128 letters and digits",
});

/** What whoever has the key may do in its project. An administrator's may do what a member's may: EC2 knows one account only. */
export const Ec2Role = Type.Union([Type.Literal("admin"), Type.Literal("member"), Type.Literal("reader")]);
export type Ec2Role = Static<typeof Ec2Role>;

/** By which clients of the EC2 API sign, and as whom they ask. */
export const Ec2Key = Type.Object(
  {
    accessKeyId: AccessKeyId,
    /** Sealed as CHAP secrets are (`shared/sealed.ts`): to check a signature it must be opened. */
    sealedSecret: Type.String({ minLength: 1, maxLength: 1024 }),
    projectId: ProjectId,
    userId: UserId,
    role: Ec2Role,
    createdAtMs: EpochMs,
  },
  { additionalProperties: false },
);
export type Ec2Key = Static<typeof Ec2Key>;

/** Which flavor a volume type of EC2's (`gp3`) means, where none is called so. */
export const Ec2VolumeTypes = Type.Record(FlavorName, FlavorName, { maxProperties: 1000, additionalProperties: false });
export type Ec2VolumeTypes = Static<typeof Ec2VolumeTypes>;

const Iops = Nullable(Type.Integer({ minimum: 1, maximum: 10_000_000 }));

/** What EC2's words say of a volume and Berth's own do not hold. It is told as it was asked for, and changes nothing. */
export const Ec2Wish = Type.Object({
  volumeType: FlavorName,
  iops: Iops,
  /** MiB/s. */
  throughput: Iops,
});
export type Ec2Wish = Static<typeof Ec2Wish>;

/** The wish, with the flavor that its type meant: of another flavor the volume is of another type. */
const Ec2Standing = Type.Object({ ...Ec2Wish.properties, flavorId: Uuid });

export const Ec2Facts = Type.Object({
  ...Ec2Standing.properties,
  /** The last `ModifyVolume`; how far it is, the volume's state says. Absent: there was none. */
  modification: Type.Optional(
    Type.Object({
      original: Type.Object({ ...Ec2Standing.properties, sizeGib: SizeGib }),
      targetSizeGib: SizeGib,
      startedAtMs: EpochMs,
    }),
  ),
});
export type Ec2Facts = Static<typeof Ec2Facts>;
