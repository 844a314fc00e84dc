import { type Static, Type } from "typebox";
import { type DriverDeclaration, SecretReference } from "./declaration.ts";

/** HP LeftHand (SAN/iQ, LeftHand OS, StoreVirtual): CLIQ over SSH. */
export const LeftHandParameters = Type.Object(
  {
    san_ip: Type.String({
      pattern: "^[A-Za-z0-9.:-]{1,255}$",
      description: "a node of the management group, by name or address",
    }),
    san_ssh_port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535, description: "of CLIQ (16022)" })),
    san_login: Type.String({
      pattern: "^[\\x21-\\x7e]{1,255}$",
      description: "an administrator of the management group",
    }),
    san_password: Type.Optional(SecretReference),
    san_private_key: Type.Optional(SecretReference),
    san_ssh_host_key: Type.Optional(
      Type.String({
        maxLength: 4096,
        description: "SHA256:… or a whole public key; without it the first one seen is kept",
      }),
    ),
    num_shell_tries: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 10, description: "of what is safe to repeat (3)" }),
    ),
    max_concurrent_calls: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 64, description: "commands of an agent at once (4)" }),
    ),
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
    iscsi_ip_prefix: Type.Optional(
      Type.String({ pattern: "^[0-9A-Fa-f.:]{1,45}$", description: "of several virtual IPs, those that begin so" }),
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
