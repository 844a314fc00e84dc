import { type Static, Type } from "typebox";
import { parser } from "#shared/schema.ts";

/** What of XenAPI's records is used here. */
const Config = Type.Record(Type.String(), Type.String());
const Refs = Type.Array(Type.String());

export const VdiRecord = Type.Object({
  uuid: Type.String(),
  name_label: Type.String(),
  SR: Type.String(),
  VBDs: Refs,
  virtual_size: Type.Number(),
  managed: Type.Boolean(),
  is_a_snapshot: Type.Boolean(),
  snapshot_of: Type.String(),
  other_config: Config,
  sm_config: Config,
  location: Type.String(),
});
export type VdiRecord = Static<typeof VdiRecord>;

export const SrRecord = Type.Object({
  uuid: Type.String(),
  name_label: Type.String(),
  type: Type.String(),
  PBDs: Refs,
  other_config: Config,
  virtual_allocation: Type.Number(),
  physical_utilisation: Type.Number(),
  physical_size: Type.Number(),
});
export type SrRecord = Static<typeof SrRecord>;

export const PbdRecord = Type.Object({
  host: Type.String(),
  SR: Type.String(),
  device_config: Config,
  currently_attached: Type.Boolean(),
});
export type PbdRecord = Static<typeof PbdRecord>;

export const VbdRecord = Type.Object({
  uuid: Type.String(),
  VM: Type.String(),
  device: Type.String(),
  mode: Type.String(),
  currently_attached: Type.Boolean(),
  other_config: Config,
});
export type VbdRecord = Static<typeof VbdRecord>;

export const TaskRecord = Type.Object({
  status: Type.String(),
  progress: Type.Number(),
  result: Type.String(),
  error_info: Type.Array(Type.String()),
});
export type TaskRecord = Static<typeof TaskRecord>;

const Pool = Type.Object({ uuid: Type.String(), master: Type.String(), other_config: Config });
const Plugin = Type.Object({ type: Type.String(), capabilities: Type.Array(Type.String()) });
const Host = Type.Object({ uuid: Type.String(), enabled: Type.Boolean() });

export const parsed = {
  text: parser(Type.String(), "text of XenAPI"),
  refs: parser(Refs, "references of XenAPI"),
  vdi: parser(VdiRecord, "a VDI of XenAPI"),
  vdis: parser(Type.Record(Type.String(), VdiRecord), "VDIs of XenAPI"),
  sr: parser(SrRecord, "an SR of XenAPI"),
  srs: parser(Type.Record(Type.String(), SrRecord), "SRs of XenAPI"),
  pbds: parser(Type.Record(Type.String(), PbdRecord), "PBDs of XenAPI"),
  vbd: parser(VbdRecord, "a VBD of XenAPI"),
  pools: parser(Type.Record(Type.String(), Pool), "pools of XenAPI"),
  hosts: parser(Type.Record(Type.String(), Host), "hosts of XenAPI"),
  plugins: parser(Type.Record(Type.String(), Plugin), "storage plugins of XenAPI"),
  events: parser(
    Type.Object({
      token: Type.String(),
      events: Type.Array(
        Type.Object({ ref: Type.String(), operation: Type.String(), snapshot: Type.Optional(TaskRecord) }),
      ),
    }),
    "events of XenAPI",
  ),
};

export const NULL_REF = "OpaqueRef:NULL";
