import { type Static, Type } from "typebox";
import type { DriverDeclaration } from "./declaration.ts";
import { sanSshFields } from "./san.ts";

const Dataset = Type.String({
  pattern: "^[A-Za-z][A-Za-z0-9_.:-]*(/[A-Za-z0-9][A-Za-z0-9_.:-]*)*/?$",
  maxLength: 128,
  description: "the dataset under which the volumes stand: tank/berth (rpool)",
});

/** A Solaris or illumos host: ZFS volumes that COMSTAR serves over iSCSI. */
export const SolarisParameters = Type.Object(
  {
    ...sanSshFields,
    san_zfs_volume_base: Type.Optional(Dataset),
    san_thin_provision: Type.Optional(
      Type.Boolean({ description: "volumes take space as it is written (true); false: all of it at creation" }),
    ),
    san_iscsi_portals: Type.Optional(
      Type.String({
        pattern: "^[0-9A-Za-z.:\\[\\],-]{1,1024}$",
        description: "where hosts find its targets, comma separated: 10.0.7.1,10.0.8.1:3260 (san_ip)",
      }),
    ),
    san_tpgs: Type.Optional(
      Type.String({
        pattern: "^[A-Za-z0-9_.,:-]{1,1024}$",
        description:
          "target portal groups of itadm create-tpg that targets are bound to, comma separated (all addresses)",
      }),
    ),
  },
  { additionalProperties: false },
);
export type SolarisParameters = Static<typeof SolarisParameters>;

export const DEFAULT_VOLUME_BASE = "rpool";

export const solarisDeclaration: DriverDeclaration = {
  name: "solaris",
  title: "Solaris or illumos: ZFS volumes served by COMSTAR, over SSH",
  parameters: SolarisParameters,
  example:
    "berth backend add gold solaris san_ip=10.0.0.5 san_login=berth san_password=file:/etc/berth/solaris san_zfs_volume_base=tank/berth --zone north",
  location: ["san_ip", "san_ssh_port", "san_zfs_volume_base"],
};
