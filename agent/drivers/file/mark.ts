import { join } from "node:path";
import { type Static, Type } from "typebox";
import { ForeignReference } from "#shared/model/foreign.ts";
import { Bytes, Uuid } from "#shared/model/names.ts";
import { OwnerMark } from "#shared/model/operation.ts";
import { parser } from "#shared/schema.ts";
import { snapshotName, volumeName } from "../names.ts";
import { tryPath } from "./tries.ts";

export const ImageFormatName = Type.Union([Type.Literal("raw"), Type.Literal("qcow2"), Type.Literal("vhd")]);
export type ImageFormatName = Static<typeof ImageFormatName>;

/**
 * Stands beside each image and says that it is ours. It is there before the image and goes after it: an image without
 * a mark is somebody else's and is never touched; a mark without an image is a creation or deletion not finished.
 */
export const ImageMark = Type.Object({
  version: Type.Literal(1),
  kind: Type.Union([Type.Literal("volume"), Type.Literal("snapshot")]),
  id: Uuid,
  /** Of a snapshot: whose state it is. */
  volumeId: Uuid,
  sizeBytes: Bytes,
  format: ImageFormatName,
  owner: OwnerMark,
  /** All its space was taken when it was made. Absent in older marks: as the backend has it. */
  thick: Type.Optional(Type.Boolean()),
  /** What it was before it was taken over from somebody, so that it can be given back; absent: it was made by us. */
  taken: Type.Optional(
    Type.Object({ name: ForeignReference, sizeBytes: Bytes, mode: Type.Integer({ minimum: 0, maximum: 0o777 }) }),
  ),
});
export type ImageMark = Static<typeof ImageMark>;

const markParser = parser(ImageMark, "mark");

export function parseMark(text: string): ImageMark | null {
  try {
    const value: unknown = JSON.parse(text);
    return markParser.check(value) ? value : null;
  } catch {
    return null;
  }
}

export function printMark(mark: ImageMark): string {
  return `${JSON.stringify(mark, null, 2)}\n`;
}

export interface ImagePaths {
  readonly image: string;
  readonly mark: string;
  /** What is being made, until it is whole: names that nobody else ever has, other paths of the same object included. */
  readonly newImage: string;
  readonly newMark: string;
}

export function volumePaths(folder: string, volumeId: string): ImagePaths {
  return pathsOf(folder, volumeName(volumeId));
}

export function snapshotPaths(folder: string, snapshotId: string): ImagePaths {
  return pathsOf(folder, snapshotName(snapshotId));
}

function pathsOf(folder: string, name: string): ImagePaths {
  const image = join(folder, name);
  const newImage = tryPath(folder, name);
  return { image, mark: `${image}.json`, newImage, newMark: `${newImage}.json` };
}

/** The object's name in the folder, when the file is a mark. */
export function nameOfMark(file: string): string | null {
  return /^((?:volume|snapshot)-[0-9a-f-]{36})\.json$/.exec(file)?.[1] ?? null;
}
