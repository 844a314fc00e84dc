import type { Secret } from "#shared/secret.ts";
import type { SshRunner } from "../../transport/ssh/runner.ts";
import { pauseFor, pauseMs } from "../../transport/tries.ts";
import type { CallContext } from "../driver.ts";
import { assertNoComplaint, refusalOf, refused } from "./refusal.ts";

const ZFS = ["pfexec", "/usr/sbin/zfs"];
/** A listing of 10,000 objects with their marks. */
const MAX_LISTING_BYTES = 64 * 1024 ** 2;
/** How often an order that lost the race for COMSTAR's configuration is given again. */
const STALE_TRIES = 6;

type ComstarProgram = "stmfadm" | "itadm";

/**
 * The host's commands. Each may be done twice: who did it first is told as "exists already" or "not there", and the driver
 * looks what stands. So a lost answer is asked for again, unless it is said not to be.
 */
export class SolarisHost {
  readonly #shell: SshRunner;
  /** COMSTAR keeps its configuration in one place and refuses whoever did not see the last change. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(shell: SshRunner) {
    this.#shell = shell;
  }

  close(): void {
    this.#shell.close();
  }

  /** Changes something. `once`: not again when its answer is lost. */
  async zfs(context: CallContext, args: readonly string[], once = false): Promise<void> {
    const { stderr } = await this.#shell.run(context, [...ZFS, ...args], { changes: true, safeToRepeat: !once });
    assertNoComplaint(stderr);
  }

  /** `partly`: what is missing among several is no failure. */
  async readZfs(context: CallContext, args: readonly string[], partly = false): Promise<string[][]> {
    const { stdout, stderr, exitCode } = await this.#shell.run(context, [...ZFS, ...args], {
      changes: false,
      maxOutputBytes: MAX_LISTING_BYTES,
      answers: partly ? [0, 1] : [0],
    });
    if (exitCode === 0) assertNoComplaint(stderr);
    else if (!isOnlyMissing(stderr)) throw refused(stderr);
    return linesOf(stdout).map((line) => line.split("\t"));
  }

  async comstar(context: CallContext, program: ComstarProgram, args: readonly string[]): Promise<string> {
    return await this.#inTurn(context, async () => {
      const line = ["pfexec", `/usr/sbin/${program}`, ...args];
      const { stdout, stderr } = await this.#shell.run(context, line, { changes: true, safeToRepeat: true });
      assertNoComplaint(stderr);
      return stdout;
    });
  }

  async readComstar(context: CallContext, program: ComstarProgram, args: readonly string[]): Promise<string> {
    const line = ["pfexec", `/usr/sbin/${program}`, ...args];
    const { stdout, stderr } = await this.#shell.run(context, line, {
      changes: false,
      maxOutputBytes: MAX_LISTING_BYTES,
    });
    assertNoComplaint(stderr);
    return stdout;
  }

  /** A script of ours with arguments; what a user wrote is never part of the script. */
  async script(
    context: CallContext,
    script: string,
    args: readonly string[],
    { changes, input }: { readonly changes: boolean; readonly input?: Secret },
  ): Promise<string> {
    const { stdout } = await this.#shell.run(context, ["sh", "-c", script, "sh", ...args], {
      changes,
      safeToRepeat: true,
      maxOutputBytes: MAX_LISTING_BYTES,
      ...(input === undefined ? {} : { input }),
    });
    return stdout;
  }

  async services(context: CallContext, names: readonly string[]): Promise<string[]> {
    const { stdout } = await this.#shell.run(context, ["svcs", "-H", "-o", "state", ...names], { changes: false });
    return linesOf(stdout);
  }

  async #inTurn<T>(context: CallContext, work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(() => this.#whileStale(context, work));
    this.#turn = mine.catch(() => undefined);
    return await mine;
  }

  /** Another agent, or an administrator, was quicker: nothing was done. */
  async #whileStale<T>(context: CallContext, work: () => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      try {
        return await work();
      } catch (error) {
        if (refusalOf(error)?.kind !== "stale" || tried >= STALE_TRIES) throw error;
      }
      await pauseFor(context.signal, pauseMs(tried));
    }
  }
}

/** Some of what was asked for is not there, and nothing else is wrong. */
function isOnlyMissing(stderr: string): boolean {
  const lines = linesOf(stderr);
  return lines.length > 0 && lines.every((line) => line.endsWith("dataset does not exist"));
}

export function linesOf(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line !== "");
}
