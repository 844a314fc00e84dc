import { Type } from "typebox";
import type { DriverDeclaration } from "../declaration.ts";
import { DEVICE_CONFIG, OwnParameters, type SrType } from "./parameters.ts";

/** How the driver works on an SR type. */
export interface SrKind {
  readonly type: SrType;
  readonly title: string;
  /** All hosts of the pool have it; else only one. */
  readonly shared: boolean;
  /** `vhd`: trees of VHDs; `luns`: what is there already, each LUN a disk; `array`: LUNs that the array makes. */
  readonly layout: "vhd" | "luns" | "array";
  readonly thin: "always" | "never" | "by-allocation";
  /** `by-size`: a free LUN that is large enough is taken; `refused`: volumes are only taken over. */
  readonly creation: "made" | "by-size" | "refused";
  /** Its device has room for one SR, and making another wipes it. */
  readonly exclusive: boolean;
  readonly protocol: string;
  readonly location: readonly string[];
  readonly example: string;
}

const LUN = { layout: "luns", thin: "never", exclusive: false, shared: true } as const;

export const SR_KINDS: readonly SrKind[] = [
  {
    type: "nfs",
    title: "XenServer SR: VHD files on NFS",
    shared: true,
    layout: "vhd",
    thin: "always",
    creation: "made",
    exclusive: false,
    protocol: "nfs",
    location: ["server", "serverpath"],
    example: "name_label=toybox server=myserver serverpath=/local/scratch/myname",
  },
  {
    type: "ext",
    title: "XenServer SR: VHD files on a local ext file system",
    shared: false,
    layout: "vhd",
    thin: "always",
    creation: "made",
    exclusive: true,
    protocol: "local",
    location: ["host_uuid", "device"],
    example: "device=/dev/sdb",
  },
  {
    type: "lvm",
    title: "XenServer SR: VHD on local LVM",
    shared: false,
    layout: "vhd",
    thin: "never",
    creation: "made",
    exclusive: true,
    protocol: "local",
    location: ["host_uuid", "device"],
    example: "device=/dev/sdb",
  },
  {
    type: "lvmoiscsi",
    title: "XenServer SR: LVHD over iSCSI",
    shared: true,
    layout: "vhd",
    thin: "by-allocation",
    creation: "made",
    exclusive: true,
    protocol: "iSCSI",
    location: ["SCSIid"],
    example: "target=10.0.0.20 targetIQN=iqn.2009-01.com.example:a SCSIid=3600a0980383034685a4a",
  },
  {
    type: "lvmohba",
    title: "XenServer SR: LVHD over Fibre Channel",
    shared: true,
    layout: "vhd",
    thin: "by-allocation",
    creation: "made",
    exclusive: true,
    protocol: "FC",
    location: ["SCSIid"],
    example: "SCSIid=3600a0980383034685a4a",
  },
  {
    ...LUN,
    type: "hba",
    title: "XenServer SR: LUN per VDI over HBA; a free LUN that is large enough is taken",
    creation: "by-size",
    protocol: "FC",
    location: [],
    example: "type=FC",
  },
  {
    ...LUN,
    type: "rawhba",
    title: "XenServer SR: LUN per VDI over HBA; existing LUNs are taken over, none is made",
    creation: "refused",
    protocol: "FC",
    location: [],
    example: "type=FC",
  },
  {
    ...LUN,
    type: "iscsi",
    title: "XenServer SR: LUN per VDI over iSCSI; existing LUNs are taken over, none is made",
    creation: "refused",
    protocol: "iSCSI",
    location: ["target", "targetIQN"],
    example: "target=10.0.0.20 targetIQN=iqn.2009-01.com.example:a",
  },
  {
    type: "netapp",
    title: "XenServer SR: NetApp",
    shared: true,
    layout: "array",
    thin: "by-allocation",
    creation: "made",
    exclusive: false,
    protocol: "iSCSI",
    location: ["target", "aggregate"],
    example: "target=filer username=root password=file:/etc/berth/filer aggregate=aggr0",
  },
  {
    type: "equal",
    title: "XenServer SR: EqualLogic",
    shared: true,
    layout: "array",
    thin: "by-allocation",
    creation: "made",
    exclusive: false,
    protocol: "iSCSI",
    location: ["target", "storagepool"],
    example: "target=10.0.0.30 username=grpadmin password=file:/etc/berth/equal storagepool=default",
  },
];

export const xenDeclarations: readonly DriverDeclaration[] = SR_KINDS.map(({ type, title, location, example }) => ({
  name: type,
  title,
  parameters: Type.Object({ ...DEVICE_CONFIG[type], ...OwnParameters }, { additionalProperties: false }),
  zoneSettings: ["xenapi_url", "xenapi_user", "xenapi_password"],
  example: `berth backend add gold ${type} ${example} --zone north`,
  location,
}));

export function srKind(type: string): SrKind | undefined {
  return SR_KINDS.find((kind) => kind.type === type);
}
