import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { BerthError } from "#shared/errors.ts";
import type { ConnectionInfo } from "#shared/model/attachment.ts";

/** libiscsi's clients try for ever when a target is gone: each is given this long. */
const DEADLINE_S = 10;

export interface Answer {
  readonly ok: boolean;
  /** What it said, on both streams. */
  readonly text: string;
}

/** A host that attaches volumes: real user-space iSCSI, no kernel module needed. */
export class Initiator {
  readonly iqn: string;

  constructor(iqn: string) {
    this.iqn = iqn;
  }

  /** Runs qemu-io commands, such as `write -P 0xa5 1M 4M` and `read -P 0xa5 1M 4M`, on the volume. */
  async io(info: ConnectionInfo, secret: string, ...commands: readonly string[]): Promise<Answer> {
    // What is write-protected cannot be opened to write: who only reads, says so.
    const writes = commands.some((command) => command.startsWith("write"));
    const opened = [...(writes ? [] : ["-r"]), "--image-opts", this.#image(info, secret)];
    const answer = await run("qemu-io", [...opened, ...commands.flatMap((command) => ["-c", command])]);
    // qemu-io ends with 0 when a pattern does not match.
    return { ok: answer.ok && !/verification failed|failed:/i.test(answer.text), text: answer.text };
  }

  /** Logs in, reads, and stays connected until it is disposed of. */
  async hold(info: ConnectionInfo, secret: string): Promise<AsyncDisposable> {
    const child = spawn("qemu-io", ["--image-opts", this.#image(info, secret)], { stdio: ["pipe", "pipe", "inherit"] });
    const gone = once(child, "exit");
    child.stdin.write("read 0 4k\n");
    await once(child.stdout, "data", { signal: AbortSignal.timeout(DEADLINE_S * 1000) });
    return {
      async [Symbol.asyncDispose]() {
        child.kill("SIGKILL");
        await gone;
      },
    };
  }

  async sizeBytes(info: ConnectionInfo, secret: string): Promise<number> {
    const { ok, text } = await run("iscsi-readcapacity16", ["-i", this.iqn, this.#url(info, secret)]);
    const size = /Total size:(\d+)/.exec(text)?.[1];
    if (!ok || size === undefined) throw new BerthError("E_COMMAND_FAILED", `iscsi-readcapacity16: ${text}`);
    return Number(size);
  }

  /** `page`: a vital product data page; without it the plain inquiry. */
  async inquiry(info: ConnectionInfo, secret: string, page?: number): Promise<Answer> {
    const what = page === undefined ? [] : ["-e", "1", "-c", String(page)];
    return await run("iscsi-inq", ["-i", this.iqn, ...what, this.#url(info, secret)]);
  }

  /** Sends every kind of write there is, whatever the target says of itself: does it refuse them all, as write-protected? */
  async writesRefused(info: ConnectionInfo, secret: string): Promise<Answer> {
    const tests = ["--dataloss", "--test", "SCSI.ReadOnly.ReadOnlySBC"];
    const { text } = await run("iscsi-test-cu", ["-i", this.iqn, ...tests, this.#url(info, secret)]);
    // tgt refuses WRITE SAME, which it does not have, in other words: refused it is.
    const accepted = text.split("\n").filter((line) => line.includes("[FAILED]") && !line.includes("with wrong sense"));
    return { ok: accepted.length === 0 && /asserts +[1-9]/.test(text), text };
  }

  #image(info: ConnectionInfo, secret: string): string {
    const { portal, iqn, lun, user } = addressOf(info);
    const target = `driver=iscsi,transport=tcp,portal=${portal},target=${iqn},lun=${lun}`;
    return `${target},user=${user},password=${secret},initiator-name=${this.iqn}`;
  }

  #url(info: ConnectionInfo, secret: string): string {
    const { user, portal, iqn, lun } = addressOf(info);
    return `iscsi://${user}%${secret}@${portal}/${iqn}/${lun}`;
  }
}

function addressOf({ data }: ConnectionInfo) {
  return { portal: data.target_portal, iqn: data.target_iqn, lun: data.target_lun, user: data.auth_username };
}

function run(program: string, args: readonly string[]): Promise<Answer> {
  return new Promise((resolve) => {
    execFile(
      "timeout",
      ["-s", "KILL", String(DEADLINE_S), program, ...args],
      { encoding: "utf8" },
      (error, stdout, stderr) => {
        resolve({ ok: error === null, text: `${stdout}${stderr}` });
      },
    );
  });
}
