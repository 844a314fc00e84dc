import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { InitiatorName } from "#shared/model/attachment.ts";
import { LET_IN_TOLD, LISTED_PER_PAGE, type ListedObject, type ListPage } from "#shared/model/listing.ts";
import { inParallel } from "#shared/parallel.ts";
import { parser } from "#shared/schema.ts";
import type { StandingExport } from "../../export/iscsi-export.ts";
import { readTextOrNull, statOrNull } from "../../transport/files.ts";
import { objectOfName, snapshotName, volumeName } from "../names.ts";
import { pageOf } from "../page.ts";
import { isBond } from "./group-snapshot.ts";
import { parseMark } from "./mark.ts";

/** What the driver makes of an image's name for its parts; `.probe-…` is what opening leaves if it is cut short. */
const PARTS = /\.(json|new|json\.new|footer|new\.footer|revert-[0-9a-f-]{36}(\.footer)?)$/;
const PROBE = /^\.probe-/;
const PARALLEL = 32;

/** A page of a backend's folder: each object once, whichever of its files are there. */
export async function listFolder(folder: string, after: string | null): Promise<ListPage> {
  const names = new Set<string>();
  for (const file of await readdir(folder)) {
    const whole = file.replace(PARTS, "");
    const name = objectOfName(whole) === null ? file : whole;
    if (!PROBE.test(name) && !isBond(name) && (after === null || name > after)) names.add(name);
  }
  const wanted = [...names].sort();
  const page = wanted.slice(0, LISTED_PER_PAGE);
  const found = new Map<string, ListedObject | "foreign">();
  await inParallel(page, PARALLEL, async (name) => {
    const seen = await look(folder, name);
    if (seen !== null) found.set(name, seen);
  });
  const looked = page.map((name) => ({ name, seen: found.get(name) ?? null }));
  return pageOf(looked, wanted.length > page.length);
}

/**
 * A mark is there before its image and goes after it, so the image is looked for first. An image without a mark is
 * somebody else's, unless it went while we looked. null: it is gone.
 */
async function look(folder: string, name: string): Promise<ListedObject | "foreign" | null> {
  const object = objectOfName(name);
  if (object === null) return "foreign";
  const image = join(folder, name);
  const path = `${image}.json`;
  const whole = (await statOrNull(image)) !== null;
  const text = await readTextOrNull(path);
  const mark = text === null ? null : parseMark(text);
  if (whole && mark === null) return (await statOrNull(image)) === null ? null : "foreign";
  const written = mark === null ? null : await statOrNull(path);
  return {
    ...object,
    volumeId: mark?.volumeId ?? null,
    sizeBytes: mark?.sizeBytes ?? null,
    mark: mark?.owner ?? null,
    whole,
    ageMs: written === null ? null : Math.max(0, Math.round(Date.now() - written.mtimeMs)),
    providerId: name,
    properties: {},
  };
}

const initiatorNames = parser(InitiatorName);

/** Another backend of this host may have a volume of the same id (a late create): what is served there is not told here. */
export function withExports(
  objects: readonly ListedObject[],
  folder: string,
  exports: readonly StandingExport[],
): ListedObject[] {
  return objects.map((object) => {
    const image = join(folder, object.kind === "volume" ? volumeName(object.id) : snapshotName(object.id));
    const ways = exports.filter(
      ({ kind, id, path }) => kind === object.kind && id === object.id && (path === null || path === image),
    );
    if (ways.length === 0) return object;
    // An address, say, was let in by hand, and is no business of ours.
    const letIn = new Set(ways.flatMap((way) => way.letIn));
    const told = [...letIn].filter((who) => who === null || initiatorNames.faults(who).length === 0);
    return { ...object, letIn: told.slice(0, LET_IN_TOLD) };
  });
}
