import { BadOption, type Options, readOptions } from "../options.ts";
import { DONE, failed, type Outcome, said } from "../shell/run.ts";
import { parseSize } from "../zfs/sizes.ts";
import { type Comstar, ComstarRefusal, MAX_LUN, type UnitProperties } from "./comstar.ts";
import type { LogicalUnit } from "./state.ts";

/** What is other on other releases, and what is out of order. */
export interface StmfMood {
  readonly serviceOnline: boolean;
  /** Old releases tell on stdout that there are no views. */
  readonly noViewsOnStdout: boolean;
  /** Old releases write `Target group:`. */
  readonly oldHeadings: boolean;
  readonly offlineTimesOut: boolean;
}

type Subcommand = (comstar: Comstar, options: Options, mood: StmfMood) => Outcome;
interface Entry {
  readonly spec: string;
  readonly run: Subcommand;
  readonly operands: "none" | "one" | "some" | "any";
  readonly reads?: true;
}

const HOSTS = "hostGroups";
const TARGETS = "targetGroups";

const SUBCOMMANDS: Readonly<Record<string, Entry>> = {
  "create-lu": { spec: "p:s:", operands: "one", run: createUnit },
  "import-lu": { spec: "", operands: "one", run: importUnit },
  "modify-lu": { spec: "p:s:f", operands: "one", run: modifyUnit },
  "delete-lu": { spec: "k", operands: "some", run: deleteUnits },
  "list-lu": { spec: "v", operands: "any", run: listUnits, reads: true },
  "online-lu": { spec: "", operands: "one", run: (comstar, options) => setUnitOnline(comstar, options, true) },
  "offline-lu": { spec: "", operands: "one", run: (comstar, options) => setUnitOnline(comstar, options, false) },
  "add-view": { spec: "n:h:t:", operands: "one", run: addView },
  "list-view": { spec: "l:", operands: "any", run: listViews, reads: true },
  "remove-view": { spec: "l:a", operands: "any", run: removeViews },
  "create-hg": { spec: "", operands: "one", run: (comstar, options) => createGroup(comstar, options, HOSTS) },
  "create-tg": { spec: "", operands: "one", run: (comstar, options) => createGroup(comstar, options, TARGETS) },
  "delete-hg": { spec: "", operands: "one", run: (comstar, options) => deleteGroup(comstar, options, HOSTS) },
  "delete-tg": { spec: "", operands: "one", run: (comstar, options) => deleteGroup(comstar, options, TARGETS) },
  "add-hg-member": { spec: "g:", operands: "some", run: (comstar, options) => members(comstar, options, HOSTS, true) },
  "add-tg-member": {
    spec: "g:",
    operands: "some",
    run: (comstar, options) => members(comstar, options, TARGETS, true),
  },
  "remove-hg-member": {
    spec: "g:",
    operands: "some",
    run: (comstar, options) => members(comstar, options, HOSTS, false),
  },
  "remove-tg-member": {
    spec: "g:",
    operands: "some",
    run: (comstar, options) => members(comstar, options, TARGETS, false),
  },
  "list-hg": {
    spec: "v",
    operands: "any",
    run: (comstar, options) => listGroups(comstar, options, HOSTS, "Host Group"),
    reads: true,
  },
  "list-tg": {
    spec: "v",
    operands: "any",
    run: (comstar, options, { oldHeadings }) =>
      listGroups(comstar, options, TARGETS, oldHeadings ? "Target group" : "Target Group"),
    reads: true,
  },
  "list-target": { spec: "v", operands: "any", run: listTargets, reads: true },
  "online-target": { spec: "", operands: "one", run: (comstar, options) => setTargetOnline(comstar, options, true) },
  "offline-target": {
    spec: "",
    operands: "one",
    run: (comstar, options, { offlineTimesOut }) =>
      offlineTimesOut ? TIMED_OUT : setTargetOnline(comstar, options, false),
  },
  "list-state": { spec: "", operands: "none", run: listState, reads: true },
};

const TIMED_OUT = failed("stmfadm: Target state change request submitted. Waiting for completion timed out.\n", 1);

