import { Writable } from "node:stream";
import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { DriverError, LeaseLost } from "#agent/drivers/driver.ts";
import { CommandFailed, createCommandRunner } from "#agent/transport/command.ts";
import { Secret } from "#shared/secret.ts";
import { callContext, leaseFor } from "#test/kit/driver-context.ts";

const runner = createCommandRunner();
const asks = { changes: false };
const node = (script: string, ...args: string[]) => [process.execPath, ["-e", script, ...args]] as const;

describe("running a program", () => {
  test("gives exit code and both streams apart, in the C locale, with arguments as they are", async () => {
    const script = "console.log(process.env.LC_ALL, process.argv[1]); console.error('aside')";
    const output = await runner.run(callContext(), ...node(script, "$(id) ; 'x' *"), asks);
    expect(output).toEqual({ exitCode: 0, stdout: "C $(id) ; 'x' *\n", stderr: "aside\n" });
  });

  test("passes on nothing of this process's environment but the path", async () => {
    process.env.BERTH_TEST_VARIABLE = "here";
    const { stdout } = await runner.run(
      callContext(),
      ...node("console.log(Object.keys(process.env).sort().join())"),
      asks,
    );
    delete process.env.BERTH_TEST_VARIABLE;
    expect(stdout.trim()).toBe("LC_ALL,PATH");
  });

  test("a failure carries the program's own words; an exit code that is an answer is none", async () => {
    const line = node("console.error('no such volume'); process.exit(5)");
    const failure: unknown = await runner.run(callContext(), ...line, asks).catch((error) => error);
    expect(failure).toBeInstanceOf(CommandFailed);
    expect(failure).toMatchObject({ code: "E_COMMAND_FAILED", exitCode: 5, stderr: "no such volume\n" });
    expect(await runner.run(callContext(), ...line, { ...asks, answers: [0, 5] })).toMatchObject({ exitCode: 5 });
  });

  test("a program that is not there is told as such", async () => {
    await expect(runner.run(callContext(), "berth-no-such-program", [], asks)).rejects.toMatchObject({
      code: "E_MISSING_TOOL",
    });
  });

  test("a secret goes in by standard input and into no log, error or process list", async () => {
    const lines: string[] = [];
    const stream = new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk));
        done();
      },
    });
    const context = callContext({ log: pino({ level: "trace" }, stream) });
    const script = `process.stdin.on("data", (text) => {
      const cmdline = require("fs").readFileSync("/proc/self/cmdline", "utf8");
      console.log(String(text) === "open ses" + "ame", cmdline.includes("ses" + "ame")); process.exit(3); })`;
    const input = new Secret("open sesame");
    const output = await runner.run(context, ...node(script), { ...asks, input, answers: [3] });
    expect(output.stdout).toBe("true false\n");
    const failure: unknown = await runner.run(context, ...node(script), { ...asks, input }).catch((error) => error);
    expect(failure).toBeInstanceOf(CommandFailed);
    expect(lines.join("")).toContain("command ended");
    expect(`${failure}${lines.join("")}`).not.toContain("sesame");
  });
});

describe("a program that does not end", () => {
  const stubborn = node("process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)");

  test("is ended when its time is over, by force if need be", async () => {
    const failure: unknown = await runner
      .run(callContext(), ...stubborn, { ...asks, timeoutMs: 300 })
      .catch((error) => error);
    expect(failure).toMatchObject({ exitCode: null, message: expect.stringContaining("ended after 300 ms") });
  });

  test("is ended with its job, and then nobody knows how far it came", async () => {
    const context = callContext({ signal: AbortSignal.timeout(300) });
    const failure: unknown = await runner.run(context, ...stubborn, asks).catch((error) => error);
    expect(failure).toBeInstanceOf(DriverError);
    expect(failure).toMatchObject({ outcome: "unknown", code: "E_DEADLINE" });
  });

  test("is ended when it talks without end, and what is kept is bounded", async () => {
    const line = node("setInterval(() => process.stdout.write('x'.repeat(65536)), 0)");
    const failure: unknown = await runner
      .run(callContext(), ...line, { ...asks, maxOutputBytes: 100_000 })
      .catch((error) => error);
    expect(failure).toMatchObject({ exitCode: null, message: expect.stringContaining("more than 100000 bytes") });
  });

  test("is not waited for because a grandchild holds its streams", async () => {
    const script = `require("child_process").spawn(process.execPath, ["-e", "setTimeout(() => {}, 20000)"], { stdio: "inherit", detached: true }).unref(); console.log(1)`;
    const { stdout } = await runner.run(callContext({ signal: AbortSignal.timeout(10_000) }), ...node(script), asks);
    expect(stdout).toBe("1\n");
  });
});

describe("a program that changes something", () => {
  const touch = node("console.log('changed')");

  test("is not started without the lease, nor when the time is over", async () => {
    const changes = { changes: true };
    await expect(runner.run(callContext({ guard: leaseFor(0) }), ...touch, changes)).rejects.toBeInstanceOf(LeaseLost);
    await expect(runner.run(callContext({ signal: AbortSignal.abort() }), ...touch, changes)).rejects.toMatchObject({
      outcome: "unknown",
    });
    expect(await runner.run(callContext({ guard: leaseFor(1) }), ...touch, changes)).toMatchObject({ exitCode: 0 });
  });
});
