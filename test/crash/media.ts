import type { Catalogue } from "#shared/model/catalogue.ts";
import { fake, file, goldCatalogue, type NumberedBackend } from "#test/kit/gold-catalogue.ts";
import { uuid } from "#test/kit/records.ts";

const ROOM_GIB = 100_000;
const IMAGES = { settings: { maxOverSubscriptionRatio: 1000 } } as const;

/** What operations are crashed on: each is a backend of that name, and a mate of it, to move to. */
const MEDIA = {
  raw: (name, folder) => file(name, folder, { capacity_gib: ROOM_GIB }, IMAGES),
  vhd: (name, folder) => file(name, folder, { capacity_gib: ROOM_GIB, format: "vhd" }, IMAGES),
  // Of one storage system.
  fake: (name) => fake(name, { capacity_gib: ROOM_GIB, pool: "array" }),
} as const satisfies Readonly<Record<string, (name: string, folder: string) => NumberedBackend>>;

export type Medium = keyof typeof MEDIA;

export function media(): Medium[] {
  return Object.keys(MEDIA).filter(isMedium);
}

/** One zone with these media; each has two flavors, of the same backends. */
export function crashCatalogue(folder: string, only: readonly Medium[] = media()): Catalogue {
  const backends = only.flatMap((medium) => [medium, mateOf(medium)].map((name) => MEDIA[medium](name, folder)));
  const catalogue = goldCatalogue(["north"], ...backends);
  const flavors = only.flatMap((medium, n) => {
    const ids = [2 * n + 1, 2 * n + 2];
    return [medium, otherFlavor(medium)].map((name, k) => ({
      id: uuid(2 * n + k + 1),
      name,
      description: "",
      backends: ids,
    }));
  });
  return { ...catalogue, defaultFlavor: null, flavors };
}

/** Volumes come to the medium's own backend, and move to this one. */
export function mateOf(medium: Medium): string {
  return `${medium}-mate`;
}

export function otherFlavor(medium: Medium): string {
  return `${medium}-other`;
}

/** By a backend's name. Throws when there is none of that name. */
export function mediumNamed(backend: string): Medium {
  const name = backend.replace(/-mate$/, "");
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
