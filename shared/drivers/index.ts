import type { DriverDeclaration } from "./declaration.ts";
import { fakeDeclaration, loggingDeclaration } from "./fake.ts";
import { fileDeclaration } from "./file.ts";
import { lefthandDeclaration } from "./lefthand.ts";
import { solarisDeclaration } from "./solaris.ts";
import { solidFireDeclaration } from "./solidfire.ts";
import { xenDeclarations } from "./xenapi/declarations.ts";

/** The drivers that are built. A new one adds its declaration here and its implementation in agent/drivers/registry.ts. */
export const DRIVERS: readonly DriverDeclaration[] = [
  fileDeclaration,
  fakeDeclaration,
  loggingDeclaration,
  lefthandDeclaration,
  solidFireDeclaration,
  solarisDeclaration,
  ...xenDeclarations,
];

/** Known by name, and refused as not built yet. */
export const KNOWN_DRIVERS: Readonly<Record<string, string>> = {
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
