/** Options as getopt reads them: before the first operand, values apart or attached, `--` ends them. */
export interface Options {
  readonly flags: ReadonlySet<string>;
  values(letter: string): readonly string[];
  value(letter: string): string | undefined;
  readonly operands: readonly string[];
}

export class BadOption extends Error {
  readonly letter: string;
  readonly missesValue: boolean;

  constructor(letter: string, missesValue: boolean) {
    super(`bad option ${letter}`);
    this.letter = letter;
    this.missesValue = missesValue;
  }
}

/** `spec` as getopt has it: letters, those with values have a colon behind. @throws BadOption */
export function readOptions(args: readonly string[], spec: string): Options {
  const flags = new Set<string>();
  const values = new Map<string, string[]>();
  let at = 0;
  for (; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (arg === "--") {
      at += 1;
      break;
    }
    if (!arg.startsWith("-") || arg === "-") break;
    for (let index = 1; index < arg.length; index++) {
      const letter = arg.charAt(index);
      const place = spec.indexOf(letter);
      if (place < 0) throw new BadOption(letter, false);
      if (spec.charAt(place + 1) !== ":") {
        flags.add(letter);
        continue;
      }
      const attached = arg.slice(index + 1);
      const value = attached === "" ? args[++at] : attached;
      if (value === undefined) throw new BadOption(letter, true);
      values.set(letter, [...(values.get(letter) ?? []), value]);
      break;
    }
  }
  return {
    flags,
    values: (letter) => values.get(letter) ?? [],
    value: (letter) => values.get(letter)?.at(-1),
    operands: args.slice(at),
  };
}
