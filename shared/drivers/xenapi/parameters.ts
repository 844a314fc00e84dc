import { type TProperties, Type } from "typebox";
import { SecretReference } from "../declaration.ts";

/** Words of the Xen command line's `device-config:`, as they reach the pool: text, without control characters. */
function word(description: string) {
  return Type.String({ pattern: "^[^\\u0000-\\u001f]+$", maxLength: 1024, description });
}

function optional(description: string) {
  return Type.Optional(word(description));
}

const Digits = Type.Optional(Type.String({ pattern: "^\\d{1,5}$", description: "a number" }));
const Flag = Type.Optional(Type.Union([Type.Literal("true"), Type.Literal("false")]));
const Allocation = Type.Optional(Type.Union([Type.Literal("thick"), Type.Literal("thin")]));
const Chap = { chapuser: optional("CHAP user"), chappassword: Type.Optional(SecretReference) };
const IncomingChap = {
  incoming_chapuser: optional("CHAP user of the target"),
  incoming_chappassword: Type.Optional(SecretReference),
};
const Iscsi = {
  target: word("address of the portal"),
  targetIQN: word("IQN of the target"),
  port: Digits,
  ...Chap,
  ...IncomingChap,
  multihomed: Flag,
};
const Adapter = { type: Type.Optional(Type.Union([Type.Literal("FC"), Type.Literal("iSCSI"), Type.Literal("SAS")])) };

/** What Berth itself takes beside: it is no part of the device_config. */
export const OwnParameters = {
  sr_uuid: Type.Optional(
    Type.String({
      pattern: "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
      description: "uuid of an SR that stands there already: it is introduced and not made",
    }),
  ),
  host_uuid: Type.Optional(
    Type.String({
      pattern: "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
      description: "uuid of the host whose disk it is, or that makes it (the pool's master)",
    }),
  ),
  max_concurrent_calls: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 100, description: "calls of one agent to the pool at once (4)" }),
  ),
};

/** The device_config of each SR type, by the names of the Xen command line. */
export const DEVICE_CONFIG = {
  nfs: {
    server: word("name or address of the NFS server"),
    serverpath: Type.String({ pattern: "^/[^\\u0000-\\u001f]*$", maxLength: 1024, description: "absolute path there" }),
    options: optional("mount options"),
    nfsversion: Type.Optional(Type.Union([Type.Literal("3"), Type.Literal("4"), Type.Literal("4.1")])),
    useUDP: Flag,
  },
  ext: { device: word("block device of the host") },
  lvm: { device: word("block device of the host, or several with commas") },
  lvmoiscsi: { ...Iscsi, SCSIid: word("SCSI id of the LUN"), usediscoverynumber: Digits, allocation: Allocation },
  lvmohba: { SCSIid: word("SCSI id of the LUN"), allocation: Allocation },
  hba: Adapter,
  rawhba: Adapter,
  iscsi: { ...Iscsi, force_tapdisk: Flag },
  netapp: {
    target: word("address of the filer"),
    username: word("user there"),
    password: SecretReference,
    aggregate: word("aggregate that holds the volumes"),
    allocation: Allocation,
    port: Digits,
    usehttps: Flag,
    ...Chap,
    FVs: Digits,
    asis: Flag,
  },
  equal: {
    target: word("address of the group"),
    username: word("user there"),
    password: SecretReference,
    storagepool: word("storage pool"),
    allocation: Allocation,
    ...Chap,
  },
} satisfies Readonly<Record<string, TProperties>>;

export type SrType = keyof typeof DEVICE_CONFIG;