/** `stmfadm`, as its manual says. Who may not may look at nothing either: the device is root's. */
export function stmfadm(comstar: Comstar, privileged: boolean, args: readonly string[], mood: StmfMood): Outcome {
  const [name = "", ...rest] = args;
  const subcommand = SUBCOMMANDS[name];
  if (subcommand === undefined) return failed(`stmfadm: ${name}: unknown subcommand\n`, 1);
  let options: Options;
  try {
    options = readOptions(rest, subcommand.spec);
  } catch (error) {
    if (!(error instanceof BadOption)) throw error;
    return failed(
      `stmfadm: -${error.letter}: ${error.missesValue ? "option requires an argument" : "unknown option"}\n`,
      1,
    );
  }
  const count = options.operands.length;
  const fits = { none: count === 0, one: count === 1, some: count > 0, any: true }[subcommand.operands];
  if (!fits) return failed(`stmfadm: ${count === 0 ? "missing" : "extra"} operand\n`, 1);
  if (!mood.serviceOnline) return failed("stmfadm: STMF service not found\n", 1);
  if (!privileged) return failed("stmfadm: permission denied\n", 1);
  try {
    return subcommand.run(comstar, options, mood);
  } catch (error) {
    return refused(error);
  }
}

function refused(error: unknown): Outcome {
  if (!(error instanceof ComstarRefusal)) throw error;
  return failed(`stmfadm: ${error.object === null ? "" : `${error.object}: `}${error.message}\n`, 1);
}

function createUnit(comstar: Comstar, options: Options): Outcome {
  const [file = ""] = options.operands;
  const size = options.value("s");
  const sizeBytes = size === undefined ? {} : { sizeBytes: sizeOf(size) };
  const guid = comstar.createUnit(file, { ...unitProperties(options.values("p")), ...sizeBytes });
  return said(`Logical unit created: ${guid}\n`);
}

function importUnit(comstar: Comstar, { operands }: Options): Outcome {
  return said(`Logical unit imported: ${comstar.importUnit(operands[0] ?? "")}\n`);
}

function modifyUnit(comstar: Comstar, options: Options): Outcome {
  const [name = ""] = options.operands;
  const guid = options.flags.has("f") ? comstar.unitOfFile(name) : asGuid(name, " hexadecimal digits");
  if (guid === null) throw new ComstarRefusal("not found", name);
  const unit = comstar.unit(guid);
  const given = unitProperties(options.values("p"));
  if (given.alias !== undefined) unit.alias = given.alias;
  if (given.managementUrl !== undefined) unit.managementUrl = given.managementUrl;
  if (given.writeProtected !== undefined) unit.writeProtected = given.writeProtected;
  if (given.writeCacheDisabled !== undefined) unit.writeCacheDisabled = given.writeCacheDisabled;
  if (given.guid !== undefined || given.serial !== undefined) throw new ComstarRefusal("invalid property for modify");
  const size = options.value("s");
  if (size !== undefined) comstar.resizeUnit(guid, sizeOf(size));
  return DONE;
}

function deleteUnits(comstar: Comstar, options: Options): Outcome {
  return each(options.operands, (operand) =>
    comstar.deleteUnit(asGuid(operand, " hexadecimal digits long"), options.flags.has("k")),
  );
}

function listUnits(comstar: Comstar, options: Options): Outcome {
  const wanted = options.operands.length === 0 ? Object.keys(comstar.state.units) : options.operands;
  let stdout = "";
  const outcome = each(wanted, (operand) => {
    const guid = asGuid(operand, " hexadecimal digits long").toUpperCase();
    const unit = comstar.state.units[guid];
    if (unit === undefined) throw new ComstarRefusal("not found", operand);
    stdout += `LU Name: ${guid}\n`;
    if (options.flags.has("v")) stdout += unitText(unit, comstar.viewsOf(guid).length);
  });
  return { ...outcome, stdout, exitCode: Math.min(1, outcome.exitCode) };
}

function unitText(unit: LogicalUnit, views: number): string {
  const lines: [string, string][] = [
    ["Operational Status", unit.online ? "Online" : "Offline"],
    ["Provider Name", "sbd"],
    ["Alias", unit.alias],
    ["View Entry Count", String(views)],
    ["Data File", unit.file],
    ["Meta File", "not set"],
    ["Size", String(unit.sizeBytes)],
    ["Block Size", String(unit.blockBytes)],
    ["Management URL", unit.managementUrl],
    ["Vendor ID", unit.vendor.padEnd(8)],
    ["Product ID", unit.product.padEnd(16)],
    ["Serial Num", unit.serial],
    ["Write Protect", unit.writeProtected ? "Enabled" : "Disabled"],
    ["Writeback Cache", unit.writeCacheDisabled ? "Disabled" : "Enabled"],
    ["Access State", "Active"],
  ];
  return lines.map(([name, value]) => `    ${name.padEnd(18)}: ${value}\n`).join("");
}

