import { EventFacts } from "#shared/events/event.ts";
import { EVENT_TYPES } from "#shared/events/types.ts";
import { parser } from "#shared/schema.ts";

const facts = parser(EventFacts, "event");

/**
 * Holds events against each other: what has a `start` begins by it, once, and ends by `end` or `error`; only what ended by
 * `error`, for it took too long, may end once more. Throws on what does not fit, and on what is not by the schema.
 */
export class EventBook {
  /** `volume.create ID` of what has begun, and whether `error` was told of it since. */
  readonly #begun = new Map<string, "open" | "late">();

  take(event: EventFacts): void {
    facts.parse(event);
    const { type, object } = event;
    const [kind, operation, phase] = type.split(".");
    const name = `${kind}.${operation}`;
    if (!Object.hasOwn(EVENT_TYPES, `${name}.start`)) return;
    const key = `${name} ${object.id}`;
    const standing = this.#begun.get(key);
    if (phase === "start") {
      if (standing === "open") throw new Error(`${key} began twice`);
      this.#begun.set(key, "open");
    } else if (standing === undefined) throw new Error(`${key} came to an ${phase}, and had not begun`);
    else if (phase === "error") {
      if (event.error === null) throw new Error(`${key} failed, and nothing says why`);
      this.#begun.set(key, "late");
    } else this.#begun.delete(key);
  }

  /** What has begun and not ended, in any way. */
  get open(): string[] {
    return [...this.#begun].filter(([, standing]) => standing === "open").map(([key]) => key);
  }
}
