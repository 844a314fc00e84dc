import { readableSize } from "./sizes.ts";
import { refreservationOf, type Space } from "./space.ts";
import { clonesOf, type Dataset, findSnapshot, parentName, type Snapshot, volsizeOf, type ZfsState } from "./state.ts";

/** A dataset or a snapshot, as `list` and `get` show it. */
export interface Entry {
  readonly name: string;
  readonly dataset: Dataset;
  readonly datasetName: string;
  /** null: the dataset itself. */
  readonly snapshotName: string | null;
}

export interface PropertyValue {
  readonly value: string;
  readonly source: string;
}

/** Native properties, and the headings of their columns. */
const HEADINGS: Readonly<Record<string, string>> = {
  name: "NAME",
  type: "TYPE",
  creation: "CREATION",
  used: "USED",
  available: "AVAIL",
  referenced: "REFER",
  logicalused: "LUSED",
  logicalreferenced: "LREFER",
  compressratio: "RATIO",
  mounted: "MOUNTED",
  origin: "ORIGIN",
  quota: "QUOTA",
  reservation: "RESERV",
  refquota: "REFQUOTA",
  refreservation: "REFRESERV",
  volsize: "VOLSIZE",
  volblocksize: "VOLBLOCK",
  mountpoint: "MOUNTPOINT",
  compression: "COMPRESS",
  checksum: "CHECKSUM",
  readonly: "RDONLY",
  copies: "COPIES",
  dedup: "DEDUP",
  sync: "SYNC",
  primarycache: "PRIMARYCACHE",
  secondarycache: "SECONDARYCACHE",
  logbias: "LOGBIAS",
  recordsize: "RECSIZE",
  shareiscsi: "SHAREISCSI",
  usedbydataset: "USEDDS",
  usedbysnapshots: "USEDSNAP",
  usedbychildren: "USEDCHILD",
  usedbyrefreservation: "USEDREFRESERV",
  written: "WRITTEN",
  guid: "GUID",
  createtxg: "CREATETXG",
  defer_destroy: "DEFER_DESTROY",
  userrefs: "USERREFS",
  clones: "CLONES",
};

const SHORT_NAMES: Readonly<Record<string, string>> = {
  avail: "available",
  refer: "referenced",
  volblock: "volblocksize",
  compress: "compression",
  refreserv: "refreservation",
  reserv: "reservation",
};

/** Those that `get all` shows of a volume, in the order in which it does. */
const ALL_OF_VOLUMES =
  "type creation used available referenced compressratio origin reservation volsize volblocksize checksum compression readonly copies refreservation primarycache secondarycache usedbysnapshots usedbydataset usedbychildren usedbyrefreservation logbias dedup sync".split(
    " ",
  );
const ALL_OF_FILE_SYSTEMS =
  "type creation used available referenced compressratio mounted origin quota reservation recordsize mountpoint checksum compression readonly copies refquota refreservation primarycache secondarycache usedbysnapshots usedbydataset usedbychildren usedbyrefreservation logbias dedup sync".split(
    " ",
  );
const ALL_OF_SNAPSHOTS =
  "type creation used referenced compressratio volsize primarycache secondarycache defer_destroy userrefs".split(" ");

/** With their defaults. What is not here can only be read. */
const SETTABLE: Readonly<Record<string, string>> = {
  reservation: "none",
  quota: "none",
  refquota: "none",
  refreservation: "none",
  volsize: "-",
  compression: "off",
  checksum: "on",
  readonly: "off",
  copies: "1",
  dedup: "off",
  sync: "standard",
  primarycache: "all",
  secondarycache: "all",
  logbias: "latency",
  recordsize: "131072",
  shareiscsi: "off",
  mountpoint: "-",
};
const SIZES = new Set(["reservation", "quota", "refquota", "refreservation", "volsize", "volblocksize", "recordsize"]);

/** null: neither a native one nor of a user's own (which has a colon in it). */
export function propertyName(given: string): string | null {
  const name = SHORT_NAMES[given] ?? given;
  return Object.hasOwn(HEADINGS, name) || isUserProperty(name) ? name : null;
}

export function isUserProperty(name: string): boolean {
  return /^[a-z0-9:._-]+$/.test(name) && name.includes(":") && !name.startsWith("-");
}

export function isSettable(name: string): boolean {
  return isUserProperty(name) || Object.hasOwn(SETTABLE, name);
}

export function isSizeProperty(name: string): boolean {
  return SIZES.has(name);
}

export function headingOf(name: string): string {
  return HEADINGS[name] ?? name.toUpperCase();
}

export function allProperties({ dataset, snapshotName }: Entry): string[] {
  const own = Object.keys(dataset.properties).filter(isUserProperty);
  if (snapshotName !== null) return [...ALL_OF_SNAPSHOTS, ...own];
  return [...(dataset.kind === "volume" ? ALL_OF_VOLUMES : ALL_OF_FILE_SYSTEMS), ...own];
}

