import { createHash } from "node:crypto";
import { gibToBytes } from "#shared/units.ts";
import { backendFailure } from "./failure.ts";
import type { XenMap } from "./values.ts";

/**
 * How a plugin lays its VDIs out: VHD files; VHDs in logical volumes; LUNs that are there already, each of which is a VDI;
 * LUNs that a filer makes.
 */
export type Layout = "file" | "lvhd" | "luns" | "filer";

export interface Plugin {
  readonly type: string;
  readonly title: string;
  readonly layout: Layout;
  readonly shared: boolean;
  /** Keys of device_config that must be there, with the number of the fault that says they are not. */
  readonly required: readonly (readonly [key: string, fault: number])[];
  readonly configuration: XenMap;
  readonly capabilities: readonly string[];
  /** A second SR on the same place takes it over: a device has room for one. */
  readonly exclusive: boolean;
}

const VHD = [
  "SR_PROBE",
  "SR_UPDATE",
  "VDI_CREATE",
  "VDI_DELETE",
  "VDI_ATTACH",
  "VDI_DETACH",
  "VDI_UPDATE",
  "VDI_CLONE",
  "VDI_SNAPSHOT",
  "VDI_RESIZE",
  "VDI_MIRROR",
  "VDI_GENERATE_CONFIG",
  "VDI_RESET_ON_BOOT/2",
  "VDI_CONFIG_CBT",
  "VDI_ACTIVATE",
  "VDI_DEACTIVATE",
  "ATOMIC_PAUSE",
];
const FILES = [...VHD, "SR_CACHING", "THIN_PROVISIONING"];
const LUNS = ["SR_PROBE", "VDI_CREATE", "VDI_DELETE", "VDI_ATTACH", "VDI_DETACH", "VDI_INTRODUCE"];
const FILER = [
  "SR_PROBE",
  "VDI_CREATE",
  "VDI_DELETE",
  "VDI_ATTACH",
  "VDI_DETACH",
  "VDI_CLONE",
  "VDI_SNAPSHOT",
  "VDI_RESIZE",
];
const CHAP = { chapuser: "CHAP user", chappassword: "CHAP password", port: "port of the portal (3260)" };

export const PLUGINS: readonly Plugin[] = [
  {
    type: "nfs",
    title: "NFS VHD",
    layout: "file",
    shared: true,
    required: [
      ["server", 102],
      ["serverpath", 101],
    ],
    configuration: { server: "hostname or address", serverpath: "path on the server", nfsversion: "3, 4 or 4.1" },
    capabilities: FILES,
    exclusive: false,
  },
  {
    type: "ext",
    title: "Local EXT3 VHD",
    layout: "file",
    shared: false,
    required: [["device", 90]],
    configuration: { device: "block device" },
    capabilities: FILES,
    exclusive: true,
  },
  {
    type: "lvm",
    title: "Local VHD on LVM",
    layout: "lvhd",
    shared: false,
    required: [["device", 90]],
    configuration: { device: "block device, or several" },
    capabilities: VHD,
    exclusive: true,
  },
  {
    type: "lvmohba",
    title: "LVHD over FC",
    layout: "lvhd",
    shared: true,
    required: [["SCSIid", 107]],
    configuration: { SCSIid: "SCSI id of the LUN", allocation: "thick or thin" },
    capabilities: VHD,
    exclusive: true,
  },
  {
    type: "lvmoiscsi",
    title: "LVHD over iSCSI",
    layout: "lvhd",
    shared: true,
    required: [
      ["target", 95],
      ["targetIQN", 96],
      ["SCSIid", 107],
    ],
    configuration: { target: "portal", targetIQN: "IQN", SCSIid: "SCSI id of the LUN", ...CHAP },
    capabilities: VHD,
    exclusive: true,
  },
  {
    type: "iscsi",
    title: "iSCSI, LUN-per-VDI",
    layout: "luns",
    shared: true,
    required: [
      ["target", 95],
      ["targetIQN", 96],
    ],
    configuration: { target: "portal", targetIQN: "IQN", ...CHAP },
    capabilities: LUNS,
    exclusive: false,
  },
  {
    type: "hba",
    title: "HBA, LUN-per-VDI",
    layout: "luns",
    shared: true,
    required: [],
    configuration: { type: "FC, iSCSI or SAS" },
    capabilities: LUNS,
    exclusive: false,
  },
  {
    type: "rawhba",
    title: "Raw HBA, LUN-per-VDI",
    layout: "luns",
    shared: true,
    required: [],
    configuration: { type: "FC, iSCSI or SAS" },
    capabilities: ["SR_PROBE", "VDI_ATTACH", "VDI_DETACH", "VDI_DELETE"],
    exclusive: false,
  },
  {
    type: "netapp",
    title: "NetApp",
    layout: "filer",
    shared: true,
    required: [
      ["target", 120],
      ["username", 121],
      ["password", 122],
      ["aggregate", 123],
    ],
    configuration: { target: "filer", username: "user", password: "password", aggregate: "aggregate" },
    capabilities: FILER,
    exclusive: false,
  },
  {
    type: "equal",
    title: "Dell EqualLogic",
    layout: "filer",
    shared: true,
    required: [
      ["target", 160],
      ["username", 161],
      ["password", 162],
      ["storagepool", 163],
    ],
    configuration: { target: "group", username: "user", password: "password", storagepool: "pool" },
    capabilities: FILER,
    exclusive: false,
  },
  {
    type: "iso",
    title: "ISO",
    layout: "file",
    shared: true,
    required: [],
    configuration: { location: "path to mount" },
    capabilities: ["VDI_ATTACH", "VDI_DETACH", "SR_SCAN"],
    exclusive: false,
  },
];

