import { CLASSES } from "./datamodel.ts";
import { XenFailure } from "./failure.ts";
import { type Method, method, str, type Xapi } from "./method.ts";
import { coerce, flag, isStruct, NULL_REF, type Row, text, type XenValue } from "./values.ts";

const DEVICES = 16;

/** Disks of virtual machines. */
export function vbdMethods({ database }: Xapi): Method[] {
  const running = (vbd: Row): Row => {
    const vm = text(vbd, "VM");
    const row = database.get("VM", vm);
    const power = text(row, "power_state");
    if (power !== "Running") throw new XenFailure("VM_BAD_POWER_STATE", vm, "Running", power);
    return row;
  };
  const unplug = (ref: string): void => {
    const row = database.get("VBD", ref);
    running(row);
    if (!flag(row, "currently_attached")) throw new XenFailure("DEVICE_ALREADY_DETACHED", ref);
    database.update("VBD", ref, { currently_attached: false, device: "" });
  };
  return [
    method("VBD.create", ["record"], "ref", (_caller, args) => {
      const fields = constructed(args[0]);
      const vm = text(fields, "VM");
      database.get("VM", vm);
      if (!flag(fields, "empty")) database.get("VDI", text(fields, "VDI"));
      const taken = new Set(
        database.related("VBD", "VM", vm).map((vbd) => text(database.get("VBD", vbd), "userdevice")),
      );
      const free = Array.from({ length: DEVICES }, (_, n) => String(n)).find((n) => !taken.has(n));
      const wanted = text(fields, "userdevice");
      const userdevice = wanted === "autodetect" ? (free ?? String(DEVICES)) : wanted;
      if (taken.has(userdevice)) throw new XenFailure("DEVICE_ALREADY_EXISTS", userdevice);
      if (fields.type === "CD" && fields.mode !== "RO") throw new XenFailure("VBD_CDS_MUST_BE_READONLY");
      return database.add("VBD", { ...fields, userdevice, metrics: NULL_REF, allowed_operations: ["attach", "plug"] });
    }),
    method("VBD.plug", ["ref"], "void", (_caller, args) => {
      const ref = str(args, 0);
      const row = database.get("VBD", ref);
      const vm = running(row);
      if (flag(row, "currently_attached")) throw new XenFailure("DEVICE_ALREADY_ATTACHED", ref);
      if (flag(row, "empty")) throw new XenFailure("VBD_IS_EMPTY", ref);
      const vdi = text(row, "VDI");
      const disk = database.get("VDI", vdi);
      const sr = text(disk, "SR");
      const attached = database
        .related("PBD", "SR", sr)
        .map((pbd) => database.get("PBD", pbd))
        .some((pbd) => pbd.host === vm.resident_on && flag(pbd, "currently_attached"));
      if (!attached) throw new XenFailure("SR_NOT_ATTACHED", sr);
      if (flag(disk, "read_only") && row.mode === "RW") throw new XenFailure("VDI_READONLY", vdi);
      const others = database
        .related("VBD", "VDI", vdi)
        .map((vbd) => database.get("VBD", vbd))
        .filter((other) => flag(other, "currently_attached"));
      const conflict = others.some((other) => other.mode === "RW" || row.mode === "RW");
      if (conflict && !flag(disk, "sharable")) throw new XenFailure("VDI_IN_USE", vdi, "attach");
      const letter = "abcdefghijklmnop".charAt(Number(text(row, "userdevice")));
      database.update("VBD", ref, { currently_attached: true, device: `xvd${letter}` });
      return "";
    }),
    method("VBD.unplug", ["ref"], "void", (_caller, args) => {
      unplug(str(args, 0));
      return "";
    }),
    method("VBD.unplug_force", ["ref"], "void", (_caller, args) => {
      unplug(str(args, 0));
      return "";
    }),
    method("VBD.destroy", ["ref"], "void", (_caller, args) => {
      const row = database.get("VBD", str(args, 0));
      if (flag(row, "currently_attached")) throw new XenFailure("OPERATION_NOT_ALLOWED", "VBD is currently attached");
      database.remove("VBD", str(args, 0));
      return "";
    }),
    method("VBD.assert_attachable", ["ref"], "void", (_caller, args) => {
      database.get("VBD", str(args, 0));
      return "";
    }),
    method("VBD.set_mode", ["ref", { type: "string", words: ["RO", "RW"] }], "void", (_caller, args) => {
      database.update("VBD", str(args, 0), { mode: str(args, 1) });
      return "";
    }),
  ];
}

const CONSTRUCTOR = [
  "VM",
  "VDI",
  "userdevice",
  "bootable",
  "mode",
  "type",
  "unpluggable",
  "empty",
  "other_config",
  "qos_algorithm_type",
  "qos_algorithm_params",
];
const OPTIONAL: Row = {
  bootable: false,
  unpluggable: true,
  other_config: {},
  qos_algorithm_type: "",
  qos_algorithm_params: {},
};

function constructed(value: XenValue | undefined): Row {
  if (!isStruct(value)) throw new XenFailure("FIELD_TYPE_ERROR", "args");
  return Object.fromEntries(
    CONSTRUCTOR.map((name) => {
      const given = value[name] ?? OPTIONAL[name];
      const field = CLASSES.VBD[name];
      if (given === undefined || field === undefined) throw new XenFailure("FIELD_TYPE_ERROR", name);
      return [name, coerce(given, field, name)] as const;
    }),
  );
}
