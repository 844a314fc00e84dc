import { type Static, Type } from "typebox";
import { AccessKeyId, Ec2Key, Ec2Role } from "#shared/model/ec2.ts";
import { FlavorName, ProjectId, UserId } from "#shared/model/names.ts";

const STRICT = { additionalProperties: false } as const;

/** A key of the EC2 API, without its secret. */
export const Ec2KeyView = Type.Omit(Ec2Key, ["sealedSecret"]);
export type Ec2KeyView = Static<typeof Ec2KeyView>;

export const CreateEc2KeyBody = Type.Object(
  {
    projectId: ProjectId,
    /** Absent: `ec2`. */
    userId: Type.Optional(UserId),
    /** Absent: `member`. */
    role: Type.Optional(Ec2Role),
  },
  STRICT,
);

export const Ec2KeyList = Type.Object({ ec2Keys: Type.Array(Ec2KeyView) });
/** The only time that the secret is told. */
export const Ec2KeyMade = Type.Object({ ec2Key: Ec2KeyView, secretAccessKey: Type.String() });
export type Ec2KeyMade = Static<typeof Ec2KeyMade>;
export const OnEc2Key = Type.Object({ id: AccessKeyId });

/** Which flavor a volume type of EC2's means, where no flavor is called so. */
export const Ec2TypeList = Type.Object({ ec2Types: Type.Array(Type.Object({ type: FlavorName, flavor: FlavorName })) });
export type Ec2TypeList = Static<typeof Ec2TypeList>;
export const SetEc2TypeBody = Type.Object({ flavor: Type.String({ minLength: 1, maxLength: 64 }) }, STRICT);
export const OnEc2Type = Type.Object({ name: FlavorName });
