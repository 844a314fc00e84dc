import { type Static, Type } from "typebox";
import type { DriverDeclaration } from "./declaration.ts";
import { sanHttpsFields } from "./san.ts";

/** A SolidFire cluster (NetApp Element). The names are those of the field's driver. */
export const SolidFireParameters = Type.Object(
  {
    ...sanHttpsFields,
    sf_svip: Type.Optional(
      Type.String({
        pattern: "^[0-9A-Za-z.:\\[\\]-]{1,255}$",
        description: "where hosts find its volumes, address or address:port (what the cluster says, port 3260)",
      }),
    ),
    sf_account_prefix: Type.Optional(
      Type.String({
        pattern: "^[A-Za-z0-9._-]{1,40}$",
        description:
          "what stands before the project in the names of accounts (the host of the backend, or of the agent)",
      }),
    ),
    sf_enable_vag: Type.Optional(
      Type.Boolean({ description: "let hosts in by volume access groups, and not by CHAP (false)" }),
    ),
    sf_emulate_512: Type.Optional(Type.Boolean({ description: "volumes have blocks of 512 bytes, not 4096 (true)" })),
    sf_provisioning_calc: Type.Optional(
      Type.Union([Type.Literal("maxProvisionedSpace"), Type.Literal("usedSpace")], {
        description: "the capacity is what may be promised, or what can be held (maxProvisionedSpace)",
      }),
    ),
    sf_volume_create_timeout: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 600,
        description: "seconds for which something is looked for whose answer was lost (30)",
      }),
    ),
  },
  { additionalProperties: false },
);
export type SolidFireParameters = Static<typeof SolidFireParameters>;

export const solidFireDeclaration: DriverDeclaration = {
  name: "solidfire",
  title: "SolidFire (NetApp Element) over HTTPS: thin volumes with QoS, iSCSI with CHAP or access groups",
  parameters: SolidFireParameters,
  example:
    "berth backend add gold solidfire san_ip=10.0.0.5 san_login=berth san_password=file:/etc/berth/solidfire --zone north",
  location: ["san_ip", "san_api_port"],
};