/** `exact`: bytes and seconds since 1970 (`-p`). */
export function propertyOf(state: ZfsState, space: Space, entry: Entry, name: string, exact: boolean): PropertyValue {
  const number = (bytes: number): string => (exact ? String(bytes) : readableSize(bytes));
  const read = (value: string): PropertyValue => ({ value, source: "-" });
  if (isUserProperty(name)) return inherited(state, entry, name) ?? read("-");
  const { dataset, datasetName } = entry;
  const snapshot = entry.snapshotName === null ? null : (dataset.snapshots[entry.snapshotName] ?? null);
  const usage = space.usageOf(datasetName);
  switch (name) {
    case "name":
      return read(entry.name);
    case "type":
      return read(snapshot === null ? dataset.kind : "snapshot");
    case "creation":
      return read(created(snapshot?.createdS ?? dataset.createdS, exact));
    case "guid":
      return read(String(snapshot?.guid ?? dataset.guid));
    case "createtxg":
      return read(String(snapshot?.txg ?? dataset.txg));
    case "used":
      return read(
        number(
          entry.snapshotName === null
            ? space.usedBytes(datasetName)
            : space.snapshotUniqueBytes(dataset, entry.snapshotName),
        ),
      );
    case "available":
      return read(snapshot === null ? number(availableTo(space, datasetName, dataset)) : "-");
    case "referenced":
    case "logicalreferenced":
    case "logicalused":
      return read(number(space.contentBytes(snapshot?.content ?? dataset.content)));
    case "usedbydataset":
      return read(snapshot === null ? number(usage.usedByDataset) : "-");
    case "usedbysnapshots":
      return read(snapshot === null ? number(usage.usedBySnapshots) : "-");
    case "usedbyrefreservation":
      return read(snapshot === null ? number(usage.usedByRefreservation) : "-");
    case "usedbychildren": {
      const own = usage.usedByDataset + usage.usedBySnapshots + usage.usedByRefreservation;
      return read(snapshot === null ? number(space.usedBytes(datasetName) - own) : "-");
    }
    case "written":
      return read(number(space.uniqueBytes(dataset)));
    case "compressratio":
      return read("1.00x");
    case "mounted":
      return read(dataset.kind === "filesystem" && snapshot === null ? "yes" : "-");
    case "origin":
      return read(snapshot === null ? (originName(state, dataset) ?? "-") : "-");
    case "defer_destroy":
      return read(snapshot === null ? "-" : snapshot.deferred ? "on" : "off");
    case "userrefs":
      return read(snapshot === null ? "-" : String(snapshot.holds.length));
    case "clones":
      return read(snapshot === null ? "-" : clonesOf(state, snapshot).join(",") || "-");
    case "volsize":
      if (dataset.kind === "filesystem") return read("-");
      return snapshot === null
        ? { value: number(volsizeOf(dataset)), source: "local" }
        : read(number(snapshot.volsizeBytes));
    case "volblocksize":
      return read(dataset.kind === "volume" ? number(Number(dataset.properties.volblocksize)) : "-");
    case "mountpoint":
      return dataset.kind === "volume" || snapshot !== null
        ? read("-")
        : (inherited(state, entry, name) ?? { value: `/${datasetName}`, source: "default" });
    default:
      return settable(state, entry, name, number, snapshot);
  }
}

function settable(
  state: ZfsState,
  entry: Entry,
  name: string,
  number: (bytes: number) => string,
  snapshot: Snapshot | null,
): PropertyValue {
  const { dataset } = entry;
  const ofFileSystems = ["quota", "refquota", "recordsize"].includes(name);
  if ((ofFileSystems && dataset.kind === "volume") || (snapshot !== null && SIZES.has(name)))
    return { value: "-", source: "-" };
  if (name === "recordsize") return { value: number(Number(dataset.properties[name] ?? 131_072)), source: "default" };
  if (SIZES.has(name)) {
    const bytes = Number(dataset.properties[name] ?? 0);
    const none = number(0) === "0" && bytes === 0;
    return none ? { value: exactNone(number), source: "default" } : { value: number(bytes), source: "local" };
  }
  return inherited(state, entry, name) ?? { value: SETTABLE[name] ?? "-", source: "default" };
}

/** For people no limit is `none`; with `-p` it is 0. */
function exactNone(number: (bytes: number) => string): string {
  return number(1024) === "1K" ? "none" : "0";
}

/** A volume has what is free and its own reservation that is not yet used. */
function availableTo(space: Space, name: string, dataset: Dataset): number {
  return space.availableBytes(name) + Math.max(0, refreservationOf(dataset) - space.uniqueBytes(dataset));
}

/** Set here, or on the way up; a snapshot has what its volume has. */
function inherited(state: ZfsState, entry: Entry, name: string): PropertyValue | null {
  const { dataset, datasetName, snapshotName } = entry;
  const own = snapshotName === null ? dataset.properties : (dataset.snapshots[snapshotName]?.properties ?? {});
  const local = own[name];
  if (local !== undefined) return { value: local, source: "local" };
  for (let at = snapshotName === null ? parentName(datasetName) : datasetName; at !== null; at = parentName(at)) {
    const value = state.datasets[at]?.properties[name];
    if (value !== undefined) return { value, source: `inherited from ${at}` };
  }
  return null;
}

export function originName(state: ZfsState, { origin }: Dataset): string | null {
  if (origin === null) return null;
  const found = findSnapshot(state, ({ guid }) => guid === origin);
  return found === null ? null : `${found.datasetName}@${found.name}`;
}

function created(seconds: number, exact: boolean): string {
  if (exact) return String(seconds);
  const [day = "", date = "", month = "", year = "", time = ""] = new Date(seconds * 1000)
    .toUTCString()
    .replace(",", "")
    .split(" ");
  return `${day} ${month} ${date.replace(/^0/, " ")} ${time.slice(0, 5).replace(/^0/, " ")} ${year}`;
}
