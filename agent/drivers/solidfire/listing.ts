import { LET_IN_TOLD, LISTED_PER_PAGE, type ListedObject, type ListPage } from "#shared/model/listing.ts";
import type { CallContext } from "../driver.ts";
import { type ListedName, pageOf } from "../page.ts";
import type { ElementSnapshot, ElementVolume } from "./answers.ts";
import type { Doors } from "./doors.ts";
import { type ElementMark, letGoOf, snapshotMarkOf, volumeMarkOf } from "./mark.ts";
import { isDeleted, type Objects } from "./objects.ts";

const DIGITS = 15;
const VOLUME = "1-";
const SNAPSHOT = "2-";

interface Listing {
  readonly objects: Objects;
  readonly doors: Doors;
  /** By the array's clock, which wrote when things were made. */
  readonly nowMs: number;
}

/** Volumes, and behind them snapshots, in the order of the array's ids, in which it lists them itself. */
export async function listPage(context: CallContext, listing: Listing, after: string | null): Promise<ListPage> {
  const volumes = after?.startsWith(SNAPSHOT) === true ? [] : await volumesAfter(context, listing, numberOf(after));
  if (volumes.length === LISTED_PER_PAGE) return pageOf(await toldVolumes(context, listing, volumes), true);
  const room = LISTED_PER_PAGE - volumes.length;
  const snapshots = (await listing.objects.snapshots(context))
    .filter(({ snapshotID }) => after?.startsWith(SNAPSHOT) !== true || snapshotID > numberOf(after))
    .sort((one, other) => one.snapshotID - other.snapshotID);
  const looked = [
    ...(await toldVolumes(context, listing, volumes)),
    ...snapshots.slice(0, room).map((one) => toldSnapshot(one, listing.nowMs)),
  ];
  return pageOf(looked, snapshots.length > room);
}

async function volumesAfter(context: CallContext, { objects }: Listing, after: number): Promise<ElementVolume[]> {
  const listed = await objects.volumes(context, { startVolumeID: after + 1, limit: LISTED_PER_PAGE });
  return listed.sort((one, other) => one.volumeID - other.volumeID);
}

async function toldVolumes(
  context: CallContext,
  { doors, nowMs }: Listing,
  volumes: readonly ElementVolume[],
): Promise<ListedName[]> {
  const ours = volumes.flatMap((volume) => {
    const mark = volumeMarkOf(volume);
    return mark === null || isDeleted(volume) ? [] : [{ volume, mark }];
  });
  const letIn = await doors.letIn(context, ours);
  const marks = new Map(ours.map(({ volume, mark }) => [volume.volumeID, mark]));
  return volumes.map((volume): ListedName => {
    const name = keyOf(VOLUME, volume.volumeID);
    if (isDeleted(volume)) return { name, seen: null };
    const mark = marks.get(volume.volumeID);
    if (mark === undefined) return { name, seen: "foreign", told: letGoOf(volume)?.as ?? volume.name };
    const told = letIn.get(volume.volumeID);
    return {
      name,
      seen: {
        ...listedVolume(volume, mark, nowMs),
        ...(told === undefined ? {} : { letIn: told.slice(0, LET_IN_TOLD) }),
      },
    };
  });
}

function listedVolume(volume: ElementVolume, mark: ElementMark, nowMs: number): ListedObject {
  return {
    kind: "volume",
    id: mark.id,
    volumeId: mark.id,
    sizeBytes: volume.totalSize,
    mark: mark.owner,
    whole: volume.status === "active",
    // What was taken over was made by somebody else, at another time.
    ageMs: mark.taken === undefined ? ageMs(volume, nowMs) : null,
    providerId: String(volume.volumeID),
    properties: {},
  };
}

/** Snapshots of others belong to their volumes, and cannot be taken over: they are not told. */
function toldSnapshot(snapshot: ElementSnapshot, nowMs: number): ListedName {
  const name = keyOf(SNAPSHOT, snapshot.snapshotID);
  const mark = snapshotMarkOf(snapshot);
  if (mark === null) return { name, seen: null };
  return {
    name,
    seen: {
      kind: "snapshot",
      id: mark.id,
      volumeId: mark.volumeId ?? null,
      sizeBytes: snapshot.totalSize,
      mark: mark.owner,
      whole: snapshot.status === "done",
      ageMs: ageMs(snapshot, nowMs),
      providerId: String(snapshot.snapshotID),
      properties: {},
    },
  };
}

function ageMs({ createTime }: { readonly createTime: string }, nowMs: number): number | null {
  const madeMs = Date.parse(createTime);
  return Number.isNaN(madeMs) || Number.isNaN(nowMs) ? null : Math.max(0, Math.round(nowMs - madeMs));
}

function keyOf(kind: string, id: number): string {
  return `${kind}${String(id).padStart(DIGITS, "0")}`;
}

function numberOf(key: string | null): number {
  return key === null ? 0 : Number(key.slice(VOLUME.length));
}
