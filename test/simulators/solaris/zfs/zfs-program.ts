import type { Caller } from "../caller.ts";
import { BadOption, type Options, readOptions } from "../options.ts";
import { DONE, failed, type Outcome, said } from "../shell/run.ts";
import { entriesOf, parseTypes } from "./entries.ts";
import { allProperties, type Entry, headingOf, propertyName, propertyOf } from "./properties.ts";
import { Refusal } from "./refusal.ts";
import type { Settings } from "./settings.ts";
import { printTable } from "./table.ts";
import type { Zfs } from "./zfs.ts";

type Subcommand = (zfs: Zfs, caller: Caller, options: Options) => Promise<Outcome> | Outcome;

const SUBCOMMANDS: Readonly<Record<string, { readonly spec: string; readonly run: Subcommand }>> = {
  create: { spec: "psV:b:o:", run: create },
  destroy: { spec: "rRfdnpv", run: destroy },
  snapshot: { spec: "ro:", run: snapshot },
  snap: { spec: "ro:", run: snapshot },
  clone: { spec: "po:", run: clone },
  promote: { spec: "", run: promote },
  rollback: { spec: "rRf", run: rollback },
  rename: { spec: "prf", run: rename },
  list: { spec: "Hpro:t:d:s:S:", run: list },
  get: { spec: "Hpro:t:d:s:", run: get },
  set: { spec: "", run: set },
  inherit: { spec: "rS", run: inherit },
  hold: { spec: "r", run: (zfs, caller, options) => hold(zfs, caller, options, false) },
  release: { spec: "r", run: (zfs, caller, options) => hold(zfs, caller, options, true) },
  allow: { spec: "ldu:g:ec", run: allow },
  unallow: { spec: "ldru:g:ec", run: unallow },
};

const OLD_SPECS: Readonly<Record<string, string>> = { list: "Hro:t:d:s:S:", get: "Hpro:d:s:" };

/** `zfs`, as its manual says; or an older one. */
export async function zfsProgram(zfs: Zfs, caller: Caller, args: readonly string[], old: boolean): Promise<Outcome> {
  const [name = "", ...rest] = args;
  const subcommand = SUBCOMMANDS[name];
  if (name === "") return usage("missing command");
  if (subcommand === undefined) return usage(`unrecognized command '${name}'`);
  try {
    const options = readOptions(rest, (old ? OLD_SPECS[name] : undefined) ?? subcommand.spec);
    if (old && name === "set" && options.operands.length > 2) throw new Refusal("too many arguments", 2);
    return await subcommand.run(zfs, caller, options);
  } catch (error) {
    if (error instanceof Refusal) return error.exitCode === 2 ? usage(error.message) : failed(`${error.message}\n`, 1);
    if (error instanceof BadOption)
      return usage(
        error.missesValue ? `missing argument for '${error.letter}' option` : `invalid option '${error.letter}'`,
      );
    throw error;
  }
}

function usage(what: string): Outcome {
  return failed(`${what}\nusage:\n\tzfs command args ...\n\nFor the property list, run: zfs set|get\n`, 2);
}

async function create(zfs: Zfs, caller: Caller, options: Options): Promise<Outcome> {
  const name = single(options, "filesystem or volume name");
  const set = settings(options.values("o"));
  if (options.flags.has("p") && zfs.state.datasets[name] !== undefined) return DONE;
  const size = options.value("V");
  if (size === undefined) zfs.createFileSystem(caller, name, set);
  else {
    const { volblocksize = "", ...others } = set;
    const block = options.value("b") ?? volblocksize;
    await zfs.createVolume(caller, name, { size, sparse: options.flags.has("s"), block, set: others });
  }
  return DONE;
}

async function destroy(zfs: Zfs, caller: Caller, options: Options): Promise<Outcome> {
  const name = single(options, "dataset");
  const { flags } = options;
  if (!name.includes("@")) {
    if (flags.has("d")) throw new Refusal("-d may only be used with snapshots", 2);
    await zfs.destroy(caller, name, { recursive: flags.has("r"), clones: flags.has("R") });
    return DONE;
  }
  const [dataset = "", names = ""] = name.split("@");
  const missing = names.split(",").filter((one) => zfs.state.datasets[dataset]?.snapshots[one] === undefined);
  if (missing.length > 0) {
    if (zfs.state.datasets[dataset] === undefined)
      throw new Refusal(`cannot open '${dataset}': dataset does not exist`);
    throw new Refusal(`could not find any snapshots to destroy; check snapshot names.`);
  }
  for (const one of names.split(","))
    await zfs.destroySnapshot(caller, `${dataset}@${one}`, { defer: flags.has("d"), clones: flags.has("R") });
  return DONE;
}

