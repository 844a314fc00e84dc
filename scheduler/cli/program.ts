import yargs, { type Argv } from "yargs";
import { type Command, type CommandHost, commandWord, type Example, examplesText } from "./command.ts";
import { EXIT_CODE_MEANINGS, EXIT_CODES, type ExitCode } from "./exit-codes.ts";
import { asFailure, type Failure } from "./failure.ts";
import { NOUNS, type Noun } from "./nouns.ts";
import { withEverywhere } from "./options.ts";
import { failureJson, failureText } from "./output/failure-text.ts";
import { paintFor } from "./output/style.ts";
import { Place } from "./place.ts";
import { createSession, type Everywhere } from "./session.ts";
import type { Terminal } from "./terminal.ts";
import { refuseRepeated, usageError } from "./usage-errors.ts";

const WIDEST_HELP = 110;

const EXAMPLES: readonly Example[] = [
  [
    "volume create --flavor gold --size 10 --zone north --name data --wait",
    "Create, and come back when it can be used",
  ],
  ["volume explain data", "Why is it on that backend?"],
  ["backend add gold file path=/srv/gold capacity_gib=500 --zone north", "Declare storage"],
  ["status", "Is all well?"],
];

/** One call of `berth`: everything it says goes to the terminal, what it ends with is returned. It does not throw. */
export async function runBerth(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const place = new Place({ words: Object.keys(NOUNS), usage: "berth <noun> <verb>", help: "berth --help" });
  try {
    await new Program(terminal, place).run(argv[0] === "help" ? [...argv.slice(1), "--help"] : argv);
    return EXIT_CODES.ok;
  } catch (error) {
    const failure = asFailure(error);
    report(failure, place, argv, terminal);
    return failure.exitCode;
  }
}

class Program {
  readonly #terminal: Terminal;
  readonly #place: Place;

  constructor(terminal: Terminal, place: Place) {
    this.#terminal = terminal;
    this.#place = place;
  }

  async run(argv: readonly string[]): Promise<void> {
    const parser = withEverywhere(yargs([...argv]));
    this.#place.enter(this.#place.level, parser);
    for (const [name, noun] of Object.entries(NOUNS))
      this.#offer(parser, name, noun, argv.includes(name) ? await noun.load() : []);
    parser
      .usage("$0 <noun> <verb>: volumes on many storage systems, placed first-fit")
      .epilogue(`${examplesText(EXAMPLES)}\n\n${exitCodeTable()}`)
      .wrap(Math.min(WIDEST_HELP, this.#terminal.out.columns))
      .completion("completion", "Print the completion script for bash or zsh")
      .demandCommand(1, "say what to do")
      .check((args) => refuseRepeated(args, parser.getOptions().array))
      .fail((message, error) => {
        throw isParserError(error) ? usageError(message, argv, this.#place) : error;
      });
    const printed = argv.length === 0 ? await parser.getHelp() : await parsed(parser, argv);
    if (printed !== "") this.#terminal.out.write(`${printed}\n`);
  }

  /** A noun that was not typed is only listed. */
  #offer(parser: Argv<Everywhere>, name: string, noun: Noun, commands: readonly Command[]): void {
    if (commands.length === 0) parser.command(name, noun.summary);
    else if (noun.isCommand) for (const command of commands) command.register(parser, this.#host(""));
    else this.#offerVerbs(parser, name, noun, commands);
  }

  #offerVerbs(parser: Argv<Everywhere>, name: string, noun: Noun, commands: readonly Command[]): void {
    const words = commands.flatMap((command) => [commandWord(command), ...command.aliases]);
    parser.command(name, noun.summary, (inner) => {
      this.#place.enter({ words, usage: `berth ${name} <verb>`, help: `berth ${name} --help` }, inner);
      inner.usage(`$0 ${name} <verb>: ${noun.summary}`).demandCommand(1, `say what to do: ${words.join(", ")}`);
      for (const command of commands) command.register(inner, this.#host(`${name} `));
      return inner;
    });
  }

  #host(prefix: string): CommandHost {
    return {
      entered: (command, inner) => {
        const help = `berth ${prefix}${commandWord(command)} --help`;
        this.#place.enter({ words: [], usage: `berth ${prefix}${command.usage}`, help }, inner);
      },
      run: (args, work) => work(createSession(args, this.#terminal)),
    };
  }
}

/** yargs runs the command and hands over what it would have printed itself: help, version, completions. */
async function parsed(parser: Argv<Everywhere>, argv: readonly string[]): Promise<string> {
  let printed = "";
  await parser.parseAsync([...argv], {}, (_error, _args, output) => {
    printed += output;
  });
  return printed;
}

/** yargs calls without an error, or with one of its own, when the words are wrong; else the command has failed. */
function isParserError(error: Error | null | undefined): boolean {
  return error === null || error === undefined || error.name === "YError";
}

function exitCodeTable(): string {
  const codes: Readonly<Record<string, number>> = EXIT_CODES;
  const rows = Object.entries(EXIT_CODE_MEANINGS).map(
    ([name, meaning]) => `  ${String(codes[name]).padStart(3)}  ${meaning}`,
  );
  return ["Exit codes:", ...rows].join("\n");
}

/** The words tell how to report, for reading them may not have come to the options. */
function report(failure: Failure, { level }: Place, argv: readonly string[], terminal: Terminal): void {
  const paint = paintFor(terminal.err, terminal.env, argv.includes("--no-color"));
  terminal.err.write(
    argv.includes("--json") ? failureJson(failure, level.help) : failureText(failure, level.help, paint),
  );
}
