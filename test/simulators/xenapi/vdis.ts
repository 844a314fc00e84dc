import { setTimeout as pause } from "node:timers/promises";
import { CLASSES } from "./datamodel.ts";
import { backendFailure, XenFailure } from "./failure.ts";
import { int, type Method, method, str, type Xapi } from "./method.ts";
import type { Srs } from "./srs.ts";
import { asMap, coerce, flag, isStruct, map, NULL_REF, now, number, type Row, text, type XenValue } from "./values.ts";
import { isLun } from "./volumes.ts";

const COPY_STEP_MS = 20;

/** Virtual disks. */
export class Vdis {
  readonly #xapi: Xapi;
  readonly #srs: Srs;

  constructor(xapi: Xapi, srs: Srs) {
    this.#xapi = xapi;
    this.#srs = srs;
  }

  methods(): Method[] {
    const { database, volumes, desk } = this.#xapi;
    const alone = { async: false } as const;
    return [
      method("VDI.create", ["record"], "ref", ({ method: name }, args) => this.#create(name, constructed(args[0]))),
      method("VDI.destroy", ["ref"], "void", async ({ method: name }, args) => {
        const vdi = str(args, 0);
        const row = this.#usable(vdi);
        this.#srs.assertCan(text(row, "SR"), "VDI_DELETE");
        if (this.#isAttached(vdi) || desk.faults.take("vdi-in-use", name) !== null)
          throw new XenFailure("VDI_IN_USE", vdi, "destroy");
        for (const vbd of database.related("VBD", "VDI", vdi)) database.remove("VBD", vbd);
        const sr = text(row, "SR");
        const uuid = text(row, "uuid");
        volumes.destroy(uuid);
        database.remove("VDI", vdi);
        this.#settle(sr);
        const left = volumes.find(uuid);
        // A LUN's data stay.
        if (left === undefined || !isLun(left.row)) await this.#xapi.data.remove(uuid);
        return "";
      }),
      method(
        "VDI.snapshot",
        ["ref", "map"],
        "ref",
        ({ method: name }, args) => this.#branch(name, str(args, 0), asMap(args[1]), true),
        { needed: 1 },
      ),
      method(
        "VDI.clone",
        ["ref", "map"],
        "ref",
        ({ method: name }, args) => this.#branch(name, str(args, 0), asMap(args[1]), false),
        { needed: 1 },
      ),
      method(
        "VDI.copy",
        ["ref", "ref", "ref", "ref"],
        "ref",
        ({ method: name }, args) =>
          this.#copy(name, str(args, 0), str(args, 1, NULL_REF), str(args, 2, NULL_REF), str(args, 3, NULL_REF)),
        { needed: 2 },
      ),
      method("VDI.resize", ["ref", "int"], "void", async ({ method: name }, args) => {
        const vdi = str(args, 0);
        const row = this.#usable(vdi);
        this.#srs.assertCan(text(row, "SR"), "VDI_RESIZE");
        this.#assertNotFull(name);
        if (this.#isAttached(vdi)) throw new XenFailure("VDI_IN_USE", vdi, "resize");
        const grown = volumes.resize(text(row, "uuid"), int(args, 1));
        this.#refresh(vdi);
        this.#settle(text(row, "SR"));
        await this.#xapi.data.resize(text(row, "uuid"), number(grown, "virtual_bytes"));
        return "";
      }),
      method("VDI.resize_online", ["ref", "int"], "void", () => {
        throw new XenFailure("MESSAGE_REMOVED");
      }),
      method(
        "VDI.introduce",
        [
          "string",
          "string",
          "string",
          "ref",
          "string",
          "bool",
          "bool",
          "map",
          "string",
          "map",
          "map",
          "bool",
          "int",
          "int",
          "ref",
          "bool",
          "datetime",
          "ref",
        ],
        "ref",
        (_caller, args) => this.#introduce(args),
        { needed: 9 },
      ),
      method("VDI.forget", ["ref"], "void", (_caller, args) => {
        const uuid = text(database.get("VDI", str(args, 0)), "uuid");
        const lun = volumes.find(uuid);
        // That a LUN is somebody's is known by its record alone.
        if (lun !== undefined && isLun(lun.row)) volumes.update(uuid, { taken: false });
        database.remove("VDI", str(args, 0));
        return "";
      }),
      method("VDI.update", ["ref"], "void", (_caller, args) => {
        this.#usable(str(args, 0));
        return "";
      }),
      method("VDI.generate_config", ["ref", "ref"], "string", () => "", alone),
      ...(["name_label", "name_description"] as const).map((field) =>
        method(`VDI.set_${field}`, ["ref", "string"], "void", (_caller, args) => {
          const vdi = str(args, 0);
          database.update("VDI", vdi, { [field]: str(args, 1) });
          const uuid = text(database.get("VDI", vdi), "uuid");
          if (field === "name_label" && volumes.find(uuid) !== undefined) volumes.update(uuid, { name: str(args, 1) });
          return "";
        }),
      ),
      ...(["sharable", "read_only", "managed", "missing", "is_a_snapshot", "allow_caching"] as const).map((field) =>
        method(`VDI.set_${field}`, ["ref", "bool"], "void", (_caller, args) => {
          database.update("VDI", str(args, 0), { [field]: args[1] === true });
          return "";
        }),
      ),
      method("VDI.set_on_boot", ["ref", { type: "string", words: ["persist", "reset"] }], "void", (_caller, args) => {
        database.update("VDI", str(args, 0), { on_boot: str(args, 1) });
        return "";
      }),
    ];
  }

  #create(name: string, given: Row): string {
    const { database, volumes, desk } = this.#xapi;
    const sr = text(given, "SR");
    const srRow = database.get("SR", sr);
    this.#srs.assertCan(sr, "VDI_CREATE");
    this.#srs.assertAttached(sr);
    this.#assertSound(name);
    this.#assertNotFull(name);
    const requested = number(given, "virtual_size");
    const free = number(srRow, "physical_size") - number(srRow, "physical_utilisation");
    if (desk.faults.take("sr-full", name) !== null)
      throw new XenFailure("SR_FULL", String(requested), String(Math.max(0, free)));
    const raw = map(given, "sm_config").type === "raw";
    const volume = volumes.create(text(srRow, "uuid"), requested, raw);
    const shown = this.#shownAs(sr, text(volume, "uuid"));
    const plugin = this.#srs.plugin(sr);
    const { SR: _sr, virtual_size: _size, sm_config: config, ...fields } = given;
    const named = { ...fields, managed: true };
    volumes.update(text(volume, "uuid"), { name: text(given, "name_label") });
    const vdi = shown ?? this.#srs.show(sr, plugin, volume);
    database.update("VDI", vdi, {
      ...named,
      sm_config: { ...asMap(config), ...map(database.get("VDI", vdi), "sm_config") },
    });
    this.#settle(sr);
    return vdi;
  }

  /** xapi gives the copy the names and configs of its original. */
  async #branch(
    name: string,
    vdi: string,
    parameters: Readonly<Record<string, string>>,
    isSnapshot: boolean,
  ): Promise<string> {
    const { database, volumes, desk } = this.#xapi;
    const row = this.#usable(vdi);
    const sr = text(row, "SR");
    this.#srs.assertCan(sr, isSnapshot ? "VDI_SNAPSHOT" : "VDI_CLONE");
    this.#assertSound(name);
    this.#assertNotFull(name);
    if (map(row, "sm_config").type === "raw") throw new XenFailure("SR_OPERATION_NOT_SUPPORTED", sr);
    if (desk.faults.take("chain-limit", name) !== null) throw backendFailure(109);
    const plugin = this.#srs.plugin(sr);
    if (plugin.type === "equal" && isSnapshot && flag(row, "is_a_snapshot")) throw backendFailure(168);
    const { copy, base } = volumes.branch(text(row, "uuid"), isSnapshot);
    if (base !== null) {
      this.#srs.show(sr, plugin, base);
      this.#refresh(vdi);
    }
    const copied = ["name_label", "name_description", "type", "sharable", "other_config", "xenstore_data", "tags"];
    const fields = Object.fromEntries(copied.map((field) => [field, row[field] ?? ""] as const));
    const made = this.#srs.show(sr, plugin, copy, fields);
    database.update("VDI", made, {
      sm_config: { ...parameters, ...map(database.get("VDI", made), "sm_config") },
      ...(isSnapshot
        ? { is_a_snapshot: true, snapshot_of: vdi, snapshot_time: now(), read_only: true }
        : { read_only: false }),
    });
    this.#settle(sr);
    await this.#xapi.data.branch(text(row, "uuid"), text(copy, "uuid"));
    return made;
  }

  async #copy(name: string, vdi: string, toSr: string, _base: string, into: string): Promise<string> {
    const { database, volumes } = this.#xapi;
    const row = this.#usable(vdi);
    const sizeBytes = number(row, "virtual_size");
    this.#assertSound(name);
    const target = into === NULL_REF ? null : database.get("VDI", into);
    if (target !== null && flag(target, "read_only")) throw new XenFailure("VDI_READONLY", into);
    if (target !== null && number(target, "virtual_size") < sizeBytes)
      throw new XenFailure("VDI_TOO_SMALL", into, String(sizeBytes));
    const fields = ["name_label", "name_description", "type", "sharable", "other_config", "xenstore_data", "tags"];
    const given = Object.fromEntries(fields.map((field) => [field, row[field] ?? ""] as const));
    const made =
      target === null
        ? this.#create(name, { ...given, read_only: false, sm_config: {}, virtual_size: sizeBytes, SR: toSr })
        : into;
    await pause(COPY_STEP_MS);
    const dataBytes = this.#dataBytes(text(row, "uuid"));
    const uuid = text(database.get("VDI", made), "uuid");
    volumes.write(uuid, dataBytes);
    await this.#xapi.data.branch(text(row, "uuid"), uuid);
    await this.#xapi.data.resize(uuid, number(database.get("VDI", made), "virtual_size"));
    this.#refresh(made);
    this.#settle(text(database.get("VDI", made), "SR"));
    return made;
  }