async function snapshot(zfs: Zfs, caller: Caller, options: Options): Promise<Outcome> {
  if (options.operands.length === 0) throw new Refusal("missing snapshot argument", 2);
  await zfs.snapshot(caller, options.operands, settings(options.values("o")), options.flags.has("r"));
  return DONE;
}

async function clone(zfs: Zfs, caller: Caller, options: Options): Promise<Outcome> {
  const [from, to, more] = options.operands;
  if (from === undefined) throw new Refusal("missing source dataset argument", 2);
  if (to === undefined) throw new Refusal("missing target dataset argument", 2);
  if (more !== undefined) throw new Refusal("too many arguments", 2);
  await zfs.clone(caller, from, to, settings(options.values("o")));
  return DONE;
}

function promote(zfs: Zfs, caller: Caller, options: Options): Outcome {
  zfs.promote(caller, single(options, "clone filesystem"));
  return DONE;
}

async function rollback(zfs: Zfs, caller: Caller, options: Options): Promise<Outcome> {
  const { flags } = options;
  await zfs.rollback(caller, single(options, "dataset"), { newer: flags.has("r"), clones: flags.has("R") });
  return DONE;
}

function rename(zfs: Zfs, caller: Caller, options: Options): Outcome {
  const [from, to] = options.operands;
  if (from === undefined) throw new Refusal("missing source dataset argument", 2);
  if (to === undefined) throw new Refusal("missing target dataset argument", 2);
  zfs.rename(caller, from, to);
  return DONE;
}

async function set(zfs: Zfs, caller: Caller, options: Options): Promise<Outcome> {
  const given = options.operands.filter((operand, index) => index === 0 || operand.includes("="));
  const names = options.operands.slice(given.length);
  if (given.length === 0) throw new Refusal("missing property=value argument(s)", 2);
  if (names.length === 0) throw new Refusal("missing dataset name", 2);
  for (const name of names) await zfs.set(caller, name, settings(given));
  return DONE;
}

function inherit(zfs: Zfs, caller: Caller, options: Options): Outcome {
  const [property = "", ...names] = options.operands;
  if (names.length === 0) throw new Refusal("missing dataset argument", 2);
  for (const name of names) zfs.inherit(caller, name, known(property));
  return DONE;
}

async function hold(zfs: Zfs, caller: Caller, options: Options, release: boolean): Promise<Outcome> {
  const [tag = "", ...names] = options.operands;
  if (names.length === 0) throw new Refusal("missing dataset argument", 2);
  for (const name of names) await zfs.hold(caller, tag, name, release);
  return DONE;
}

function list(zfs: Zfs, _caller: Caller, options: Options): Outcome {
  const columns = (options.value("o") ?? "name,used,available,referenced,mountpoint").split(",").map(known);
  const types = parseTypes(options.value("t") ?? (options.operands.some(isSnapshot) ? "all" : "filesystem,volume"));
  const { entries, missing } = entriesOf(zfs.state, options.operands, types, depthOf(options));
  if (entries.length === 0 && missing.length === 0) return { ...DONE, stderr: "no datasets available\n" };
  if (entries.length === 0) return told("", missing);
  const space = zfs.space();
  const rows = sorted(zfs, entries, options).map((entry) =>
    columns.map((column) => propertyOf(zfs.state, space, entry, column, options.flags.has("p")).value),
  );
  const right = columns.map((column) => !["name", "mountpoint", "origin", "type"].includes(column));
  return told(printTable(columns.map(headingOf), rows, options.flags.has("H"), right), missing);
}

function get(zfs: Zfs, _caller: Caller, options: Options): Outcome {
  const [wanted = "", ...names] = options.operands;
  if (wanted === "") throw new Refusal("missing property argument", 2);
  const fields = (options.value("o") ?? "name,property,value,source").split(",");
  const sources = options.value("s")?.split(",") ?? null;
  const types = parseTypes(options.value("t") ?? "all");
  const { entries, missing } = entriesOf(zfs.state, names, types, depthOf(options));
  const space = zfs.space();
  const rows: string[][] = [];
  for (const entry of entries)
    for (const property of wanted === "all" ? allProperties(entry) : wanted.split(",").map(known)) {
      const { value, source } = propertyOf(zfs.state, space, entry, property, options.flags.has("p"));
      if (sources !== null && !sources.includes(source === "-" ? "none" : (source.split(" ")[0] ?? ""))) continue;
      const cells: Readonly<Record<string, string>> = { name: entry.name, property, value, source };
      rows.push(
        (fields[0] === "all" ? ["name", "property", "value", "source"] : fields).map((field) => cells[field] ?? "-"),
      );
    }
  const headings = fields.map((field) => field.toUpperCase());
  return told(printTable(headings, rows, options.flags.has("H")), missing);
}