export function pluginOf(type: string): Plugin | undefined {
  return PLUGINS.find((plugin) => plugin.type === type.toLowerCase());
}

export function can(plugin: Plugin, capability: string): boolean {
  return plugin.capabilities.some((known) => known.split("/")[0] === capability);
}

/** A LUN that a target or the fabric shows. */
export interface Lun {
  readonly LUNid: string;
  readonly SCSIid: string;
  readonly bytes: number;
}

/** What the simulated storage behind a device_config is: where two SRs meet, and what it holds. */
export function placeOf({ type }: Plugin, config: XenMap, hostUuid: string): string {
  switch (type) {
    case "nfs":
      return `nfs:${config.server}:${config.serverpath?.replace(/\/+$/, "")}`;
    case "ext":
    case "lvm":
      return `device:${hostUuid}:${config.device}`;
    case "lvmohba":
    case "lvmoiscsi":
      return `lun:${config.SCSIid}`;
    case "iscsi":
      return `target:${config.targetIQN}`;
    case "netapp":
      return `netapp:${config.target}:${config.aggregate}`;
    case "equal":
      return `equal:${config.target}:${config.storagepool}`;
    default:
      return `${type}:fabric`;
  }
}

export function iqnsOf(target: string): string[] {
  const digest = createHash("sha256").update(target).digest("hex").slice(0, 6);
  return ["a", "b"].map((which) => `iqn.2009-01.com.example:storage.${digest}.${which}`);
}

const SHARES = [1, 1, 2, 2, 2, 2, 2, 4];

/** Eight LUNs of different sizes, which together are the whole capacity. */
export function lunsOf(place: string, capacityGib: number): Lun[] {
  return SHARES.map((share, number) => ({
    LUNid: String(number + 1),
    SCSIid: `3600a0980${createHash("sha256").update(`${place}/${number}`).digest("hex").slice(0, 24)}`,
    bytes: Math.floor((gibToBytes(capacityGib) * share) / 16 / 512) * 512,
  }));
}

/** @throws XenFailure with the plugin's number, and the hints it gives as XML where a key is missing or unknown */
export function checkDevice(plugin: Plugin, config: XenMap, capacityGib: number): void {
  for (const [key, fault] of plugin.required) {
    const value = config[key] ?? "";
    const hint = value === "" || value === "*" ? hintFor(key, config, capacityGib) : "";
    if (value === "" || (key === "targetIQN" && value === "*")) throw backendFailure(fault, "", hint);
  }
  if (plugin.type === "nfs" && !config.serverpath?.startsWith("/")) throw backendFailure(103);
  if (config.targetIQN !== undefined && !/^(iqn|eui|naa)\./.test(config.targetIQN)) throw backendFailure(106);
  if (config.targetIQN !== undefined && !iqnsOf(config.target ?? "").includes(config.targetIQN))
    throw backendFailure(96, "", iqnXml(config.target ?? ""));
  if (plugin.layout === "lvhd" && config.SCSIid !== undefined) {
    const luns = lunsOf(fabricOf(config), capacityGib);
    if (!luns.some(({ SCSIid }) => SCSIid === config.SCSIid))
      throw backendFailure(107, "", lunXml(config, capacityGib));
  }
}

/** Where the LUNs of a config come from: its target, or the fibre-channel fabric. */
export function fabricOf(config: XenMap): string {
  return config.targetIQN === undefined ? "hba:fabric" : `target:${config.targetIQN}`;
}

function hintFor(key: string, config: XenMap, capacityGib: number): string {
  if (key === "targetIQN") return iqnXml(config.target ?? "");
  if (key === "SCSIid") return lunXml(config, capacityGib);
  if (key === "serverpath") return exportsXml(config.server ?? "");
  return "";
}

function iqnXml(target: string): string {
  const entries = iqnsOf(target).map(
    (iqn, n) => `<TGT><Index>${n}</Index><IPAddress>${target}</IPAddress><TargetIQN>${iqn}</TargetIQN></TGT>`,
  );
  return `<?xml version="1.0" ?><iscsi-target-iqns>${entries.join("")}</iscsi-target-iqns>`;
}

function lunXml(config: XenMap, capacityGib: number): string {
  const luns = lunsOf(fabricOf(config), capacityGib);
  if (config.targetIQN === undefined) {
    const devices = luns.map(
      ({ LUNid, SCSIid, bytes }) =>
        `<BlockDevice><path>/dev/disk/by-id/scsi-${SCSIid}</path><vendor>SIMULATE</vendor><size>${bytes}</size><SCSIid>${SCSIid}</SCSIid><lun>${LUNid}</lun></BlockDevice>`,
    );
    return `<?xml version="1.0" ?><Devlist>${devices.join("")}</Devlist>`;
  }
  const entries = luns.map(
    ({ LUNid, SCSIid, bytes }) =>
      `<LUN><vendor>SIMULATE</vendor><LUNid>${LUNid}</LUNid><size>${bytes}</size><SCSIid>${SCSIid}</SCSIid></LUN>`,
  );
  return `<?xml version="1.0" ?><iscsi-target>${entries.join("")}</iscsi-target>`;
}

function exportsXml(server: string): string {
  return `<?xml version="1.0" ?><nfs-exports><Export><Target>${server}</Target><Path>/exports</Path><Accesslist>*</Accesslist></Export></nfs-exports>`;
}
