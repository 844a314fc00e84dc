import { LISTED_PER_PAGE, type ListedObject, type ListPage } from "#shared/model/listing.ts";
import { objectOfName } from "../names.ts";
import { pageOf } from "../page.ts";
import type { FakeJournal, JournalEntry } from "./journal.ts";
import { parseFakeMark } from "./mark.ts";

/** Nothing foreign can stand in a journal. */
export function listJournal(journal: FakeJournal, backendId: number, after: string | null): ListPage {
  const wanted = journal
    .entries(backendId)
    .filter(([name]) => after === null || name > after)
    .sort(([one], [other]) => (one < other ? -1 : 1));
  const page = wanted.slice(0, LISTED_PER_PAGE);
  const looked = page.map(([name, entry]) => ({ name, seen: listed(name, entry) }));
  return pageOf(looked, wanted.length > page.length);
}

function listed(name: string, { sizeBytes, mark: printed }: JournalEntry): ListedObject | null {
  const object = objectOfName(name);
  if (object === null) return null;
  const mark = printed === null ? null : parseFakeMark(printed);
  return {
    ...object,
    volumeId: mark?.volumeId ?? (object.kind === "volume" ? object.id : null),
    sizeBytes,
    mark: mark?.owner ?? null,
    ...(mark?.parent === undefined ? {} : { parent: objectOfName(mark.parent) }),
    whole: true,
    ageMs: mark === null ? null : Math.max(0, Date.now() - mark.madeAtMs),
    providerId: name,
    properties: {},
  };
}
