import { type Static, Type } from "typebox";
import type { DriverDeclaration } from "./declaration.ts";
import { sanSshFields } from "./san.ts";

/** HP LeftHand (SAN/iQ, LeftHand OS, StoreVirtual): CLIQ over SSH. */
export const LeftHandParameters = Type.Object(
  {
    ...sanSshFields,
    san_clustername: Type.String({
      pattern: '^[^\\u0000-\\u001f";]{1,127}$',
      description: "the cluster, without quotation marks and semicolons",
    }),
    san_thin_provision: Type.Optional(
      Type.Boolean({ description: "of volumes whose flavor does not say (true); false: full provisioning" }),
    ),
    replication: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 4, description: "copies of each block (2; 1 on a single node)" }),
    ),
    use_chap_auth: Type.Optional(
      Type.Boolean({ description: "hosts show a secret (true); false: they are assigned as servers, by initiator" }),
    ),
    iscsi_port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535, description: "of the virtual IP (3260)" })),
    capacity_unit: Type.Optional(
      Type.Union([Type.Literal("blocks"), Type.Literal("bytes")], {
        description: "what the cluster counts its space in (blocks)",
      }),
    ),
    description_limit: Type.Optional(
      Type.Integer({ minimum: 64, maximum: 4096, description: "characters that a description can have (127)" }),
    ),
  },
  { additionalProperties: false },
);
export type LeftHandParameters = Static<typeof LeftHandParameters>;

export const lefthandDeclaration: DriverDeclaration = {
  name: "lefthand",
  title: "HP LeftHand (SAN/iQ, LeftHand OS, StoreVirtual) by CLIQ over SSH",
  parameters: LeftHandParameters,
  example:
    "berth backend add gold lefthand san_ip=10.0.1.7 san_login=admin san_password=file:/etc/berth/lefthand san_clustername=Cluster01 --zone north",
  location: ["san_ip", "san_clustername"],
};
