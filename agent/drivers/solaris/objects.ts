import type { OwnerMark } from "#shared/model/operation.ts";
import type { CallContext } from "../driver.ts";
import { DriverError } from "../driver.ts";
import { objectOfName } from "../names.ts";
import { parseMark, printMark, type SanMark } from "../san/mark.ts";
import type { SolarisHost } from "./host.ts";
import { Refused, unless } from "./refusal.ts";

/** Our mark is a property of a user's own. Snapshots inherit their volume's, so whose it is stands in it. */
export const MARK_PROPERTY = "org.berth:mark";
/** Solaris and illumos keep 1,024 bytes with the end of the text. */
const MAX_PROPERTY_CHARACTERS = 1023;
const COLUMNS = ["name", "volsize", "refreservation", "origin", "defer_destroy", "creation", MARK_PROPERTY];

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

export async function look(context: CallContext, host: SolarisHost, name: string): Promise<Standing | null> {
  const [found] = (await unless(["missing"], () => list(context, host, ["-t", "all", name]))) ?? [];
  return found ?? null;
}

/** What `zfs list` tells of what `args` select. */
export async function list(
  context: CallContext,
  host: SolarisHost,
  args: readonly string[],
  partly = false,
): Promise<Standing[]> {
  const rows = await host.readZfs(context, ["list", "-H", "-p", "-o", COLUMNS.join(","), ...args], partly);
  return rows.map(standingOf);
}

function standingOf(row: readonly string[]): Standing {
  const [name, volsize = "", refreservation = "", origin = "-", deferred, creation = "", text = ""] = row;
  if (name === undefined || row.length !== COLUMNS.length)
    throw new Refused("other", `zfs list answered ${row.length} columns and not ${COLUMNS.length}`);
  return {
    name,
    sizeBytes: bytesOf(volsize),
    refreservationBytes: bytesOf(refreservation),
    origin: origin === "-" || origin === "" ? null : origin,
    deferred: deferred === "on",
    createdAtMs: Number(creation) * 1000,
    mark: ownMark(name, text),
  };
}

/** `-`, `none` and what is no number are 0. */
export function bytesOf(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : 0;
}

function ownMark(name: string, text: string): SanMark | null {
  const object = objectOfName(name.replace(/^.*[/@]/, "").replace(/^revert-/, "volume-"));
  const mark = parseMark(text);
  return object !== null && mark?.kind === object.kind && mark.id === object.id ? mark : null;
}

/** For `-o` and `zfs set`. */
export function markSetting(mark: SanMark): string {
  const text = printMark(mark, MAX_PROPERTY_CHARACTERS);
  if (text === null) throw new DriverError("not-done", "the mark does not fit into a property of ZFS");
  return `${MARK_PROPERTY}=${text}`;
}

export function volumeMark(id: string, sizeBytes: number, owner: OwnerMark): SanMark {
  return { kind: "volume", id, volumeId: id, sizeBytes, owner, writtenAtMs: Date.now() };
}

/** A copy is whole when it has grown to what it was asked to be. */
export function isWhole({ sizeBytes, mark }: Standing): boolean {
  return mark !== null && sizeBytes >= mark.sizeBytes;
}
