import type { EventFacts, EventObject } from "#shared/events/event.ts";
import type { EventType } from "#shared/events/types.ts";

/** An event as one record's change says it; who asked for it is known of the record, or of the decision's histories. */
export interface Told {
  readonly type: EventType;
  readonly record: {
    readonly id: string;
    readonly projectId: string | null;
    readonly requestedBy: string | null;
    readonly requestId: string | null;
  };
  readonly object: EventObject;
  readonly error: EventFacts["error"];
}