function setUnitOnline(comstar: Comstar, { operands }: Options, online: boolean): Outcome {
  comstar.unit(asGuid(operands[0] ?? "", " hexadecimal digits")).online = online;
  return DONE;
}

function addView(comstar: Comstar, options: Options): Outcome {
  const guid = asGuid(options.operands[0] ?? "", " hexadecimal digits");
  const given = options.value("n");
  const lun = given === undefined ? null : Number.parseInt(given, 10) || 0;
  if (lun !== null && lun > MAX_LUN)
    return failed(`stmfadm: ${lun}: Logical unit number must be less than ${MAX_LUN + 1}\n`, 1);
  comstar.addView(guid, { lun, hostGroup: options.value("h") ?? null, targetGroup: options.value("t") ?? null });
  return DONE;
}

function listViews(comstar: Comstar, options: Options, { noViewsOnStdout }: StmfMood): Outcome {
  const guid = asGuid(options.value("l") ?? "", " hexadecimal digits");
  const all = comstar.viewsOf(guid);
  if (all.length === 0) {
    const text = `stmfadm: ${guid}: no views found\n`;
    return noViewsOnStdout ? { ...failed("", 1), stdout: text } : failed(text, 1);
  }
  const wanted = options.operands.map(Number);
  const shown = wanted.length === 0 ? all : all.filter(({ index }) => wanted.includes(index));
  const missing = wanted.filter((index) => !all.some((view) => view.index === index));
  const line = (name: string, value: string | number): string => `    ${name.padEnd(13)}: ${value}\n`;
  const text = shown.map(
    ({ index, hostGroup, targetGroup, lun }) =>
      `View Entry: ${index}\n${line("Host group", hostGroup ?? "All")}${line("Target group", targetGroup ?? "All")}${line("LUN", lun)}`,
  );
  return {
    stdout: text.join(""),
    stderr: missing.map((index) => `stmfadm: ${guid}, ${index}: not found\n`).join(""),
    exitCode: missing.length > 0 ? 1 : 0,
  };
}

function removeViews(comstar: Comstar, options: Options): Outcome {
  const guid = asGuid(options.value("l") ?? "", " hexadecimal digits");
  if (!options.flags.has("a") && options.operands.length === 0) return failed("stmfadm: missing operand\n", 1);
  const all = comstar.viewsOf(guid);
  if (all.length === 0) return failed(`stmfadm: ${guid}: no views found\n`, 1);
  if (options.flags.has("a")) {
    comstar.removeViews(guid, "all");
    return DONE;
  }
  return each(options.operands, (operand) => {
    if (!all.some(({ index }) => index === Number(operand)))
      throw new ComstarRefusal("not found", `${guid}, ${operand}`);
    comstar.removeViews(guid, [Number(operand)]);
  });
}

function createGroup(comstar: Comstar, { operands }: Options, kind: "hostGroups" | "targetGroups"): Outcome {
  comstar.createGroup(kind, operands[0] ?? "");
  return DONE;
}

function deleteGroup(comstar: Comstar, { operands }: Options, kind: "hostGroups" | "targetGroups"): Outcome {
  comstar.deleteGroup(kind, operands[0] ?? "");
  return DONE;
}

function members(comstar: Comstar, options: Options, kind: "hostGroups" | "targetGroups", add: boolean): Outcome {
  const group = options.value("g");
  if (group === undefined) return failed("stmfadm: -g: required option\n", 1);
  return each(options.operands, (operand) => {
    const member = deviceName(operand);
    if (member === null) throw new ComstarRefusal("unrecognized device id", operand);
    if (add) comstar.addMember(kind, group, member);
    else comstar.removeMember(kind, group, member);
  });
}

function listGroups(comstar: Comstar, options: Options, kind: "hostGroups" | "targetGroups", title: string): Outcome {
  const groups = comstar.state[kind];
  const names = options.operands.length === 0 ? Object.keys(groups) : options.operands;
  let stdout = "";
  const outcome = each(names, (name) => {
    const all = groups[name];
    if (all === undefined) throw new ComstarRefusal("not found", name);
    stdout += `${title}: ${name}\n`;
    if (options.flags.has("v")) stdout += all.map((member) => `\tMember: ${member}\n`).join("");
  });
  return { ...outcome, stdout, exitCode: Math.min(1, outcome.exitCode) };
}