  #introduce(args: readonly XenValue[]): string {
    const { database, volumes } = this.#xapi;
    const [uuid, sr, location, config] = [str(args, 0), str(args, 3), str(args, 8), asMap(args[10])];
    const srUuid = text(database.get("SR", sr), "uuid");
    this.#srs.assertCan(sr, "VDI_INTRODUCE");
    this.#srs.assertAttached(sr);
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(uuid)) throw new XenFailure("UUID_INVALID", "VDI", uuid);
    const volume = volumes
      .of(srUuid)
      .find((one) =>
        config.SCSIid === undefined
          ? [location, uuid].includes(text(one, "uuid"))
          : map(one, "lun").SCSIid === config.SCSIid,
      );
    if (volume === undefined) throw new XenFailure("VDI_MISSING", sr, location);
    const known = this.#shownAs(sr, text(volume, "uuid"));
    if (known !== undefined && flag(database.get("VDI", known), "managed"))
      throw new XenFailure("LOCATION_NOT_UNIQUE", sr, location);
    if (known !== undefined) database.remove("VDI", known);
    const stored = volumes.get(text(volume, "uuid"));
    database.update("_volume", stored.ref, { uuid, taken: true });
    const made = this.#srs.show(sr, this.#srs.plugin(sr), volumes.get(uuid).row, {
      name_label: str(args, 1),
      name_description: str(args, 2),
      type: str(args, 4),
      sharable: args[5] === true,
      read_only: args[6] === true,
      other_config: asMap(args[7]),
      managed: args[11] !== false,
    });
    this.#settle(sr);
    return made;
  }

  /** @throws XenFailure HANDLE_INVALID, VDI_NOT_MANAGED, SR_HAS_NO_PBDS */
  #usable(vdi: string): Row {
    const { database } = this.#xapi;
    const row = database.get("VDI", vdi);
    this.#srs.assertAttached(text(row, "SR"));
    if (!flag(row, "managed")) throw new XenFailure("VDI_NOT_MANAGED", vdi);
    return row;
  }

  #isAttached(vdi: string): boolean {
    const { database } = this.#xapi;
    return database.related("VBD", "VDI", vdi).some((vbd) => flag(database.get("VBD", vbd), "currently_attached"));
  }

  #assertNotFull(name: string): void {
    if (this.#xapi.desk.faults.take("full", name) !== null) throw backendFailure(44);
  }

  #assertSound(name: string): void {
    if (this.#xapi.desk.faults.take("plugin-crash", name) !== null)
      throw new XenFailure("SR_BACKEND_FAILURE", "non-zero exit", "", "Traceback (most recent call last):");
  }

  #shownAs(sr: string, uuid: string): string | undefined {
    const { database } = this.#xapi;
    return database.related("VDI", "SR", sr).find((vdi) => database.get("VDI", vdi).uuid === uuid);
  }

  #refresh(vdi: string): void {
    const { database, volumes } = this.#xapi;
    this.#srs.refresh(vdi, volumes.get(text(database.get("VDI", vdi), "uuid")).row);
  }

  #settle(sr: string): void {
    this.#srs.refreshSizes(sr);
    this.#srs.coalesceLater(sr);
  }

  #dataBytes(uuid: string): number {
    const { volumes } = this.#xapi;
    let bytes = 0;
    for (let node = volumes.find(uuid); node !== undefined; node = volumes.find(text(node.row, "parent")))
      bytes += number(node.row, "data_bytes");
    return bytes;
  }
}

const OPTIONAL: Row = { name_description: "", xenstore_data: {}, sm_config: {}, tags: [] };
const CONSTRUCTOR = [
  "name_label",
  "name_description",
  "SR",
  "virtual_size",
  "type",
  "sharable",
  "read_only",
  "other_config",
  "xenstore_data",
  "sm_config",
  "tags",
];

/** The record that creates a VDI: what must be there is, and each field has its type. */
function constructed(value: XenValue | undefined): Row {
  if (!isStruct(value)) throw new XenFailure("FIELD_TYPE_ERROR", "args");
  return Object.fromEntries(
    CONSTRUCTOR.map((name) => {
      const given = value[name] ?? OPTIONAL[name];
      const field = CLASSES.VDI[name];
      if (given === undefined || field === undefined) throw new XenFailure("FIELD_TYPE_ERROR", name);
      return [name, coerce(given, field, name)] as const;
    }),
  );
}
