import type { ArgumentsCamelCase, Argv } from "yargs";
import type { Everywhere, Session } from "./session.ts";

/** What yargs was built with so far, for the suggestions: its public `getOptions` is missing in its published types. */
declare module "yargs" {
  interface Argv<T> {
    getOptions(): { readonly key: Readonly<Record<string, unknown>>; readonly array: readonly string[] };
  }
}

export type Example = readonly [line: string, what: string];

/** What a command is, as its file declares it. */
export interface CommandDeclaration<A> {
  /** Its words and positionals as yargs has them, without the noun: `create <name> [description]`. */
  readonly usage: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** At least one, without the leading `berth`. */
  readonly examples: readonly [Example, ...Example[]];
  /** Its positionals and options, with their types. */
  readonly build: (yargs: Argv<Everywhere>) => Argv<A>;
  readonly run: (args: ArgumentsCamelCase<A>, session: Session) => Promise<void>;
}

/** What the program needs to offer a command: its types are closed in. */
export interface Command {
  readonly usage: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  readonly examples: readonly Example[];
  register(yargs: Argv<Everywhere>, host: CommandHost): Argv<Everywhere>;
}

/** What the program does around a command. */
export interface CommandHost {
  /** The command is being parsed: from now on words and options are its own. */
  entered(command: Command, yargs: Argv<Everywhere>): void;
  run(args: Everywhere, work: (session: Session) => Promise<void>): Promise<void>;
}

/** Lets a declaration be typed by itself, for those that have two spellings. */
export function declare<A extends Everywhere>(declaration: CommandDeclaration<A>): CommandDeclaration<A> {
  return declaration;
}

export function command<A extends Everywhere>(declaration: CommandDeclaration<A>): Command {
  const { usage, summary, examples, build, run } = declaration;
  const aliases = declaration.aliases ?? [];
  const made: Command = {
    usage,
    aliases,
    summary,
    examples,
    register: (yargs, host) =>
      yargs.command(
        [usage, ...aliases],
        summary,
        (inner) => {
          const words = positionalNames(usage);
          const before = new Set(Object.keys(inner.getOptions().key));
          const built = build(inner);
          host.entered(made, inner);
          const own = Object.keys(inner.getOptions().key).filter((name) => !before.has(name) && !words.includes(name));
          built.group(own, "Options:");
          return built.epilogue(examplesText(examples));
        },
        (args) => host.run(args, (session) => run(args, session)),
      ),
  };
  return made;
}

/** Each line whole, so that it can be copied. */
export function examplesText(examples: readonly Example[]): string {
  return ["Examples:", ...examples.map(([line, what]) => `  berth ${line}\n      ${what}`)].join("\n");
}

/** The first word of a usage: what a person types. */
export function commandWord({ usage }: Command): string {
  return usage.split(" ", 1)[0] ?? usage;
}

function positionalNames(usage: string): string[] {
  return [...usage.matchAll(/[<[](\w+)(?:\.\.)?[\]>]/g)].map(([, name]) => name ?? "");
}

/** The same command under an older spelling. */
export function respelled<A>(
  declaration: CommandDeclaration<A>,
  spelling: Pick<CommandDeclaration<A>, "usage" | "examples">,
): CommandDeclaration<A> {
  const { aliases: _, ...rest } = declaration;
  return { ...rest, ...spelling };
}
