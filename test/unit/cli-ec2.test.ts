import { afterAll, beforeAll, expect, test } from "vitest";
import { runBerth } from "#scheduler/cli/program.ts";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";
import { RecordingTerminal } from "#test/kit/recording-terminal.ts";

let stand: ApiStand;
let url = "";
beforeAll(async () => {
  stand = await openApiStand();
  url = await stand.api.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => stand.api.close());

async function berth(...argv: string[]): Promise<{ exitCode: number; out: string; err: string }> {
  const terminal = new RecordingTerminal({ env: { BERTH_API_URL: url } });
  const exitCode = await runBerth(argv, terminal);
  return { exitCode, out: terminal.outText, err: terminal.errText };
}

test("keys are made, with the secret and the way on, listed without it, and deleted", async () => {
  const none = await berth("ec2-key", "list");
  expect([none.exitCode, none.out]).toEqual([0, ""]);
  expect(none.err).toContain("berth ec2-key create --project PROJECT");
  const made = await berth("ec2-key", "create", "--project", "acme", "--user", "backup", "--role", "reader");
  expect(made.err).toContain(`aws ec2 --endpoint-url ${url} --region berth describe-volumes`);
  const [, key = "", secret = ""] = /access key +(\S+)\nsecret +(\S+)\n/.exec(made.out) ?? [];
  expect([key.length, secret.length]).toEqual([20, 40]);
  const listed = await berth("ec2-key", "list");
  expect(listed.out).toMatch(new RegExp(`${key} +acme +backup +reader `));
  expect(listed.out).not.toContain(secret);
  expect((await berth("ec2-key", "delete", key)).out).toBe(`EC2 key ${key} is deleted.\n`);
  expect((await berth("ec2-key", "delete", key)).exitCode).toBe(3);
});

test("types are said to mean flavors, and not any more", async () => {
  expect((await berth("ec2-type", "list")).err).toContain("berth ec2-type set gp3 FLAVOR");
  expect((await berth("ec2-type", "set", "gp3", "silver")).out).toMatch(/gp3 +silver/);
  expect(JSON.parse((await berth("ec2-type", "list", "--json")).out)).toEqual({
    ec2Types: [{ type: "gp3", flavor: "silver" }],
  });
  expect((await berth("ec2-type", "set", "gp3", "lead")).exitCode).toBe(3);
  expect((await berth("ec2-type", "unset", "gp3")).out).toBe("gp3 means the default flavor again.\n");
});
