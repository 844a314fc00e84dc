import { execFile } from "node:child_process";
import { join } from "node:path";
import { findProgram } from "#shared/die-with-parent.ts";
import type { Outcome } from "./berth-command.ts";
import type { Ec2Credentials } from "./ec2-signing.ts";
import type { Installation } from "./installation.ts";

const DEADLINE_MS = 60_000;

/** Why tests with the aws command cannot run here, or null: for `describe.skipIf`. Says so once. */
export function awsMissing(): string | null {
  if (findProgram("aws") !== null) return null;
  const reason = "not installed: aws (sh deploy/install-packages.sh --with-tests installs it)";
  if (!told) console.warn(`skipped: ${reason}`);
  told = true;
  return reason;
}
let told = false;

/** The `aws ec2` command as a person calls it, with nothing of that person's own settings. */
export function awsCommand(
  { client, folder }: Installation,
  { accessKeyId, secretAccessKey }: Ec2Credentials,
  ...words: readonly string[]
): Promise<Outcome> {
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    AWS_CONFIG_FILE: join(folder, "aws-config"),
    AWS_SHARED_CREDENTIALS_FILE: join(folder, "aws-credentials"),
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_MAX_ATTEMPTS: "1",
    AWS_PAGER: "",
  };
  const argv = ["--endpoint-url", client.url, "--region", "r1", "--output", "json", "ec2", ...words];
  return new Promise((done) => {
    const child = execFile("aws", argv, { timeout: DEADLINE_MS, env }, (_error, out, err) =>
      done({ exitCode: child.exitCode ?? -1, out, err }),
    );
  });
}
