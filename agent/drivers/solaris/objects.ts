import type { CallContext } from "../driver.ts";
import type { ObjectMark, SanRef } from "../san/array.ts";
import { markText, markUnder, type SanMark } from "../san/mark.ts";
import type { SolarisHost } from "./host.ts";
import { Refused, unless } from "./refusal.ts";

/** Our mark is a property of a user's own. Snapshots inherit their volume's, so whose it is stands in it. */
export const MARK_PROPERTY = "org.berth:mark";
/** Solaris and illumos keep 1,024 bytes with the end of the text. */
const MAX_PROPERTY_CHARACTERS = 1023;
const PROPERTIES = ["volsize", "refreservation", "origin", "defer_destroy", "creation", MARK_PROPERTY];

/** A volume or a snapshot as it stands on the host. */
export interface Standing {
  /** As zfs calls it: `tank/berth/volume-…`, or with `@snapshot-…` behind it. */
  readonly name: string;
  readonly sizeBytes: number;
  /** 0: it is thin. */
  readonly refreservationBytes: number;
  /** The snapshot that it is a clone of. */
  readonly origin: string | null;
  /** A snapshot that is gone but for the clones that stand upon it. */
  readonly deferred: boolean;
  readonly createdAtMs: number;
  /** null: it bears none of its own. */
  readonly mark: SanMark | null;
}

/** What ours are called on the host. */
export class ObjectNames {
  /** Without a slash at its end. */
  readonly base: string;

  constructor(base: string) {
    this.base = base.replace(/\/+$/, "");
  }

  get pool(): string {
    return this.base.split("/")[0] ?? this.base;
  }

  volume(id: string): string {
    return `${this.base}/volume-${id}`;
  }

  snapshot(volumeId: string, id: string): string {
    return `${this.volume(volumeId)}@snapshot-${id}`;
  }

  /** What a clone of a volume is made from. It goes with the clone. */
  cloneOrigin(sourceId: string, cloneId: string): string {
    return `${this.volume(sourceId)}@clone-${cloneId}`;
  }

  /** What takes a volume's place when it goes back to a snapshot and cannot do so itself. */
  successor(volumeId: string): string {
    return `${this.base}/revert-${volumeId}`;
  }

  /** The volume as it was before its successor took its place. */
  retired(volumeId: string): string {
    return `${this.base}/retired-${volumeId}`;
  }

  /** COMSTAR finds a volume here. */
  device(dataset: string): string {
    return `/dev/zvol/rdsk/${dataset}`;
  }
}

export interface Selected {
  readonly names: readonly string[];
  /** How far below these; null, absent: only these. */
  readonly depth?: number | "all" | null;
  /** What is missing among them is no failure. */
  readonly partly?: boolean;
}

export async function look(context: CallContext, host: SolarisHost, name: string): Promise<Standing | null> {
  const [found] = (await unless(["missing"], () => list(context, host, { names: [name] }))) ?? [];
  return found ?? null;
}

/** Volumes and snapshots, each volume with its snapshots behind it in the order of their age. */
export async function list(context: CallContext, host: SolarisHost, selected: Selected): Promise<Standing[]> {
  const found = await properties(context, host, PROPERTIES, selected);
  return [...found].filter(([name, values]) => hasSize(name, values)).map(([name, values]) => standingOf(name, values));
}

/** A volume's snapshots, the oldest first. */
export async function snapshotsOf(context: CallContext, host: SolarisHost, volume: string): Promise<Standing[]> {
  const found = await list(context, host, { names: [volume], depth: 1 });
  return found.filter(({ name }) => name.startsWith(`${volume}@`));
}

/** By name, then by property. Exact numbers `zfs get` has told on all releases; `zfs list` has not. */
export async function properties(
  context: CallContext,
  host: SolarisHost,
  wanted: readonly string[],
  { names, depth = null, partly = false }: Selected,
): Promise<Map<string, Map<string, string>>> {
  const below = depth === null ? [] : depth === "all" ? ["-r"] : ["-d", String(depth)];
  const order = ["get", "-H", "-p", ...below, "-o", "name,property,value", wanted.join(","), ...names];
  const rows = await host.readZfs(context, order, partly);
  const found = new Map<string, Map<string, string>>();
  for (const row of rows) {
    const [name, property, value] = row;
    if (name === undefined || property === undefined || value === undefined || row.length > 3)
      throw new Refused("other", `zfs get answered ${row.length} columns and not 3`);
    const values = found.get(name) ?? new Map<string, string>();
    values.set(property, value);
    found.set(name, values);
  }
  return found;
}

/** File systems have none; of snapshots older releases do not tell it. */
function hasSize(name: string, values: ReadonlyMap<string, string>): boolean {
  return name.includes("@") || bytesOf(values.get("volsize") ?? "") > 0;
}

function standingOf(name: string, values: ReadonlyMap<string, string>): Standing {
  const origin = values.get("origin") ?? "-";
  const mark = markUnder(ownName(name), values.get(MARK_PROPERTY) ?? "-");
  return {
    name,
    sizeBytes: bytesOf(values.get("volsize") ?? "") || (mark?.sizeBytes ?? 0),
    refreservationBytes: bytesOf(values.get("refreservation") ?? ""),
    origin: origin === "-" || origin === "" ? null : origin,
    deferred: values.get("defer_destroy") === "on",
    createdAtMs: Number(values.get("creation")) * 1000,
    mark,
  };
}

/** `-`, `none` and what is no number are 0. */
export function bytesOf(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : 0;
}

/** What it is called below the dataset; what is about to take a volume's place is called as that. */
function ownName(name: string): string {
  return name.replace(/^.*[/@]/, "").replace(/^revert-/, "volume-");
}

/** For `-o` and `zfs set`. */
export function markSetting(of: Pick<SanRef, "kind" | "sizeBytes">, mark: ObjectMark): string {
  return `${MARK_PROPERTY}=${markText(of, mark, MAX_PROPERTY_CHARACTERS)}`;
}

/** A copy is whole when it has grown to what it was asked to be. */
export function isWhole({ sizeBytes, mark }: Standing): boolean {
  return mark !== null && sizeBytes >= mark.sizeBytes;
}
