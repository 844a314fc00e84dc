import type { CommandAnswer, CommandSession } from "../kit/ssh-server.ts";
import { ACCESS_COMMANDS } from "./access-commands.ts";
import { type Ended, printText, printXml, warned } from "./answer.ts";
import { runsOf } from "./arguments.ts";
import type { Command } from "./command.ts";
import { type CommandLine, GLOBAL_PARAMETERS, parseCommandLine } from "./command-line.ts";
import type { Element } from "./element.ts";
import type { Group } from "./group.ts";
import { GROUP_COMMANDS } from "./group-commands.ts";
import { CliqFailure, type CliqResult, DOCUMENTED, type ResultName, resultOf } from "./results.ts";
import { SERVER_COMMANDS } from "./server-commands.ts";
import { SNAPSHOT_COMMANDS } from "./snapshot-commands.ts";
import { VOLUME_COMMANDS } from "./volume-commands.ts";

const COMMANDS: ReadonlyMap<string, Command> = new Map(
  [...VOLUME_COMMANDS, ...SNAPSHOT_COMMANDS, ...ACCESS_COMMANDS, ...SERVER_COMMANDS, ...GROUP_COMMANDS].map(
    (command) => [command.name.toLowerCase(), command],
  ),
);
const DONE = "Operation succeeded.";
const QUESTION = "This operation is potentially irreversible.  Are you sure? (y/n) ";

/** The command line interface of a node: one line in, one answer out. */
export class Cliq {
  readonly #group: Group;

  constructor(group: Group) {
    this.#group = group;
  }

  /** The manual's spelling of the command that a line is; what it is not, as it was written. */
  methodOf(line: string): string {
    try {
      const { verb } = parseCommandLine(line);
      return COMMANDS.get(verb.toLowerCase())?.name ?? verb;
    } catch {
      return "";
    }
  }

  async run(line: string, session: CommandSession): Promise<CommandAnswer> {
    const startedAt = performance.now();
    const ended = await this.#end(line, session);
    return this.#print(line, { ...ended, processingMs: performance.now() - startedAt });
  }

  /** What any command is answered while the group has too much to do. */
  busy(line: string): CommandAnswer {
    const result = this.#result("busy");
    return this.#print(line, {
      result,
      description: "The system is busy. Try again later.",
      processingMs: 0,
      told: [],
    });
  }

  async #end(line: string, session: CommandSession): Promise<Omit<Ended, "processingMs">> {
    try {
      const told = await this.#execute(parseCommandLine(line), session);
      return { result: DOCUMENTED.success, description: DONE, told };
    } catch (error) {
      if (error instanceof ToldWithWarning)
        return { result: this.#result(error.result), description: error.message, told: error.told };
      if (error instanceof Ordered) return { result: error.result, description: error.message, told: [] };
      if (error instanceof CliqFailure)
        return { result: this.#result(error.result), description: error.message, told: [] };
      throw error;
    }
  }

  async #execute({ verb, parameters }: CommandLine, session: CommandSession): Promise<Element[]> {
    const { faults } = this.#group;
    const command = COMMANDS.get(verb.toLowerCase());
    if (command === undefined || faults.take("old-release", command.name) !== null)
      throw new CliqFailure("unrecognizedCommand", `The command '${verb}' is unrecognized.`);
    const ordered = faults.take("failure", command.name)?.value;
    if (ordered !== undefined) throw Ordered.parse(String(ordered));
    for (const name of command.required)
      if ((parameters.get(name.toLowerCase()) ?? "") === "")
        throw new CliqFailure("missingParameter", `The parameter '${name}' is missing.`);
    const runs = runsOf(parameters, command.listed ?? []);
    if (command.asks === true && (runs[0]?.flag("prompt", true) ?? true)) await confirm(session);
    const told: Element[] = [];
    for (const given of runs) told.push(...(await command.run(this.#group, given)));
    const known = new Set([...command.required, ...command.optional].map((name) => name.toLowerCase()));
    const ignored = [...parameters.keys()].filter((name) => !known.has(name) && !GLOBAL_PARAMETERS.has(name));
    if (ignored.length > 0) throw new ToldWithWarning("parameterIgnored", `Ignored: ${ignored.join(", ")}.`, told);
    return told;
  }

  #result(name: ResultName): CliqResult {
    return resultOf(name, this.#group.faults.get("own-codes") !== null);
  }

  #print(line: string, made: Ended): CommandAnswer {
    const { faults } = this.#group;
    const method = this.methodOf(line);
    const ended = warned(made, faults, method);
    const status = faults.take("exit-zero", method) === null ? ended.result.exit : 0;
    const exitCode = faults.take("no-exit-status", method) === null ? status : "none";
    const noise = faults.take("noise", method) === null ? "" : "java.util.prefs.WARNING: no user prefs\n";
    const silent = faults.take("no-output", method) !== null;
    const print = asksForXml(line) ? printXml : printText;
    return { stdout: silent ? "" : print(ended, faults, method), stderr: noise, exitCode };
  }
}

async function confirm(session: CommandSession): Promise<void> {
  session.write(QUESTION);
  const answer = (await session.readLine())?.trim().toLowerCase();
  if (answer !== "y" && answer !== "yes")
    throw new CliqFailure("operationAbandoned", "Operation was cancelled or abandoned.");
}

function asksForXml(line: string): boolean {
  return /(?:^|\s)output="?xml"?(?:\s|$)/i.test(line);
}

/** Done, with something to say about it. */
class ToldWithWarning extends Error {
  readonly result: ResultName;
  readonly told: readonly Element[];

  constructor(result: ResultName, description: string, told: readonly Element[]) {
    super(description);
    this.result = result;
    this.told = told;
  }
}

/** A failure that was ordered from outside: `8000100a CliqSomething 137 What it says.` */
class Ordered extends Error {
  readonly result: CliqResult;

  private constructor(result: CliqResult, description: string) {
    super(description);
    this.result = result;
  }

  static parse(words: string): Ordered {
    const [code = "80001001", name = "CliqUnexpected", exit = "128", ...description] = words.split(" ");
    return new Ordered({ code, name, exit: Number(exit) }, description.join(" "));
  }
}
