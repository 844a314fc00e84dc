import { type BerthEvent, EVENT_VERSION, eventId } from "./event.ts";

/** What a reader gets in place of the events that it can have no more, before the first that it can. */
export function gapBefore(first: BerthEvent, missed: number | null): BerthEvent {
  const place = { seq: first.seq, n: first.n - 1 };
  return {
    version: EVENT_VERSION,
    id: eventId(place),
    ...place,
    at: first.at,
    type: "events.gap",
    projectId: null,
    userId: null,
    requestId: null,
    object: { kind: "events", id: "events", missed },
    error: null,
  };
}
