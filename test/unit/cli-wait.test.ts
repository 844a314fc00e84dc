import { describe, expect, test, vi } from "vitest";
import { failure } from "#scheduler/cli/failure.ts";
import { createSession, type Session } from "#scheduler/cli/session.ts";
import { type Look, waitFor } from "#scheduler/cli/wait.ts";
import { RecordingTerminal, type RecordingTerminalOptions } from "#test/kit/recording-terminal.ts";

function open(options: RecordingTerminalOptions = {}, json = false): { terminal: RecordingTerminal; session: Session } {
  const terminal = new RecordingTerminal(options);
  const everywhere = {
    json,
    quiet: undefined,
    project: undefined,
    api: undefined,
    token: undefined,
    "no-color": undefined,
  };
  return { terminal, session: createSession(everywhere, terminal) };
}

/** Looks that give these states one after the other, and are settled at the last. */
function states(...names: string[]): () => Promise<Look<string>> {
  const left = [...names];
  return async () => {
    const state = left.shift() ?? "";
    return left.length === 0 ? { state, settled: { value: state } } : { state };
  };
}

const WAIT = { what: "volume data", later: "berth volume show data", timeoutMs: 30_000 };

describe("waiting", () => {
  test("off a terminal there is a line for each change of state", async () => {
    const { session, terminal } = open();
    const look = states("creating", "creating", "extending", "available");
    expect(await waitFor(session, { ...WAIT, look })).toBe("available");
    expect(terminal.errText.replace(/\([\d.]+ \w+\)/g, "(t)")).toBe(
      "volume data: creating (t)\nvolume data: extending (t)\nvolume data: available (t)\n",
    );
    expect(terminal.isListening).toBe(false);
  });

  test("on a terminal one line lives, and is gone at the end", async () => {
    const { session, terminal } = open({ isTerminal: true });
    await waitFor(session, { ...WAIT, look: states("creating", "available") });
    expect(terminal.errText).not.toContain("\n");
    expect(terminal.errText).toMatch(/volume data {2}.*creating/);
    expect(terminal.errText.endsWith("\r\u001b[2K")).toBe(true);
  });

  test("for programs there is no progress", async () => {
    const { session, terminal } = open({ isTerminal: true }, true);
    await waitFor(session, { ...WAIT, look: states("creating", "available") });
    expect(terminal.errText).toBe("");
  });

  test("ends with exit code 6 after the timeout, and says that the work goes on", async () => {
    const { session, terminal } = open();
    const look = async (): Promise<Look<never>> => ({ state: "creating" });
    await expect(waitFor(session, { ...WAIT, timeoutMs: 30, look })).rejects.toMatchObject({
      code: "E_TIMEOUT",
      exitCode: 6,
      message: expect.stringMatching(/volume data is still creating after .* the work goes on/),
      next: "Look later with `berth volume show data`.",
    });
    expect(terminal.isListening).toBe(false);
  });

  test("Ctrl-C ends it at once, also while an answer is awaited, and says that the work goes on", async () => {
    const { session, terminal } = open();
    const waiting = waitFor(session, { ...WAIT, look: () => new Promise<Look<never>>(() => {}) });
    await vi.waitUntil(() => terminal.isListening);
    terminal.interrupt();
    await expect(waiting).rejects.toMatchObject({
      exitCode: 130,
      message: "stopped waiting for volume data; the work goes on",
    });
    expect(terminal.isListening).toBe(false);
  });

  test("a scheduler that is away for a while is waited for", async () => {
    const { session, terminal } = open();
    let looks = 0;
    const look = async (): Promise<Look<string>> => {
      looks += 1;
      if (looks === 2) throw failure("E_UNAVAILABLE", "not there");
      return looks < 3 ? { state: "creating" } : { state: "available", settled: { value: "available" } };
    };
    expect(await waitFor(session, { ...WAIT, look })).toBe("available");
    expect(terminal.errText).toContain("volume data: scheduler not reachable");
  });

  test("any other error ends it", async () => {
    const { session } = open();
    const look = () => Promise.reject(failure("E_NOT_FOUND", "gone"));
    await expect(waitFor(session, { ...WAIT, look })).rejects.toMatchObject({ exitCode: 3 });
  });
});
