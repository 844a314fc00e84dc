import type { Catalogue } from "#shared/model/catalogue.ts";
import { fake, file, goldCatalogue, type NumberedBackend } from "#test/kit/gold-catalogue.ts";
import { uuid } from "#test/kit/records.ts";

const ROOM_GIB = 100_000;
const IMAGES = { settings: { maxOverSubscriptionRatio: 1000 } } as const;

/** What operations are crashed on: each is a backend of that name, and a flavor of that name with this backend alone. */
const MEDIA = {
  raw: (folder) => file("raw", folder, { capacity_gib: ROOM_GIB }, IMAGES),
  vhd: (folder) => file("vhd", folder, { capacity_gib: ROOM_GIB, format: "vhd" }, IMAGES),
  fake: () => fake("fake", { capacity_gib: ROOM_GIB }),
} as const satisfies Readonly<Record<string, (folder: string) => NumberedBackend>>;

export type Medium = keyof typeof MEDIA;

export function media(): Medium[] {
  return Object.keys(MEDIA).filter(isMedium);
}

/** One zone with these media. */
export function crashCatalogue(folder: string, only: readonly Medium[] = media()): Catalogue {
  const catalogue = goldCatalogue(["north"], ...only.map((medium) => MEDIA[medium](folder)));
  return {
    ...catalogue,
    defaultFlavor: null,
    flavors: catalogue.backends.map(({ id, name }) => ({ id: uuid(id), name, description: "", backends: [id] })),
  };
}

/** Throws when there is none of that name. */
export function mediumNamed(name: string): Medium {
  if (!isMedium(name)) throw new Error(`there is no medium ${name}`);
  return name;
}

/** Files in a folder, which a target can serve. */
export function hasImages(medium: Medium): boolean {
  return medium !== "fake";
}

function isMedium(name: string): name is Medium {
  return Object.hasOwn(MEDIA, name);
}
