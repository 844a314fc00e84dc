import { type Static, Type } from "typebox";
import { Bytes } from "./names.ts";
import { Nullable } from "./nullable.ts";

/** So many entries a page at most, as in other listings of a backend. */
export const FOREIGN_PER_PAGE = 200;

/** What an object that is not ours is called on its backend: one name, never a path. Drivers refuse what could be more. */
export const ForeignReference = Type.String({ minLength: 1, maxLength: 255 });

/** Something that stands on a backend and is not ours, as far as it could be taken over. */
export const ForeignObject = Type.Object({
  reference: ForeignReference,
  /** What a host would see of it; null: that cannot be told. */
  sizeBytes: Nullable(Bytes),
  /** What of it the backend's reports count as taken from the pool already. */
  countedBytes: Bytes,
  /** Tells it from whatever else had or will have its name: only what was looked at is taken over. */
  identity: Type.String({ maxLength: 255 }),
  /** Why it cannot be taken over, for people; null: it can. */
  whyNot: Nullable(Type.String({ maxLength: 500 })),
});
export type ForeignObject = Static<typeof ForeignObject>;

/** A page of what is not ours, in the order of names. */
export const ForeignPage = Type.Object({
  objects: Type.Array(ForeignObject, { maxItems: FOREIGN_PER_PAGE }),
  /** Where the next page begins; null: this was the last. */
  next: Nullable(Type.String({ maxLength: 1024 })),
});
export type ForeignPage = Static<typeof ForeignPage>;
