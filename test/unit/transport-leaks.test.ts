import { getEventListeners } from "node:events";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Credentials } from "#agent/transport/credentials.ts";
import { createHttpsClient } from "#agent/transport/https/client.ts";
import { createSshRunner } from "#agent/transport/ssh/runner.ts";
import { Secret } from "#shared/secret.ts";
import { callContext } from "#test/kit/driver-context.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { until } from "#test/kit/until.ts";
import { Desk } from "#test/simulators/kit/desk.ts";
import { startHttpServer } from "#test/simulators/kit/http-server.ts";
import { startSshServer } from "#test/simulators/kit/ssh-server.ts";

const ROUNDS = 1_000;
const AT_ONCE = 8;
const LONG = { timeout: 600_000 };

/** All of them, some at once. */
async function inRounds(round: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let n = next++; n < ROUNDS; n = next++) await round(n);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Whatever keeps a process alive: sockets, timers. */
function resources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

async function leavesNothing(desk: Desk, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  const before = resources();
  await work();
  await until("no connection is left", () => desk.calls.report().connections === 0);
  await until("no socket and no timer is left", () => {
    const now = resources();
    return (
      (now.TCPSocketWrap ?? 0) <= (before.TCPSocketWrap ?? 0) && (now.Timeout ?? 0) <= (before.Timeout ?? 0) + AT_ONCE
    );
  });
  expect(getEventListeners(signal, "abort").length).toBe(0);
}

/** Each third answer is lost, each third call has nobody who answers: what fails must be tidied up as well. */
const FAULTS = ["", "lost-answer", "hang"];

test("1,000 connects and disconnects over HTTPS leak nothing", LONG, async () => {
  const desk = new Desk();
  const server = await startHttpServer({
    desk,
    dataFolder: temporaryFolder(),
    port: 0,
    tls: true,
    async handle({ path }) {
      const served = await desk.serve(path, () => ({ status: 200, body: "fine" }));
      return served.kind === "refused" ? { kind: "cut" } : served;
    },
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  for (const fault of FAULTS.slice(1)) desk.faults.set(fault, { methods: [`/${fault}`] });
  const { signal } = new AbortController();
  const certificateFingerprint = server.certificate?.fingerprint ?? null;
  await leavesNothing(desk, signal, () =>
    inRounds(async (n) => {
      const client = createHttpsClient({
        origin: server.url,
        trust: { caFile: null, certificateFingerprint, verify: true },
        basic: null,
        maxConcurrentCalls: 2,
        tries: 1,
      });
      const path = `/${FAULTS[n % 3]}`;
      const call = { method: "GET", path, name: "call", changes: true, timeoutMs: 2_000 } as const;
      const context = callContext({ signal });
      const calling = client.request(context, path === "/hang" ? { ...call, timeoutMs: 20 } : call);
      await (n % 3 === 0
        ? calling
        : expect(calling).rejects.toMatchObject({ name: expect.stringMatching("AnswerLost|Unreachable") }));
      await client.close();
    }),
  );
});

test("1,000 connects and disconnects over SSH leak nothing", LONG, async () => {
  const desk = new Desk();
  const server = await startSshServer({
    desk,
    dataFolder: temporaryFolder(),
    port: 0,
    ident: "appliance",
    users: () => [{ name: "admin", password: "right" }],
    methodOf: (line) => line,
    run: async () => ({ stdout: "fine", exitCode: 0 }),
    busy: () => ({ stdout: "", exitCode: 1 }),
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  for (const fault of FAULTS.slice(1)) desk.faults.set(fault, { methods: [fault] });
  const { signal } = new AbortController();
  const folder = join(temporaryFolder(), "keys");
  const credentials = new Credentials(async () => ({
    login: "admin",
    password: new Secret("right"),
    privateKey: null,
  }));
  await leavesNothing(desk, signal, () =>
    inRounds(async (n) => {
      const place = { host: "127.0.0.1", port: server.port, credentials, hostKey: server.hostKeyFingerprint };
      const runner = createSshRunner({ ...place, maxConcurrentCalls: 2, tries: 1 }, folder);
      const command = FAULTS[n % 3] || "list";
      const options = { changes: true, timeoutMs: command === "hang" ? 20 : 60_000 };
      const calling = runner.run(callContext({ signal }), [command], options);
      await (n % 3 === 0
        ? calling
        : expect(calling).rejects.toMatchObject({ name: expect.stringMatching("AnswerLost|Unreachable") }));
      runner.close();
    }),
  );
});
