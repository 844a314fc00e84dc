import { backendFailure, XenFailure } from "./failure.ts";
import { int, type Method, method, str, type Xapi } from "./method.ts";
import { can, checkDevice, PLUGINS, type Plugin, placeOf, pluginOf } from "./plugins.ts";
import { asMap, flag, map, NULL_REF, type Row, text, type XenMap } from "./values.ts";
import { isLun } from "./volumes.ts";

const COALESCE_AFTER_MS = 100;

/** Storage repositories and the PBDs that bind them to hosts. */
export class Srs {
  readonly #xapi: Xapi;
  readonly #coalescing = new Set<string>();

  constructor(xapi: Xapi) {
    this.#xapi = xapi;
  }

  plugin(sr: string): Plugin {
    const type = text(this.#xapi.database.get("SR", sr), "type");
    const plugin = pluginOf(type);
    if (plugin === undefined) throw new XenFailure("SR_UNKNOWN_DRIVER", type);
    return plugin;
  }

  /** @throws XenFailure SR_OPERATION_NOT_SUPPORTED */
  assertCan(sr: string, capability: string): void {
    if (!can(this.plugin(sr), capability)) throw new XenFailure("SR_OPERATION_NOT_SUPPORTED", sr);
  }

  /** @throws XenFailure SR_HAS_NO_PBDS: no host has it attached */
  assertAttached(sr: string): void {
    const { database } = this.#xapi;
    const attached = database
      .related("PBD", "SR", sr)
      .some((pbd) => flag(database.get("PBD", pbd), "currently_attached"));
    if (!attached) throw new XenFailure("SR_HAS_NO_PBDS", sr);
  }

  uuid(sr: string): string {
    return text(this.#xapi.database.get("SR", sr), "uuid");
  }

  /** What the storage holds is shown: new VDIs, sizes, and those that are gone. */
  scan(sr: string): void {
    const { database, volumes } = this.#xapi;
    const plugin = this.plugin(sr);
    const found = new Map(volumes.of(this.uuid(sr)).map((volume) => [text(volume, "uuid"), volume]));
    const shown = new Set<string>();
    for (const vdi of database.related("VDI", "SR", sr)) {
      const uuid = text(database.get("VDI", vdi), "uuid");
      const volume = found.get(uuid);
      if (volume === undefined) database.remove("VDI", vdi);
      else this.refresh(vdi, volume);
      shown.add(uuid);
    }
    for (const [uuid, volume] of found) if (!shown.has(uuid)) this.show(sr, plugin, volume);
    this.refreshSizes(sr);
    this.coalesceLater(sr);
  }

  /** A record for what lies on the storage. Its name is known only where the layout keeps names. */
  show(sr: string, plugin: Plugin, volume: Row, fields: Row = {}): string {
    const { database, volumes } = this.#xapi;
    const isBase = flag(volume, "hidden");
    const managed = plugin.type === "rawhba" || (isLun(volume) ? flag(volume, "taken") : !isBase);
    return database.add("VDI", {
      uuid: text(volume, "uuid"),
      name_label: isBase ? "base copy" : plugin.layout === "lvhd" ? text(volume, "name") : "",
      SR: sr,
      virtual_size: volume.virtual_bytes ?? 0,
      physical_utilisation: volumes.physicalBytes(volume),
      type: "user",
      read_only: flag(volume, "read_only"),
      location: text(volume, "uuid"),
      managed,
      on_boot: "persist",
      sm_config: this.#config(plugin, volume),
      allowed_operations: operationsOf(plugin),
      ...fields,
    });
  }

  /** What plugins say of a VDI anew at each scan. */
  refresh(vdi: string, volume: Row): void {
    const { database, volumes } = this.#xapi;
    const row = database.get("VDI", vdi);
    const plugin = this.plugin(text(row, "SR"));
    const known = map(row, "sm_config");
    const { "vhd-parent": _parent, ...kept } = known;
    const next = {
      virtual_size: volume.virtual_bytes ?? 0,
      physical_utilisation: volumes.physicalBytes(volume),
      managed: flag(volume, "hidden") ? false : (row.managed ?? true),
      sm_config: { ...kept, ...this.#config(plugin, volume) },
    };
    const changed = Object.entries(next).some(([field, value]) => JSON.stringify(row[field]) !== JSON.stringify(value));
    if (changed) database.update("VDI", vdi, next);
  }

  refreshSizes(sr: string): void {
    const { database, volumes } = this.#xapi;
    const { physicalSize, utilisation, allocation } = volumes.sizes(this.uuid(sr));
    database.update("SR", sr, {
      physical_size: physicalSize,
      physical_utilisation: utilisation,
      virtual_allocation: allocation,
    });
  }

  /** Deleted VHDs that others stand upon are merged a while afterwards. */
  coalesceLater(sr: string): void {
    if (this.#coalescing.has(sr)) return;
    this.#coalescing.add(sr);
    const timer = setTimeout(() => {
      this.#coalescing.delete(sr);
      this.#xapi.later(() => this.#coalesce(sr));
    }, COALESCE_AFTER_MS);
    timer.unref();
  }

  #coalesce(sr: string): void {
    const { database, volumes, desk } = this.#xapi;
    if (database.find("SR", sr) === undefined || desk.faults.take("coalesce-stalled") !== null) return;
    if (!volumes.coalesce(this.uuid(sr))) return;
    this.scan(sr);
  }

  #config(plugin: Plugin, volume: Row): XenMap {
    const parent = text(volume, "parent");
    if (isLun(volume)) return { ...map(volume, "lun"), "backend-kind": plugin.type === "hba" ? "phy" : "tap" };
    if (plugin.layout === "filer") return {};
    return { ...(flag(volume, "raw") ? { type: "raw" } : {}), ...(parent === "" ? {} : { "vhd-parent": parent }) };
  }

  methods(): Method[] {
    const { database, volumes, desk, capacityGib } = this.#xapi;
    return [
      method(
        "SR.create",
        ["ref", "map", "int", "string", "string", "string", "string", "bool", "map"],
        "ref",
        ({ method: name }, args) => {
          const [host, config] = [str(args, 0), asMap(args[1])];
          database.get("host", host);
          const plugin = this.#pluginNamed(str(args, 5));
          this.#assertReachable(plugin, name);
          checkDevice(plugin, config, capacityGib);
          if (desk.faults.take("full", name) !== null) throw backendFailure(44);
          const shared = args[7] === true;
          const sr = database.add("SR", {
            name_label: str(args, 3),
            name_description: str(args, 4),
            type: plugin.type,
            content_type: str(args, 6),
            shared,
            sm_config: args[8] ?? {},
            physical_size: int(args, 2),
            allowed_operations: SR_OPERATIONS,
            introduced_by: NULL_REF,
          });
          const hosts = shared ? [...database.table("host").keys()] : [host];
          const place = placeOf(plugin, config, text(database.get("host", host), "uuid"));
          const busy = plugin.exclusive ? this.#attachedAt(place) : undefined;
          if (busy !== undefined) {
            database.remove("SR", sr);
            throw backendFailure(16, busy);
          }
          volumes.format(plugin, this.uuid(sr), place, { ...config, ...asMap(args[8]) }, int(args, 2));
          for (const one of hosts)
            database.add("PBD", { host: one, SR: sr, device_config: config, currently_attached: true });
          this.scan(sr);
          return sr;
        },
        { needed: 8 },
      ),
      method(
        "SR.make",
        ["ref", "map", "int", "string", "string", "string", "string", "map"],
        "string",
        () => {
          throw new XenFailure("MESSAGE_DEPRECATED");
        },
        { needed: 7 },
      ),
      method(
        "SR.introduce",
        ["string", "string", "string", "string", "string", "bool", "map"],
        "ref",
        (_caller, args) => {
          const uuid = str(args, 0);
          if (database.hasUuid("SR", uuid)) throw new XenFailure("SR_UUID_EXISTS", uuid);
          const plugin = this.#pluginNamed(str(args, 3));
          return database.add("SR", {
            uuid,
            name_label: str(args, 1),
            name_description: str(args, 2),
            type: plugin.type,
            content_type: str(args, 4),
            shared: args[5] === true,
            sm_config: args[6] ?? {},
            allowed_operations: SR_OPERATIONS,
            introduced_by: NULL_REF,
          });
        },
        { needed: 6 },
      ),
      method(
        "SR.probe",
        ["ref", "map", "string", "map"],
        "string",
        ({ method: name }, args) => {
          const plugin = this.#pluginNamed(str(args, 2));
          const config = asMap(args[1]);
          this.#assertReachable(plugin, name);
          if (!can(plugin, "SR_PROBE")) throw new XenFailure("SR_OPERATION_NOT_SUPPORTED", NULL_REF);
          checkDevice(plugin, config, capacityGib);
          const found = volumes.at(placeOf(plugin, config, text(database.get("host", str(args, 0)), "uuid")));
          return `<?xml version="1.0" ?><SRlist>${found.map((uuid) => `<SR><UUID>${uuid}</UUID></SR>`).join("")}</SRlist>`;
        },
        { needed: 3 },
      ),
      method("SR.scan", ["ref"], "void", ({ method: name }, args) => {
        const sr = str(args, 0);
        database.get("SR", sr);
        this.assertAttached(sr);
        this.#assertReachable(this.plugin(sr), name);
        if (desk.faults.take("scan-fails", name) !== null) throw backendFailure(40);
        this.scan(sr);
        return "";
      }),
      method("SR.update", ["ref"], "void", (_caller, args) => {
        this.assertAttached(str(args, 0));
        this.refreshSizes(str(args, 0));
        return "";
      }),
      method("SR.forget", ["ref"], "void", (_caller, args) => {
        this.#assertUnplugged(str(args, 0));
        this.#drop(str(args, 0));
        return "";
      }),
      method("SR.destroy", ["ref"], "void", (_caller, args) => {
        const sr = str(args, 0);
        const row = database.get("SR", sr);
        this.#assertUnplugged(sr);
        if (map(row, "other_config").indestructible === "true") throw new XenFailure("SR_INDESTRUCTIBLE", sr);
        // A plugin that finds VDIs refuses; hidden nodes and LUNs that nobody took are none.
        const holds = volumes.of(this.uuid(sr)).some((one) => (isLun(one) ? flag(one, "taken") : !flag(one, "hidden")));
        if (holds) throw new XenFailure("SR_NOT_EMPTY");
        volumes.wipe(this.uuid(sr));
        this.#drop(sr);
        return "";
      }),
      method("SR.get_supported_types", [], "set", () => PLUGINS.map(({ type }) => type), { async: false }),
      method(
        "SR.get_live_hosts",
        ["ref"],
        "set",
        (_caller, args) =>
          database
            .related("PBD", "SR", str(args, 0))
            .map((pbd) => database.get("PBD", pbd))
            .filter((pbd) => flag(pbd, "currently_attached"))
            .map((pbd) => text(pbd, "host")),
        { async: false },
      ),
      method("SR.set_shared", ["ref", "bool"], "void", (_caller, args) => {
        const sr = str(args, 0);
        const pbds = database.related("PBD", "SR", sr);
        if (args[1] !== true && pbds.length > 1) throw new XenFailure("SR_HAS_MULTIPLE_PBDS", pbds[0] ?? NULL_REF);
        database.update("SR", sr, { shared: args[1] === true });
        return "";
      }),
      this.#setter("name_label"),
      this.#setter("name_description"),
      ...this.#pbdMethods(),
    ];
  }

  #pbdMethods(): Method[] {
    const { database, desk } = this.#xapi;
    return [
      method("PBD.create", ["record"], "ref", (_caller, args) => {
        const given = { value: args[0] ?? {} };
        const fields = asMap(given.value);
        const { host = "", SR: sr = "" } = fields;
        database.get("host", host);
        const row = database.get("SR", sr);
        const pbds = database.related("PBD", "SR", sr);
        const there = pbds.find((pbd) => database.get("PBD", pbd).host === host);
        if (there !== undefined) throw new XenFailure("PBD_EXISTS", sr, host, there);
        if (pbds.length > 0 && !flag(row, "shared")) throw new XenFailure("SR_NOT_SHARABLE", sr, host);
        const { device_config, other_config } = structOf(args[0]);
        return database.add("PBD", {
          host,
          SR: sr,
          device_config: asMap(device_config),
          other_config: asMap(other_config),
        });
      }),
      method("PBD.plug", ["ref"], "void", ({ method: name }, args) => {
        const pbd = str(args, 0);
        const row = database.get("PBD", pbd);
        if (flag(row, "currently_attached")) return "";
        const sr = text(row, "SR");
        const plugin = this.plugin(sr);
        this.#assertReachable(plugin, name);
        checkDevice(plugin, map(row, "device_config"), this.#xapi.capacityGib);
        this.#assertThere(plugin, row);
        database.update("PBD", pbd, { currently_attached: true });
        this.scan(sr);
        return "";
      }),
      method("PBD.unplug", ["ref"], "void", ({ method: name }, args) => {
        const pbd = str(args, 0);
        const row = database.get("PBD", pbd);
        if (!flag(row, "currently_attached")) return "";
        const used = this.#usedOn(text(row, "SR"), text(row, "host"));
        if (used !== undefined || desk.faults.take("pbd-unplug-refused", name) !== null)
          throw new XenFailure("VDI_IN_USE", used ?? NULL_REF, "detach");
        database.update("PBD", pbd, { currently_attached: false });
        return "";
      }),
      method("PBD.destroy", ["ref"], "void", (_caller, args) => {
        if (flag(database.get("PBD", str(args, 0)), "currently_attached"))
          throw new XenFailure("OPERATION_NOT_ALLOWED", "PBD is currently attached");
        database.remove("PBD", str(args, 0));
        return "";
      }),
      method("PBD.set_device_config", ["ref", "map"], "void", (_caller, args) => {
        database.update("PBD", str(args, 0), { device_config: args[1] ?? {} });
        return "";
      }),
    ];
  }

  #setter(field: "name_label" | "name_description"): Method {
    return method(`SR.set_${field}`, ["ref", "string"], "void", (_caller, args) => {
      this.#xapi.database.update("SR", str(args, 0), { [field]: str(args, 1) });
      return "";
    });
  }

  /** Its record and bindings go; what lies on the storage stays. */
  #drop(sr: string): void {
    const { database } = this.#xapi;
    for (const vdi of database.related("VDI", "SR", sr)) database.remove("VDI", vdi);
    for (const pbd of database.related("PBD", "SR", sr)) database.remove("PBD", pbd);
    database.remove("SR", sr);
  }

