import type { TProperties } from "typebox";
import { isSecretParameter } from "#shared/drivers/declaration.ts";
import { DEVICE_CONFIG, type SrType } from "#shared/drivers/xenapi/parameters.ts";
import type { Access, ConnectionInfo, Connector } from "#shared/model/attachment.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { CallContext } from "../driver.ts";
import { isFailure } from "./failure.ts";
import type { XenPool } from "./pool.ts";
import { parsed, type VbdRecord } from "./records.ts";
import type { Vdi } from "./vdis.ts";

/** Of a VBD's other_config: it is one that we made. */
const MARK_KEY = "berth";

/** The disks of virtual machines: a host that is a machine of this pool gets the volume plugged in. */
export class Disks {
  readonly #pool: XenPool;

  constructor(pool: XenPool) {
    this.#pool = pool;
  }

  /** The machine that the host is, by the uuid that it knows of itself; null: it is none of this pool's. */
  async machine(context: CallContext, { systemUuid }: Connector): Promise<string | null> {
    if (systemUuid === undefined) return null;
    try {
      const uuid = systemUuid.toLowerCase();
      return parsed.text.parse(await this.#pool.call(context, "VM.get_by_uuid", [uuid], { changes: false }));
    } catch (error) {
      if (isFailure(error, "UUID_INVALID", "HANDLE_INVALID")) return null;
      throw error;
    }
  }

  /** @returns where the machine finds it (`xvdb`), and the VBD's uuid */
  async plug(context: CallContext, vdi: Vdi, machine: string, access: Access): Promise<VbdRecord> {
    const mode = access === "rw" ? "RW" : "RO";
    const there = (await this.#ours(context, vdi)).find(({ record }) => record.VM === machine && record.mode === mode);
    if (there?.record.currently_attached === true) return there.record;
    const vbd = there?.ref ?? (await this.#create(context, vdi, machine, mode));
    try {
      await this.#pool.call(context, "VBD.plug", [vbd], { changes: true });
    } catch (error) {
      if (!isFailure(error, "DEVICE_ALREADY_ATTACHED")) throw error;
    }
    return await this.#record(context, vbd);
  }

  /** Of one machine, or (null) of all. */
  async unplug(context: CallContext, vdi: Vdi, machine: string | null): Promise<void> {
    for (const { ref, record } of await this.#ours(context, vdi)) {
      if (machine !== null && record.VM !== machine) continue;
      if (record.currently_attached)
        await this.#done(context, "VBD.unplug", ref, "DEVICE_ALREADY_DETACHED", "VM_BAD_POWER_STATE");
      await this.#done(context, "VBD.destroy", ref);
    }
  }

  async #create(context: CallContext, { ref }: Vdi, machine: string, mode: "RW" | "RO"): Promise<string> {
    const fields = {
      VM: machine,
      VDI: ref,
      userdevice: "autodetect",
      bootable: false,
      mode,
      type: "Disk",
      unpluggable: true,
      empty: false,
      other_config: { [MARK_KEY]: "attached" },
      qos_algorithm_type: "",
      qos_algorithm_params: {},
    };
    return parsed.text.parse(await this.#pool.call(context, "VBD.create", [fields], { changes: true }));
  }

  async #ours(context: CallContext, { record }: Vdi): Promise<{ readonly ref: string; readonly record: VbdRecord }[]> {
    const found: { readonly ref: string; readonly record: VbdRecord }[] = [];
    for (const ref of record.VBDs) {
      const vbd = await this.#record(context, ref).catch((error) => {
        if (isFailure(error, "HANDLE_INVALID")) return null;
        throw error;
      });
      if (vbd !== null && vbd.other_config[MARK_KEY] !== undefined) found.push({ ref, record: vbd });
    }
    return found;
  }

  async #record(context: CallContext, vbd: string): Promise<VbdRecord> {
    return parsed.vbd.parse(await this.#pool.call(context, "VBD.get_record", [vbd], { changes: false }));
  }

  async #done(context: CallContext, method: string, vbd: string, ...fine: readonly string[]): Promise<void> {
    try {
      await this.#pool.call(context, method, [vbd], { changes: true });
    } catch (error) {
      if (!isFailure(error, "HANDLE_INVALID", ...fine)) throw error;
    }
  }
}

/**
 * What the seeds' driver told: how a Xen host introduces the SR and finds the VDI in it. Secrets are left out: a host of
 * the pool has the SR attached already.
 */
export function xensmInfo(
  backend: Backend,
  { sr, vdi, flavor }: { readonly sr: string; readonly vdi: string; readonly flavor: string | null },
  plugged: VbdRecord | null,
): ConnectionInfo {
  const type = backend.driver;
  const declared: TProperties = isSrType(type) ? DEVICE_CONFIG[type] : {};
  const shown = Object.entries(declared).filter(([, schema]) => !isSecretParameter(schema));
  const config = shown.flatMap(([name]) => {
    const value = backend.parameters[name];
    return value === undefined ? [] : [[name, String(value)] as const];
  });
  return {
    driverVolumeType: "xensm",
    data: {
      backend_id: backend.id,
      sr_uuid: sr,
      sr_type: type,
      vdi_uuid: vdi,
      name_label: backend.name,
      ...(flavor === null ? {} : { flavor_id: flavor }),
      ...Object.fromEntries(config),
      introduce_sr_keys: [...config.map(([name]) => name), "sr_type"],
      ...(plugged === null ? {} : { vbd_uuid: plugged.uuid, device: `/dev/${plugged.device}` }),
    },
  };
}

function isSrType(type: string): type is SrType {
  return Object.hasOwn(DEVICE_CONFIG, type);
}
