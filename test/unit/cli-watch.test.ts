import { describe, expect, onTestFinished, test } from "vitest";
import { runBerth } from "#scheduler/cli/program.ts";
import { type BerthEvent, type EventFacts, eventAt } from "#shared/events/event.ts";
import { RecordingTerminal, type RecordingTerminalOptions } from "#test/kit/recording-terminal.ts";
import { type ScriptedAnswer, ScriptedScheduler } from "#test/kit/scripted-scheduler.ts";
import { until } from "#test/kit/until.ts";

const PATH = "/berth/v1/events";

function event(n: number, fields: Partial<EventFacts> = {}): BerthEvent {
  const object = {
    kind: "volume" as const,
    id: "99858d73-1a0c-4293-a5d6-1dfacb7512ff",
    name: "data",
    status: "available",
  };
  const who = { projectId: "acme", userId: "ada", requestId: "req-1" };
  const facts = {
    type: "volume.create.end" as const,
    atMs: Date.UTC(2026, 10, 21),
    ...who,
    object,
    error: null,
    ...fields,
  };
  return eventAt(facts, { seq: 7, n });
}

function sent(...events: readonly BerthEvent[]): string {
  return events.map((one) => `id: ${one.id}\nevent: ${one.type}\ndata: ${JSON.stringify(one)}\n\n`).join("");
}

/** A scheduler that gives one text after the other, each cut off at its end. */
async function schedulerOf(...texts: readonly string[]): Promise<ScriptedScheduler> {
  const left = [...texts];
  const answer = (): ScriptedAnswer => {
    const body = left.shift();
    return body === undefined
      ? { status: 503, body: { error: { code: "E_UNAVAILABLE", message: "away" } } }
      : { status: 200, body };
  };
  const scheduler = await ScriptedScheduler.start({ [`GET ${PATH}`]: answer });
  onTestFinished(() => scheduler[Symbol.asyncDispose]());
  return scheduler;
}

async function run(scheduler: ScriptedScheduler, argv: readonly string[], options: RecordingTerminalOptions = {}) {
  const terminal = new RecordingTerminal({ ...options, env: { BERTH_API_URL: scheduler.url, ...options.env } });
  const exitCode = await runBerth(["watch", ...argv], terminal);
  return { exitCode, out: terminal.outText, err: terminal.errText };
}

describe("berth watch", () => {
  test("prints a line an event, and ends after so many", async () => {
    const error = { code: "E_NO_PLACEMENT", message: "no backend fits\u001b[31m" };
    const scheduler = await schedulerOf(sent(event(1), event(2, { type: "volume.create.error", error }), event(3)));
    const { exitCode, out, err } = await run(scheduler, ["--count", "2"]);
    expect([exitCode, err]).toEqual([0, ""]);
    const id = "99858d73-1a0c-4293-a5d6-1dfacb7512ff";
    expect(out).toBe(
      `2026-11-21T00:00:00.000Z  volume.create.end           acme  volume data (${id})  available\n` +
        `2026-11-21T00:00:00.000Z  volume.create.error         acme  volume data (${id})  available  no backend fits[31m\n`,
    );
  });

  test("asks for what is wanted only", async () => {
    const scheduler = await schedulerOf(sent(event(1)));
    await run(scheduler, [
      "--count",
      "1",
      "--project",
      "acme",
      "--type",
      "volume.*",
      "--type",
      "*.error",
      "--since",
      "10m",
    ]);
    const { searchParams } = new URL(scheduler.requests[0]?.url ?? "", scheduler.url);
    expect(Object.fromEntries(searchParams)).toEqual({ project: "acme", type: "volume.*,*.error", agoMs: "600000" });
  });

  test("goes on where it was when the connection was cut, and says so to people", async () => {
    const scheduler = await schedulerOf(sent(event(1)), "id: 7-5\n\n", sent(event(6)));
    const { exitCode, out, err } = await run(scheduler, ["--count", "2", "--since", "first"]);
    expect(exitCode).toBe(0);
    expect(out.split("\n")).toHaveLength(3);
    expect(err).toContain("trying on");
    const since = scheduler.requests.map(({ url }) => new URL(url, scheduler.url).searchParams.get("since"));
    expect(since).toEqual(["first", "7-1", "7-5"]);
  });

  test("gives programs one JSON a line, or ids", async () => {
    const json = await run(await schedulerOf(sent(event(1), event(2))), ["--json", "--count", "2"]);
    expect(
      json.out
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([event(1), event(2)]);
    const ids = await run(await schedulerOf(sent(event(1))), ["-q", "--count", "1"]);
    expect(ids.out).toBe("7-1\n");
  });

  test("shows a terminal colours", async () => {
    const { out } = await run(await schedulerOf(sent(event(1))), ["--count", "1"], { isTerminal: true });
    expect(out).toContain("\u001b[32mvolume.create.end");
  });

  test("ends well at Ctrl-C", async () => {
    const scheduler = await schedulerOf(sent(event(1)));
    const terminal = new RecordingTerminal({ env: { BERTH_API_URL: scheduler.url } });
    const ended = runBerth(["watch"], terminal);
    await until("it has begun", () => terminal.outText !== "");
    terminal.interrupt();
    expect(await ended).toBe(0);
    expect(terminal.isListening).toBe(false);
  });

  test("tells a scheduler that was never there, and words that mean nothing", async () => {
    const scheduler = await schedulerOf();
    expect(await run(scheduler, [])).toMatchObject({ exitCode: 5, err: expect.stringContaining("away") });
    for (const argv of [
      ["--type", "Volume!"],
      ["--count", "0"],
      ["--since", "tomorrow"],
    ])
      expect(await run(scheduler, argv), argv.join(" ")).toMatchObject({ exitCode: 2 });
  });
});
