import type { DriverDeclaration } from "./declaration.ts";
import { fakeDeclaration, loggingDeclaration } from "./fake.ts";
import { fileDeclaration } from "./file.ts";
import { lefthandDeclaration } from "./lefthand.ts";
import { solarisDeclaration } from "./solaris.ts";
import { solidFireDeclaration } from "./solidfire.ts";

/** The drivers that are built. A new one adds its declaration here and its implementation in agent/drivers/registry.ts. */
export const DRIVERS: readonly DriverDeclaration[] = [
  fileDeclaration,
  fakeDeclaration,
  loggingDeclaration,
  lefthandDeclaration,
  solidFireDeclaration,
  solarisDeclaration,
];

/** Known by name, and refused as not built yet: Xen's SR types, by the names of its command line, and the appliances. */
export const KNOWN_DRIVERS: Readonly<Record<string, string>> = {
  nfs: "XenServer SR: VHD files on NFS",
  ext: "XenServer SR: VHD files on a local ext file system",
  lvm: "XenServer SR: VHD on local LVM",
  lvmoiscsi: "XenServer SR: LVHD over iSCSI",
  lvmohba: "XenServer SR: LVHD over Fibre Channel",
  hba: "XenServer SR: LUN per VDI over HBA",
  rawhba: "XenServer SR: LUN per VDI over HBA",
  iscsi: "XenServer SR: LUN per VDI over iSCSI, existing LUNs",
  netapp: "XenServer SR: NetApp",
  equal: "XenServer SR: EqualLogic",
  "host-lvm": "LVM volumes on a host, exported over iSCSI",
  "host-nfs": "image files on an NFS export",
  rbd: "Ceph RBD",
  aoe: "ATA over Ethernet",
  sheepdog: "Sheepdog",
  vmax: "EMC VMAX by SMI-S",
};

export function findDriver(name: string): DriverDeclaration | undefined {
  return DRIVERS.find((driver) => driver.name === name);
}
