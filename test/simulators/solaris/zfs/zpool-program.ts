import { BadOption, readOptions } from "../options.ts";
import { DONE, failed, type Outcome, said } from "../shell/run.ts";
import { readableSize } from "./sizes.ts";
import { parentName } from "./state.ts";
import { printTable } from "./table.ts";
import type { Zfs } from "./zfs.ts";

const HEADINGS: Readonly<Record<string, string>> = {
  name: "NAME",
  size: "SIZE",
  allocated: "ALLOC",
  free: "FREE",
  capacity: "CAP",
  dedupratio: "DEDUP",
  health: "HEALTH",
  altroot: "ALTROOT",
  guid: "GUID",
  version: "VERSION",
};
const SHORT: Readonly<Record<string, string>> = { alloc: "allocated", cap: "capacity", dedup: "dedupratio" };
const DEFAULT_COLUMNS = "name,size,allocated,free,capacity,dedupratio,health,altroot";

/** `zpool list`, `zpool get` and `zpool status`: pools are only looked at. */
export function zpoolProgram(zfs: Zfs, args: readonly string[], health: string): Outcome {
  const [subcommand = "", ...rest] = args;
  try {
    if (subcommand === "list") return list(zfs, rest, health);
    if (subcommand === "get") return get(zfs, rest, health);
    if (subcommand === "status") return status(zfs, rest, health);
  } catch (error) {
    if (error instanceof BadOption)
      return failed(`invalid option '${error.letter}'\nusage:\n\tzpool command args ...\n`, 2);
    throw error;
  }
  return failed(`unrecognized command '${subcommand}'\nusage:\n\tzpool command args ...\n`, 2);
}

function list(zfs: Zfs, args: readonly string[], health: string): Outcome {
  const options = readOptions(args, "Hpvo:T:");
  const columns = (options.value("o") ?? DEFAULT_COLUMNS).split(",").map((column) => SHORT[column] ?? column);
  const unknown = columns.find((column) => !Object.hasOwn(HEADINGS, column));
  if (unknown !== undefined) return failed(`bad property list: invalid property '${unknown}'\n`, 2);
  const pools = options.operands.length > 0 ? options.operands : poolsOf(zfs);
  const missing = pools.find((pool) => !poolsOf(zfs).includes(pool));
  if (missing !== undefined) return failed(`cannot open '${missing}': no such pool\n`, 1);
  const rows = pools.map((pool) =>
    columns.map((column) => columnOf(zfs, pool, column, health, options.flags.has("p"))),
  );
  const right = columns.map((column) => !["name", "health", "altroot"].includes(column));
  return said(
    printTable(
      columns.map((column) => HEADINGS[column] ?? ""),
      rows,
      options.flags.has("H"),
      right,
    ),
  );
}

function get(zfs: Zfs, args: readonly string[], health: string): Outcome {
  const options = readOptions(args, "Hpo:");
  const [wanted = "all", ...named] = options.operands;
  const pools = named.length > 0 ? named : poolsOf(zfs);
  const missing = pools.find((pool) => !poolsOf(zfs).includes(pool));
  if (missing !== undefined) return failed(`cannot open '${missing}': no such pool\n`, 1);
  const properties = wanted === "all" ? Object.keys(HEADINGS).filter((name) => name !== "name") : wanted.split(",");
  const rows = pools.flatMap((pool) =>
    properties.map((property) => {
      const value = columnOf(zfs, pool, SHORT[property] ?? property, health, options.flags.has("p"));
      const cells: Readonly<Record<string, string>> = { name: pool, property, value, source: "-" };
      return (options.value("o") ?? "name,property,value,source").split(",").map((field) => cells[field] ?? "-");
    }),
  );
  const headings = (options.value("o") ?? "name,property,value,source").split(",").map((field) => field.toUpperCase());
  return said(printTable(headings, rows, options.flags.has("H")));
}

function status(zfs: Zfs, args: readonly string[], health: string): Outcome {
  const options = readOptions(args, "xvT:");
  if (options.flags.has("x") && health === "ONLINE") return said("all pools are healthy\n");
  const lines = poolsOf(zfs).map(
    (pool) => `  pool: ${pool}\n state: ${health}\nconfig:\n\n\tNAME        STATE\n\t${pool.padEnd(11)} ${health}\n`,
  );
  return lines.length === 0 ? DONE : said(lines.join("\n"));
}

function poolsOf(zfs: Zfs): string[] {
  return Object.keys(zfs.state.datasets).filter((name) => parentName(name) === null);
}

function columnOf(zfs: Zfs, pool: string, column: string, health: string, exact: boolean): string {
  const space = zfs.space();
  const allocated = Math.min(space.capacityBytes, space.poolUsedBytes());
  const number = (bytes: number): string => (exact ? String(bytes) : readableSize(bytes));
  switch (column) {
    case "name":
      return pool;
    case "size":
      return number(space.capacityBytes);
    case "allocated":
      return number(allocated);
    case "free":
      return number(space.capacityBytes - allocated);
    case "capacity":
      return `${Math.floor((100 * allocated) / space.capacityBytes)}${exact ? "" : "%"}`;
    case "dedupratio":
      return "1.00x";
    case "health":
      return health;
    case "guid":
      return String(zfs.state.datasets[pool]?.guid ?? 0);
    default:
      return "-";
  }
}
