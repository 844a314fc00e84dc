import { Secret } from "#shared/secret.ts";
import { AnswerLost } from "../../transport/failures.ts";
import type { Argument } from "../../transport/ssh/quote.ts";
import type { SshRunner } from "../../transport/ssh/runner.ts";
import { type CallContext, DriverError } from "../driver.ts";
import {
  type CliqAnswer,
  type CliqCluster,
  type CliqServer,
  type CliqSnapshot,
  type CliqVolume,
  parseAnswer,
} from "./answer.ts";
import { CliqRefusal, meaningOf } from "./results.ts";

const WHOLE = 3;
/** Listing a large group takes the array minutes. */
const LISTING_TIMEOUT_MS = 240_000;

/** Parameters by the manual's names. */
export type Parameters = Readonly<Record<string, string | number | boolean | Secret>>;

/** The commands that the driver uses. Throws `CliqRefusal` for what was answered, another DriverError for what was not. */
export class Cliq {
  readonly #ssh: Pick<SshRunner, "run">;

  constructor(ssh: Pick<SshRunner, "run">) {
    this.#ssh = ssh;
  }

  async change(context: CallContext, verb: string, parameters: Parameters): Promise<CliqAnswer> {
    return await this.#run(context, verb, parameters, true);
  }

  /** null: there is none of that name. */
  async volume(context: CallContext, volumeName: string): Promise<CliqVolume | null> {
    const answer = await this.#ask(context, "getVolumeInfo", { volumeName });
    return answer?.volume?.find(({ name }) => name === volumeName) ?? missing(answer, "volume");
  }

  /** null: there is none of that name. */
  async snapshot(context: CallContext, snapshotName: string): Promise<CliqSnapshot | null> {
    const answer = await this.#ask(context, "getSnapshotInfo", { snapshotName });
    return answer?.snapshot?.find(({ name }) => name === snapshotName) ?? missing(answer, "snapshot");
  }

  /** null: there is none of that name; its answer has nothing that can be relied on. */
  async serverNamed(context: CallContext, serverName: string): Promise<readonly CliqServer[] | null> {
    const answer = await this.#ask(context, "getServerInfo", { serverName });
    return answer === null ? null : (answer.server ?? []);
  }

  async servers(context: CallContext): Promise<readonly CliqServer[]> {
    return (await this.#ask(context, "getServerInfo", {}))?.server ?? [];
  }

  /** `depth` 1: itself; 3: with its volumes and snapshots. Always by name: without one all clusters are told. */
  async cluster(context: CallContext, clusterName: string, depth: 1 | typeof WHOLE): Promise<CliqCluster> {
    const answer = await this.#ask(context, "getClusterInfo", { clusterName, searchDepth: depth });
    const cluster = answer?.cluster?.find(({ name }) => name === clusterName);
    if (cluster !== undefined) return cluster;
    throw new DriverError("not-done", `the management group has no cluster ${JSON.stringify(clusterName)}`);
  }

  /** null: not found. */
  async #ask(context: CallContext, verb: string, parameters: Parameters): Promise<CliqAnswer | null> {
    try {
      return await this.#run(context, verb, parameters, false);
    } catch (error) {
      if (error instanceof CliqRefusal && error.meaning === "not-found") return null;
      throw error;
    }
  }

  async #run(context: CallContext, verb: string, parameters: Parameters, changes: boolean): Promise<CliqAnswer> {
    const words = [verb, ...Object.entries(parameters).map(wordOf), "output=XML"];
    const timeout = parameters.searchDepth === WHOLE ? { timeoutMs: LISTING_TIMEOUT_MS } : {};
    const { stdout, exitCode } = await this.#ssh.run(context, words, { changes, answers: "all", ...timeout });
    const answer = parsed(verb, stdout, exitCode);
    const meaning = meaningOf(answer);
    if (meaning !== "done") throw new CliqRefusal(verb, answer, meaning);
    // The exit status says the same as the result. Where it does not, nobody knows which is right.
    if (exitCode !== null && exitCode > 8)
      throw new AnswerLost(`${verb} was answered with success and ended with ${exitCode}`);
    return answer;
  }
}

function missing(answer: CliqAnswer | null, what: string): null {
  if (answer === null) return null;
  throw new DriverError("unknown", `the answer tells no ${what}`);
}

function parsed(verb: string, stdout: string, exitCode: number | null): CliqAnswer {
  try {
    return parseAnswer(stdout);
  } catch (cause) {
    const ended = exitCode === null ? "without an exit status" : `with ${exitCode}`;
    throw new AnswerLost(`${verb} ended ${ended} and its answer cannot be read`, { cause });
  }
}

/** All values are the driver's own words, or checked ones. */
function wordOf([name, value]: [string, Parameters[string]]): Argument {
  if (value instanceof Secret) return new Secret(`${name}=${speakable(name, value.reveal())}`);
  return `${name}=${speakable(name, typeof value === "boolean" ? String(Number(value)) : String(value))}`;
}

/** CLIQ knows no way to say a quotation mark, and semicolons part the elements of lists. */
function speakable(name: string, text: string): string {
  if (/[";]/.test(text)) throw new DriverError("not-done", `CLIQ cannot be told such a ${name}`);
  return text;
}

/** How CLIQ reads its line: what has blanks stands in double quotes, and nothing else has a meaning. */
export function cliqQuoting(argument: string): string {
  const at = argument.indexOf("=");
  return /\s/.test(argument) ? `${argument.slice(0, at + 1)}"${argument.slice(at + 1)}"` : argument;
}
