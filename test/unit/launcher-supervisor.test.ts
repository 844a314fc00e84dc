import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { pinoFormat } from "#deploy/dev/log-line.ts";
import type { Program } from "#deploy/dev/programs.ts";
import type { ProcessObserver } from "#deploy/dev/supervised-process.ts";
import { Supervisor } from "#deploy/dev/supervisor.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

const WAIT = { timeout: 20_000, interval: 10 };

function program(name: string, script: string, changes: Partial<Program> = {}): Program {
  return {
    name,
    line: { command: "/bin/sh", args: ["-c", script] },
    environment: {},
    endStage: 1,
    endSignal: "SIGTERM",
    endDeadlineMs: 10_000,
    format: pinoFormat,
    ...changes,
  };
}

function supervise(...programs: Program[]) {
  const told = { lines: [] as string[], deaths: [] as string[], gaveUp: [] as string[] };
  const observer: ProcessObserver = {
    line: ({ name }, line) => told.lines.push(`${name}: ${line}`),
    died: ({ name }, how) => told.deaths.push(`${name}: ${how}`),
    gaveUp: ({ name }, how, lines) => told.gaveUp.push(`${name}: ${how}: ${lines.join("|")}`),
  };
  const supervisor = new Supervisor(programs, observer);
  onTestFinished(() => supervisor.kill());
  supervisor.start();
  return { supervisor, ...told };
}

function isAlive(pid: number): boolean {
  try {
    // A zombie, dead and not yet collected by whoever inherited it, answers to signals as well.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Runs until a signal ends it; a shell handles one only between two commands, hence the short ones. */
const UNTIL_TOLD = "while :; do sleep 0.05; done";

describe("the launcher's supervisor", () => {
  it("ends who needs something before what is needed", async () => {
    const polite = (name: string) => `trap 'echo ${name} ended; exit 0' TERM; echo up; ${UNTIL_TOLD}`;
    const { supervisor, lines } = supervise(
      program("server", polite("server"), { endStage: 3 }),
      program("scheduler", polite("scheduler"), { endStage: 2 }),
      program("agent", polite("agent"), { endStage: 1 }),
    );
    await vi.waitFor(() => expect(lines.filter((line) => line.endsWith(": up"))).toHaveLength(3), WAIT);
    await supervisor.end();
    expect(lines.filter((line) => line.endsWith("ended"))).toEqual([
      "agent: agent ended",
      "scheduler: scheduler ended",
      "server: server ended",
    ]);
  });

  it("kills who does not listen, and what it started", async () => {
    const { supervisor, lines } = supervise(
      program("deaf", `trap '' TERM; sleep 1000 & echo child $!; echo own $$; wait; ${UNTIL_TOLD}`, {
        endDeadlineMs: 200,
      }),
    );
    await vi.waitFor(() => expect(lines).toHaveLength(2), WAIT);
    const pids = lines.map((line) => Number(line.split(" ").at(-1)));
    expect(pids.every(isAlive)).toBe(true);
    await supervisor.end();
    await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), WAIT);
    expect(supervisor.pids.size).toBe(0);
  });

  it("starts again what ended by itself, and lets none of what it started live on", async () => {
    const { supervisor, lines, deaths } = supervise(program("agent", `sleep 1000 & echo child $!; echo own $$; wait`));
    await vi.waitFor(() => expect(lines).toHaveLength(2), WAIT);
    const first = supervisor.pids.get("agent") ?? 0;
    const child = Number(lines[0]?.split(" ").at(-1));
    process.kill(first, "SIGKILL");
    await vi.waitFor(() => expect(lines).toHaveLength(4), WAIT);
    expect(deaths).toEqual(["agent: SIGKILL"]);
    expect(isAlive(child)).toBe(false);
    expect(supervisor.pids.get("agent")).not.toBe(first);
    await supervisor.end();
  });

  it("gives up on what dies five times within a minute, with its last words", async () => {
    const { deaths, gaveUp } = supervise(program("broken", "echo no config; exit 3"));
    await vi.waitFor(() => expect(gaveUp).toEqual(["broken: exit code 3: no config"]), WAIT);
    expect(deaths).toHaveLength(4);
  });

  it("ends while a restart is pending, and does not restart", async () => {
    const folder = temporaryFolder();
    const { supervisor, deaths } = supervise(program("once", `echo x >> ${join(folder, "starts")}; exit 1`));
    await vi.waitFor(() => expect(deaths).toHaveLength(3), WAIT);
    await supervisor.end();
    expect(existsSync(join(folder, "starts"))).toBe(true);
    expect(readFileSync(join(folder, "starts"), "utf8")).toBe("x\nx\nx\n");
    expect(supervisor.pids.size).toBe(0);
  });
});