  /** All SRs that clients made are forgotten, as by another administrator. */
  forgetAll(): void {
    for (const [sr, row] of [...this.#xapi.database.table("SR")]) if (!flag(row, "is_tools_sr")) this.#drop(sr);
  }

  /** As after all hosts booted. */
  unplugAll(): void {
    const { database } = this.#xapi;
    for (const pbd of [...database.table("PBD").keys()]) database.update("PBD", pbd, { currently_attached: false });
  }

  #pluginNamed(type: string): Plugin {
    const plugin = pluginOf(type);
    if (plugin === undefined) throw new XenFailure("SR_UNKNOWN_DRIVER", type);
    return plugin;
  }

  #assertReachable({ type }: Plugin, name: string): void {
    const { faults } = this.#xapi.desk;
    if (type === "nfs" && faults.take("nfs-down", name) !== null)
      throw backendFailure(73, "mount failed with return code 32");
    if (type === "nfs" && faults.take("no-nfs", name) !== null) throw backendFailure(108);
    if (type.includes("iscsi") && faults.take("chap-refused", name) !== null) throw backendFailure(68);
  }

  #assertThere(plugin: Plugin, pbd: Row): void {
    const { database, volumes } = this.#xapi;
    const host = text(database.get("host", text(pbd, "host")), "uuid");
    const uuid = this.uuid(text(pbd, "SR"));
    const place = placeOf(plugin, map(pbd, "device_config"), host);
    if (volumes.at(place).includes(uuid)) return;
    // LUN-per-VDI has nothing of its own on the storage.
    if (plugin.layout === "luns") volumes.format(plugin, uuid, place, map(pbd, "device_config"), 0);
    else throw backendFailure(47, `no such SR: ${uuid}`);
  }

  #attachedAt(place: string): string | undefined {
    const { database, volumes } = this.#xapi;
    return volumes.at(place).find((uuid) => database.hasUuid("SR", uuid));
  }

  #assertUnplugged(sr: string): void {
    const { database } = this.#xapi;
    const plugged = database
      .related("PBD", "SR", sr)
      .some((pbd) => flag(database.get("PBD", pbd), "currently_attached"));
    if (plugged) throw new XenFailure("SR_HAS_PBD", sr);
  }

  #usedOn(sr: string, host: string): string | undefined {
    const { database } = this.#xapi;
    return database.related("VDI", "SR", sr).find((vdi) =>
      database.related("VBD", "VDI", vdi).some((vbd) => {
        const row = database.get("VBD", vbd);
        return flag(row, "currently_attached") && database.find("VM", text(row, "VM"))?.resident_on === host;
      }),
    );
  }
}

const SR_OPERATIONS = ["scan", "destroy", "forget", "plug", "unplug", "update", "vdi_create"];

function operationsOf(plugin: Plugin): string[] {
  const words: readonly (readonly [string, string])[] = [
    ["VDI_SNAPSHOT", "snapshot"],
    ["VDI_CLONE", "clone"],
    ["VDI_RESIZE", "resize"],
    ["VDI_DELETE", "destroy"],
  ];
  return ["update", "forget", "copy", ...words.filter(([name]) => can(plugin, name)).map(([, word]) => word)];
}

function structOf(value: unknown): { device_config?: XenMap; other_config?: XenMap } {
  const struct = typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
  const part = (name: string): XenMap => asMap(Object.entries(struct).find(([key]) => key === name)?.[1]);
  return { device_config: part("device_config"), other_config: part("other_config") };
}
