import { Secret } from "#shared/secret.ts";
import { DriverError } from "../../drivers/driver.ts";

/** One argument; as a `Secret` it stands in no log and no error. */
export type Argument = string | Secret;

/** How a system reads its command line: SSH carries one string, never an array. */
export type Quoting = (argument: string) => string;

/** For a POSIX shell: what is in single quotes is taken as it is. */
export const posixQuoting: Quoting = (argument) =>
  /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;

/**
 * The command line of these arguments: the only place where one is made.
 * @throws DriverError `not-done` for a character that no command line can hold
 */
export function commandLine(args: readonly Argument[], quoting: Quoting): string {
  return args
    .map((argument) => quoting(speakable(argument instanceof Secret ? argument.reveal() : argument)))
    .join(" ");
}

/** The same for people: secrets hidden. */
export function printableLine(args: readonly Argument[]): string {
  return args.map((argument) => (argument instanceof Secret ? "[secret]" : posixQuoting(argument))).join(" ");
}

function speakable(argument: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
  if (/[\u0000-\u001f\u007f]/.test(argument))
    throw new DriverError("not-done", "an argument with a control character cannot be said over SSH");
  return argument;
}
