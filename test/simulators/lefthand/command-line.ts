import { CliqFailure } from "./results.ts";

/** A command as CLIQ reads it: names regardless of case and order, values as they were written. */
export interface CommandLine {
  /** As it was written. */
  readonly verb: string;
  /** By lower-case names. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Of every command: how to answer, and what the program outside of the array needs to log in. */
export const GLOBAL_PARAMETERS: ReadonlySet<string> = new Set(["output", "login", "username", "password", "key"]);

/** @throws CliqFailure for what is no command */
export function parseCommandLine(line: string): CommandLine {
  const [first, ...rest] = wordsOf(line);
  if (first === undefined) throw new CliqFailure("missingMethod", "The command method is missing.");
  const verb = first.includes("=") ? null : first;
  const parameters = new Map<string, string>();
  for (const word of verb === null ? [first, ...rest] : rest) {
    const at = word.indexOf("=");
    if (at <= 0) throw new CliqFailure("parameterFormat", `The parameter '${word}' is not specified correctly.`);
    const name = word.slice(0, at).toLowerCase();
    if (parameters.has(name)) throw new CliqFailure("parameterRepeat", `The parameter '${name}' is repeated.`);
    parameters.set(name, word.slice(at + 1));
  }
  const method = verb ?? parameters.get("method");
  if (method === undefined || method === "") throw new CliqFailure("missingMethod", "The command method is missing.");
  parameters.delete("method");
  return { verb: method, parameters };
}

/** Words stand apart by blanks; double quotes hold blanks together and are no part of the word. */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quoted = false;
  for (const char of line) {
    if (char === '"') {
      quoted = !quoted;
      word ??= "";
    } else if (/\s/.test(char) && !quoted) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? "") + char;
  }
  if (quoted) throw new CliqFailure("parameterFormat", "A quotation mark is missing.");
  if (word !== null) words.push(word);
  return words;
}
