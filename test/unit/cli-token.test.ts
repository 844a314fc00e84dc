import { expect, onTestFinished, test } from "vitest";
import { runBerth } from "#scheduler/cli/program.ts";
import { KeystoneDouble } from "#test/kit/keystone-double.ts";
import { RecordingTerminal } from "#test/kit/recording-terminal.ts";
import { type Script, ScriptedScheduler } from "#test/kit/scripted-scheduler.ts";

const NONE: Script = {
  "GET /v3/volumes/detail": () => ({ status: 200, body: { volumes: [] } }),
  "GET /v3/default/volumes/detail": () => ({ status: 200, body: { volumes: [] } }),
  "GET /v3/lab/volumes/detail": () => ({ status: 200, body: { volumes: [] } }),
  "GET /v3/logged-in/volumes/detail": () => ({ status: 200, body: { volumes: [] } }),
};

async function list(env: Record<string, string>, argv: readonly string[] = [], script: Script = NONE) {
  await using scheduler = await ScriptedScheduler.start(script);
  const terminal = new RecordingTerminal({ env: { BERTH_API_URL: scheduler.url, ...env } });
  const exitCode = await runBerth(["volume", "list", "--json", ...argv], terminal);
  const asked = scheduler.requests.map(({ url, headers }) => [url.split("?")[0], headers["x-auth-token"]]);
  return { exitCode, asked, err: terminal.errText };
}

async function keystone(): Promise<KeystoneDouble> {
  const double = await KeystoneDouble.start();
  onTestFinished(() => double[Symbol.asyncDispose]());
  return double;
}

test.each([
  ["nothing", {}, [], "/v3/default/volumes/detail", "berth:default"],
  ["BERTH_TOKEN", { BERTH_TOKEN: "secret", OS_TOKEN: "other" }, [], "/v3/volumes/detail", "secret"],
  ["OS_TOKEN", { OS_TOKEN: "other" }, [], "/v3/volumes/detail", "other"],
  ["--token", { BERTH_TOKEN: "secret" }, ["--token", "typed"], "/v3/volumes/detail", "typed"],
  ["a token and a project", { BERTH_TOKEN: "secret" }, ["--project", "lab"], "/v3/lab/volumes/detail", "secret"],
  ["an address of Keystone alone", { OS_AUTH_URL: "http://k" }, [], "/v3/default/volumes/detail", "berth:default"],
])("%s: the project and the token that are sent", async (_what, env, argv, path, token) => {
  expect(await list(env, argv)).toMatchObject({ exitCode: 0, asked: [[path, token]] });
});

test("by the OpenStack variables it gets a token from Keystone, once, for the project that Keystone says", async () => {
  const double = await keystone();
  const env = {
    OS_AUTH_URL: `${double.url}/v3`,
    OS_USERNAME: "ann",
    OS_PASSWORD: double.password,
    OS_PROJECT_NAME: "p",
  };
  const { exitCode, asked } = await list(env);
  const [token] = double.ownTokens;
  expect([exitCode, asked]).toEqual([0, [["/v3/logged-in/volumes/detail", token]]]);
  expect(double.asked).toEqual(["POST"]);
  const credential = { OS_APPLICATION_CREDENTIAL_ID: "i", OS_APPLICATION_CREDENTIAL_SECRET: double.password };
  expect((await list({ OS_AUTH_URL: double.url, ...credential })).exitCode).toBe(0);
});

test("what goes wrong with it says what to do, and shows no password", async () => {
  const double = await keystone();
  const env = { OS_AUTH_URL: double.url, OS_USERNAME: "ann", OS_PASSWORD: "not-the-one" };
  const wrong = await list(env);
  expect(wrong.exitCode).toBe(1);
  expect(wrong.err).toContain("refuses the user or the password");
  expect(wrong.err).toContain("BERTH_TOKEN");
  expect(wrong.err).not.toContain("not-the-one");
  await double[Symbol.asyncDispose]();
  const gone = await list(env);
  expect(gone.err).toContain(`Keystone cannot be reached at ${env.OS_AUTH_URL}`);
  expect(gone.asked).toEqual([]);
});

test("a refused token, and a role that is not enough, are told with what to do", async () => {
  const refuse = (status: number, code: string): Script => ({
    "GET /v3/volumes/detail": () => ({
      status,
      body: { refused: { code: status, message: "no", berth_code: code, next: "do this" } },
    }),
  });
  const bad = await list({ BERTH_TOKEN: "old" }, [], refuse(401, "E_UNAUTHENTICATED"));
  expect(bad.exitCode).toBe(1);
  expect(JSON.parse(bad.err).error).toMatchObject({ code: "E_UNAUTHENTICATED", next: "do this" });
});

test("a CA file that is not there is told before anything is sent", async () => {
  const { exitCode, asked, err } = await list({ BERTH_CA: "/nonexistent/ca.pem" });
  expect([exitCode, asked]).toEqual([2, []]);
  expect(err).toContain("/nonexistent/ca.pem");
});