function allow(zfs: Zfs, caller: Caller, options: Options): Outcome {
  const user = options.value("u");
  const operands = user === undefined ? options.operands : [user, ...options.operands];
  if (operands.length === 1) {
    const [dataset = ""] = operands;
    zfs.open(dataset);
    const here = zfs.state.delegations.filter(
      (one) => dataset === one.dataset || dataset.startsWith(`${one.dataset}/`),
    );
    const blocks = here.map((one) => {
      const head = `---- Permissions on ${one.dataset} `;
      return `${head.padEnd(70, "-")}\nLocal+Descendent permissions:\n\tuser ${one.user} ${[...one.permissions].sort().join(",")}\n`;
    });
    return said(blocks.join(""));
  }
  const [who = "", permissions = "", dataset = ""] = operands;
  zfs.open(dataset);
  if (!caller.privileged) throw new Refusal(`cannot set permissions on '${dataset}': permission denied`);
  for (const one of who.split(","))
    zfs.state.delegations.push({ user: one, dataset, permissions: permissions.split(",") });
  return DONE;
}

function unallow(zfs: Zfs, caller: Caller, options: Options): Outcome {
  const user = options.value("u");
  const [who = "", second = "", third] = user === undefined ? options.operands : [user, ...options.operands];
  const [permissions, dataset] = third === undefined ? [null, second] : [second.split(","), third];
  zfs.open(dataset);
  if (!caller.privileged) throw new Refusal(`cannot set permissions on '${dataset}': permission denied`);
  zfs.state.delegations = zfs.state.delegations.flatMap((one) => {
    if (one.user !== who || one.dataset !== dataset) return [one];
    const left = permissions === null ? [] : one.permissions.filter((permission) => !permissions.includes(permission));
    return left.length === 0 ? [] : [{ ...one, permissions: left }];
  });
  return DONE;
}

function told(stdout: string, missing: readonly string[]): Outcome {
  return { stdout, stderr: missing.map((line) => `${line}\n`).join(""), exitCode: missing.length > 0 ? 1 : 0 };
}

/** By `-s` and `-S` (descending); names are in order already. */
function sorted(zfs: Zfs, entries: readonly Entry[], options: Options): Entry[] {
  const by = options.value("s") ?? options.value("S");
  if (by === undefined) return [...entries];
  const space = zfs.space();
  const textOf = (entry: Entry): string => propertyOf(zfs.state, space, entry, known(by), true).value;
  const ordered = [...entries].sort((one, other) => {
    const [a, b] = [textOf(one), textOf(other)];
    return Number.isNaN(Number(a)) || Number.isNaN(Number(b)) ? (a < b ? -1 : a > b ? 1 : 0) : Number(a) - Number(b);
  });
  return options.value("s") === undefined ? ordered.reverse() : ordered;
}

function depthOf(options: Options): number {
  if (options.flags.has("r")) return Number.POSITIVE_INFINITY;
  return Number(options.value("d") ?? 0);
}

function single({ operands }: Options, what: string): string {
  const [name, more] = operands;
  if (name === undefined) throw new Refusal(`missing ${what} argument`, 2);
  if (more !== undefined) throw new Refusal("too many arguments", 2);
  return name;
}

function settings(given: readonly string[]): Settings {
  const set: Record<string, string> = {};
  for (const one of given) {
    const at = one.indexOf("=");
    if (at < 0) throw new Refusal(`missing '=' for property=value argument`, 2);
    const name = propertyName(one.slice(0, at));
    if (name === null) throw new Refusal(`invalid property '${one.slice(0, at)}'`);
    if (Object.hasOwn(set, name)) throw new Refusal(`property '${name}' specified multiple times`, 2);
    set[name] = one.slice(at + 1);
    if (Buffer.byteLength(one.slice(at + 1)) >= MOST_PROPERTY_BYTES)
      throw new Refusal(`property value for '${name}' is too long`);
  }
  return set;
}

const MOST_PROPERTY_BYTES = 1024;

function known(property: string): string {
  const name = propertyName(property);
  if (name === null) throw new Refusal(`bad property list: invalid property '${property}'`, 2);
  return name;
}

function isSnapshot(name: string): boolean {
  return name.includes("@");
}
