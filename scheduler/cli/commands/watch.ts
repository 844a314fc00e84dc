import { setTimeout as pause } from "node:timers/promises";
import type { BerthEvent } from "#shared/events/event.ts";
import { command } from "../command.ts";
import { EXIT_CODES } from "../exit-codes.ts";
import { Failure, failure, usageFailure } from "../failure.ts";
import { parseDuration } from "../key-value.ts";
import { eventLine } from "../output/event-text.ts";
import { SentEventReader } from "../sent-events.ts";
import type { Session } from "../session.ts";

/** The scheduler says every 15 s that it lives. */
const SILENCE_MS = 45_000;
const AGAIN_MS = 1_000;
const EVENT_ID = /^\d{1,15}-\d{1,15}$/;
const TYPE_PATTERN = /^[a-z_.*]{1,64}$/;

const watch = command({
  usage: "watch",
  summary:
    "Events as they happen, a line each, until Ctrl-C; goes on where it was if the scheduler is away for a while",
  examples: [
    ["watch", "All that happens from now on"],
    ['watch --project acme --type "volume.*"', "What happens to one project's volumes"],
    ['watch --type "*.error" --since 1h', "What failed in the last hour, and what will"],
    ["watch --json --since 1042-77", "For a program: everything behind the event that it had last"],
    ["watch --type volume.create.end --count 1 --quiet", "The id of the next event of that type, and no more"],
  ],
  build: (yargs) =>
    yargs
      .option("type", {
        type: "string",
        array: true,
        requiresArg: true,
        describe: "Only events of this type; `*` stands for any letters; may be given several times",
      })
      .option("since", {
        type: "string",
        requiresArg: true,
        describe: "As well what was before: a duration (10m, 1h, 1d), an event's id, or `first` for all that are kept",
      })
      .option("count", { type: "string", requiresArg: true, describe: "End after so many events" }),
  run: async ({ type = [], since, count, project }, session) => {
    const strange = type.find((pattern) => !TYPE_PATTERN.test(pattern));
    if (strange !== undefined)
      throw usageFailure(`${JSON.stringify(strange)} is no type of event: see \`berth watch --help\``);
    const limit = count === undefined ? Number.POSITIVE_INFINITY : wholeNumber(count);
    const query = { project: project ?? null, type: type.length === 0 ? null : type.join(","), ...startOf(since) };
    const interrupt = new AbortController();
    const stopListening = session.terminal.onInterrupt(() => interrupt.abort());
    try {
      let seen = 0;
      for await (const event of eventsFrom(session, query, interrupt.signal)) {
        session.output.line({
          json: event,
          ids: [event.id],
          text: () => eventLine(event, session.output.paint),
        });
        seen += 1;
        if (seen >= limit) return;
      }
    } finally {
      stopListening();
    }
  },
});

type Query = Readonly<Record<"project" | "type" | "since" | "agoMs", string | null>>;

/** Until `signal`: a connection that is cut is made again, behind the last event that came. */
async function* eventsFrom({ client, output }: Session, query: Query, signal: AbortSignal): AsyncGenerator<BerthEvent> {
  const { parser } = await import("#shared/schema.ts");
  const { BerthEvent } = await import("#shared/events/event.ts");
  const events = parser(BerthEvent, "the event");
  let wanted = query;
  let wasThere = false;
  while (!signal.aborted) {
    const reader = new SentEventReader();
    try {
      const texts = client.follow(client.operatorPath("events"), { query: wanted, silenceMs: SILENCE_MS, signal });
      for await (const text of texts) {
        wasThere = true;
        for (const { id, data } of reader.take(text)) {
          wanted = { ...wanted, since: id, agoMs: null };
          if (data === null) continue;
          const value: unknown = JSON.parse(data);
          if (!events.check(value))
            throw failure("E_INTERNAL", `an event is not as this version of Berth knows it: ${data.slice(0, 200)}`, {
              next: "Run the same version of Berth as the scheduler.",
            });
          yield value;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      const mayReturn = error instanceof Failure && error.exitCode === EXIT_CODES.unreachable;
      // Who never answered is told at once: its address may be wrong.
      if (!mayReturn || !wasThere) throw error;
      output.remark(`${error.message}; trying on`);
      await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

function startOf(since: string | undefined): Pick<Query, "since" | "agoMs"> {
  if (since === undefined) return { since: null, agoMs: null };
  if (since === "first" || EVENT_ID.test(since)) return { since, agoMs: null };
  return { since: null, agoMs: String(parseDuration(since, "--since")) };
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw usageFailure(`--count must be a whole number above 0, not ${JSON.stringify(text)}`);
}

export const commands = [watch];
