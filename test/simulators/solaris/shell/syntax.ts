/** Of what a command line is made, as far as clients of a storage system write them: no functions, no globs. */

/** `quoted`: what a variable gives is one word and not split. */
export type WordPart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "variable"; readonly name: string; readonly quoted: boolean };

export interface Word {
  readonly parts: readonly WordPart[];
  /** `""` is a word, nothing is none. */
  readonly quoted: boolean;
}

export interface Redirection {
  readonly from: "stdin" | "stdout" | "stderr";
  readonly how: "read" | "write" | "append" | "to-stdout" | "to-stderr";
  readonly file: Word | null;
}

export interface SimpleCommand {
  readonly assignments: readonly { readonly name: string; readonly value: Word }[];
  readonly words: readonly Word[];
  readonly redirections: readonly Redirection[];
}

/** `for name in words; do body; done`. */
export interface Loop {
  readonly name: string;
  readonly over: readonly Word[];
  readonly body: readonly Step[];
}

/** `when`: what the one before must have come to. */
export interface Step {
  readonly when: "always" | "succeeded" | "failed";
  readonly pipeline: readonly (SimpleCommand | Loop)[];
}

/** What sh says of a line that it does not understand, without its own name before it. */
export class ShellSyntaxError extends Error {}