function listTargets(comstar: Comstar, options: Options): Outcome {
  const { targets } = comstar.state;
  let stdout = "";
  const outcome = each(options.operands.length === 0 ? Object.keys(targets) : options.operands, (name) => {
    const target = targets[name];
    if (target === undefined) throw new ComstarRefusal("not found", name);
    stdout += `Target: ${name}\n`;
    if (!options.flags.has("v")) return;
    const lines: [string, string][] = [
      ["Operational Status", target.online ? "Online" : "Offline"],
      ["Provider Name", "iscsit"],
      ["Alias", target.alias ?? "-"],
      ["Protocol", "iSCSI"],
      ["Sessions", "0"],
    ];
    stdout += lines.map(([key, value]) => `    ${key.padEnd(18)}: ${value}\n`).join("");
  });
  return { ...outcome, stdout, exitCode: Math.min(1, outcome.exitCode) };
}

function setTargetOnline(comstar: Comstar, { operands }: Options, online: boolean): Outcome {
  const [name = ""] = operands;
  if (deviceName(name) === null) throw new ComstarRefusal("unrecognized device id", name);
  const target = comstar.state.targets[name];
  if (target === undefined) throw new ComstarRefusal("not found", name);
  target.online = online;
  return DONE;
}

function listState(): Outcome {
  const lines: [string, string][] = [
    ["Operational Status", "online"],
    ["Config Status", "initialized"],
    ["ALUA Status", "disabled"],
    ["ALUA Node", "0"],
  ];
  return said(lines.map(([name, value]) => `${name.padEnd(18)}: ${value}\n`).join(""));
}

/** The exit code is the number of those that failed. */
function each(operands: readonly string[], act: (operand: string) => void): Outcome {
  let stderr = "";
  let failures = 0;
  for (const operand of operands)
    try {
      act(operand);
    } catch (error) {
      stderr += refused(error).stderr;
      failures += 1;
    }
  return { stdout: "", stderr, exitCode: failures };
}

function asGuid(text: string, ending: string): string {
  if (/^[0-9A-Fa-f]{32}$/.test(text)) return text;
  throw new ComstarRefusal(`must be 32${ending}`, text);
}

/** In lower case, as it is kept; null: nothing that a target or an initiator can be called. */
export function deviceName(text: string): string | null {
  if (/^iqn\.[A-Za-z0-9.:-]+$/.test(text) && text.length <= 223) return text.toLowerCase();
  return /^(wwn|eui)\.[0-9A-Fa-f]{16}$/.test(text) ? text : null;
}

function sizeOf(text: string): number {
  const bytes = parseSize(text);
  if (bytes === null || bytes <= 0) throw new ComstarRefusal("size param invalid", "s");
  return bytes;
}

function unitProperties(given: readonly string[]): UnitProperties {
  let all: UnitProperties = {};
  for (const one of given) {
    const at = one.indexOf("=");
    if (at <= 0) throw new ComstarRefusal("invalid property specifier - prop=val\n", one);
    all = { ...all, ...unitProperty(one.slice(0, at).toLowerCase(), one.slice(at + 1)) };
  }
  return all;
}

function unitProperty(name: string, value: string): UnitProperties {
  const flag = (): boolean => {
    if (value !== "true" && value !== "false") throw new ComstarRefusal("bad format", `unable to set ${name}`);
    return value === "true";
  };
  const text = (most: number): string => {
    if (value.length > most) throw new ComstarRefusal("invalid length", `unable to set ${name}`);
    return value;
  };
  switch (name) {
    case "guid":
      if (!/^6[0-9A-Fa-f]{31}$/.test(value)) throw new ComstarRefusal("bad format", "unable to set guid");
      return { guid: value };
    case "alias":
      return { alias: text(255) };
    case "blk":
      return { blockBytes: sizeOf(value) };
    case "serial":
      return { serial: text(252) };
    case "vid":
      return { vendor: text(8) };
    case "pid":
      return { product: text(16) };
    case "mgmt-url":
      return { managementUrl: text(1023) };
    case "wp":
      return { writeProtected: flag() };
    case "wcd":
      return { writeCacheDisabled: flag() };
    case "oui":
      return { oui: text(6) };
    case "meta":
    case "host-id":
      return {};
    default:
      throw new ComstarRefusal(name, "invalid property specified");
  }
}
