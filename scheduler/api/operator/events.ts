import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import { type BerthEvent, type EventPlace, matchesType, parseEventId } from "#shared/events/event.ts";
import { ProjectId } from "#shared/model/names.ts";
import type { EventLog } from "../../event-log.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import type { EventStreams } from "./event-stream.ts";

const EVENT_STREAM = "text/event-stream";

const EventsQuery = Type.Object(
  {
    project: Type.Optional(ProjectId),
    /** With `*` for any letters, several with commas. */
    type: Type.Optional(Type.String({ pattern: "^[a-z_.*]{1,64}(,[a-z_.*]{1,64}){0,15}$" })),
    /** Behind this event; `first`: all that are kept. Absent: what is new. */
    since: Type.Optional(
      Type.String({ pattern: "^(first|[0-9]{1,15}-[0-9]{1,15})$", description: "an event's id, or `first`" }),
    ),
    /** What happened in so many milliseconds before now, as well. */
    agoMs: Type.Optional(Type.String({ pattern: "^[0-9]{1,15}$", description: "milliseconds" })),
  },
  { additionalProperties: false },
);
type EventsQuery = Static<typeof EventsQuery>;

/**
 * Events as they happen, as Server-Sent Events: `data` is an event of `shared/events`, `id` its id. A browser's EventSource
 * reads on where it was (`Last-Event-ID`). An `id` without data says how far it has come, and that the connection lives.
 */
export function eventRoutes(
  app: Api,
  base: string,
  { engine, nowMs = Date.now }: ApiDependencies,
  streams: EventStreams,
): void {
  app.get<{ Querystring: EventsQuery }>(
    `${base}/events`,
    // A HEAD of it would be read to its end, which it has none.
    {
      schema: {
        querystring: EventsQuery,
        produces: [EVENT_STREAM],
        response: { 200: Type.String({ description: "events as they happen, without an end" }) },
      },
      exposeHeadRoute: false,
    },
    async ({ query, headers }, reply) => {
      const last = headers["last-event-id"];
      const since = typeof last === "string" && last !== "" ? last : query.since;
      const from = placeOf(engine.events, since, query.agoMs, nowMs());
      const stream = streams.open({ from, wanted: wantedBy(query) });
      return reply
        .type(`${EVENT_STREAM}; charset=utf-8`)
        .header("cache-control", "no-store")
        .header("x-accel-buffering", "no")
        .send(stream);
    },
  );
}

function placeOf(
  events: EventLog,
  since: string | undefined,
  agoMs: string | undefined,
  nowMs: number,
): EventPlace | null {
  if (since === "first") return null;
  if (since !== undefined) {
    const place = parseEventId(since);
    if (place !== null) return place;
    throw new BerthError("E_BAD_REQUEST", `${JSON.stringify(since.slice(0, 80))} is not the id of an event`);
  }
  return agoMs === undefined ? events.end : events.before(nowMs - Number(agoMs));
}

function wantedBy({ project, type }: EventsQuery): (event: BerthEvent) => boolean {
  const patterns = type?.split(",");
  return (event) =>
    (project === undefined || event.projectId === project) &&
    (patterns === undefined || patterns.some((pattern) => matchesType(pattern, event.type)));
}
