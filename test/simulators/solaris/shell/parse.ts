import {
  type Loop,
  type Redirection,
  ShellSyntaxError,
  type SimpleCommand,
  type Step,
  type Word,
  type WordPart,
} from "./syntax.ts";

type Token = { readonly kind: "word"; readonly word: Word } | { readonly kind: "operator"; readonly text: string };

const OPERATORS = ["&&", "||", ">>", ";", "|", "&", "<", ">", "\n", "(", ")"] as const;
const ASSIGNMENT = /^([A-Za-z_]\w*)=/;

/** Reads a line as sh does. @throws ShellSyntaxError */
export function parseLine(line: string): Step[] {
  return new Grammar([...tokens(line)]).steps();
}

class Grammar {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(all: readonly Token[]) {
    this.#tokens = all;
  }

  /** `until`: the word that ends them; null: the end of the line. */
  steps(until: string | null = null): Step[] {
    const steps: Step[] = [];
    let when: Step["when"] = "always";
    while (until === null ? this.#peek() !== null : !this.#takeWord(until)) {
      if (this.#takeOperator(";") || this.#takeOperator("\n")) continue;
      steps.push({ when, pipeline: this.#pipeline() });
      if (this.#takeOperator("&&")) when = "succeeded";
      else if (this.#takeOperator("||")) when = "failed";
      else if (this.#peek() === null || this.#takeOperator(";") || this.#takeOperator("\n")) when = "always";
      else throw unexpected(this.#peek());
      if (when !== "always" && this.#peek() === null) throw unexpected(null);
    }
    return steps;
  }

  #pipeline(): (SimpleCommand | Loop)[] {
    const commands = [this.#loop() ?? this.#command()];
    while (this.#takeOperator("|")) commands.push(this.#loop() ?? this.#command());
    return commands;
  }

  #loop(): Loop | null {
    if (!this.#takeWord("for")) return null;
    const name = plainText(this.#word());
    if (name === null || !this.#takeWord("in")) throw unexpected(this.#peek());
    const over: Word[] = [];
    while (this.#peek()?.kind === "word") over.push(this.#word());
    while (this.#takeOperator(";") || this.#takeOperator("\n"));
    if (!this.#takeWord("do")) throw unexpected(this.#peek());
    return { name, over, body: this.steps("done") };
  }

  #takeWord(text: string): boolean {
    const token = this.#peek();
    if (token?.kind !== "word" || plainText(token.word) !== text) return false;
    this.#at += 1;
    return true;
  }

  #command(): SimpleCommand {
    const assignments: { name: string; value: Word }[] = [];
    const words: Word[] = [];
    const redirections: Redirection[] = [];
    for (;;) {
      const token = this.#peek();
      if (token?.kind === "operator" && ["<", ">", ">>"].includes(token.text)) {
        this.#at += 1;
        redirections.push(this.#redirection("", token.text));
        continue;
      }
      if (token?.kind !== "word") break;
      this.#at += 1;
      const next = this.#peek();
      const text = plainText(token.word);
      if (text !== null && /^[012]$/.test(text) && next?.kind === "operator" && [">", ">>", "<"].includes(next.text)) {
        this.#at += 1;
        redirections.push(this.#redirection(text, next.text));
      } else {
        const assigned = words.length === 0 ? assignment(token.word) : null;
        if (assigned === null) words.push(token.word);
        else assignments.push(assigned);
      }
    }
    if (assignments.length + words.length + redirections.length === 0) throw unexpected(this.#peek());
    return { assignments, words, redirections };
  }

  #redirection(number: string, operator: string): Redirection {
    const from = operator === "<" ? "stdin" : number === "2" ? "stderr" : "stdout";
    if (this.#takeOperator("&")) {
      const target = this.#word();
      const to = plainText(target);
      if (to !== "1" && to !== "2") throw new ShellSyntaxError("bad file descriptor");
      return { from, how: to === "1" ? "to-stdout" : "to-stderr", file: null };
    }
    const how = operator === "<" ? "read" : operator === ">>" ? "append" : "write";
    return { from, how, file: this.#word() };
  }

  #word(): Word {
    const token = this.#peek();
    if (token?.kind !== "word") throw unexpected(token);
    this.#at += 1;
    return token.word;
  }

  #peek(): Token | null {
    return this.#tokens[this.#at] ?? null;
  }

  #takeOperator(text: string): boolean {
    const token = this.#peek();
    if (token?.kind !== "operator" || token.text !== text) return false;
    this.#at += 1;
    return true;
  }
}

function* tokens(line: string): Iterable<Token> {
  const reader = new WordReader(line);
  for (;;) {
    reader.skipBlanks();
    if (reader.ended) return;
    const operator = OPERATORS.find((text) => reader.startsWith(text));
    if (operator === undefined) yield { kind: "word", word: reader.word() };
    else {
      reader.skip(operator.length);
      yield { kind: "operator", text: operator };
    }
  }
}

class WordReader {
  readonly #line: string;
  #at = 0;

  constructor(line: string) {
    this.#line = line;
  }

  get ended(): boolean {
    return this.#at >= this.#line.length;
  }

  startsWith(text: string): boolean {
    return this.#line.startsWith(text, this.#at);
  }

  skip(count: number): void {
    this.#at += count;
  }

  skipBlanks(): void {
    while (!this.ended && /[ \t\r]/.test(this.#line.charAt(this.#at))) this.#at += 1;
    if (this.startsWith("#")) while (!this.ended && !this.startsWith("\n")) this.#at += 1;
  }

  word(): Word {
    const parts: WordPart[] = [];
    let quoted = false;
    while (!this.ended && !/[ \t\r\n;|&<>()]/.test(this.#line.charAt(this.#at))) {
      const character = this.#line.charAt(this.#at);
      if (character === "'") {
        quoted = true;
        parts.push({ kind: "text", text: this.#until("'") });
      } else if (character === '"') {
        quoted = true;
        parts.push(...this.#doubleQuoted());
      } else if (character === "\\") {
        parts.push({ kind: "text", text: this.#line.charAt(this.#at + 1) });
        this.#at += 2;
      } else if (character === "$") parts.push(this.#variable(false));
      else if (character === "`") throw new ShellSyntaxError("command substitution is not simulated");
      else {
        parts.push({ kind: "text", text: character });
        this.#at += 1;
      }
    }
    return { parts, quoted };
  }

  #until(end: string): string {
    const from = this.#at + 1;
    const to = this.#line.indexOf(end, from);
    if (to < 0) throw new ShellSyntaxError(`syntax error: unterminated quoted string`);
    this.#at = to + 1;
    return this.#line.slice(from, to);
  }

  #doubleQuoted(): WordPart[] {
    const parts: WordPart[] = [];
    let text = "";
    this.#at += 1;
    while (!this.startsWith('"')) {
      if (this.ended) throw new ShellSyntaxError(`syntax error: unterminated quoted string`);
      const character = this.#line.charAt(this.#at);
      if (character === "\\" && /["\\$`]/.test(this.#line.charAt(this.#at + 1))) {
        text += this.#line.charAt(this.#at + 1);
        this.#at += 2;
      } else if (character === "$") {
        parts.push({ kind: "text", text }, this.#variable(true));
        text = "";
      } else {
        text += character;
        this.#at += 1;
      }
    }
    this.#at += 1;
    return [...parts, { kind: "text", text }];
  }

  #variable(quoted: boolean): WordPart {
    const rest = this.#line.slice(this.#at + 1);
    const [whole = "", braced, bare] = /^(?:\{(\w+|[@?#])\}|([A-Za-z_]\w*|[0-9@?#]))/.exec(rest) ?? [];
    const name = braced ?? bare;
    if (rest.startsWith("(")) throw new ShellSyntaxError("command substitution is not simulated");
    this.#at += 1 + whole.length;
    return name === undefined ? { kind: "text", text: "$" } : { kind: "variable", name, quoted };
  }
}

/** null: it is not only text, or quoted. */
function plainText({ parts, quoted }: Word): string | null {
  if (quoted) return null;
  return parts.reduce<string | null>(
    (all, part) => (all === null || part.kind !== "text" ? null : all + part.text),
    "",
  );
}

/** `name=value`: the name in plain text, the value whatever it is. */
function assignment(word: Word): { name: string; value: Word } | null {
  let head = "";
  for (const [index, part] of word.parts.entries()) {
    if (part.kind !== "text") return null;
    head += part.text;
    const [whole, name] = ASSIGNMENT.exec(head) ?? [];
    if (whole === undefined || name === undefined) continue;
    const rest: WordPart[] = [{ kind: "text", text: head.slice(whole.length) }, ...word.parts.slice(index + 1)];
    return { name, value: { parts: rest, quoted: true } };
  }
  return null;
}

function unexpected(token: Token | null): ShellSyntaxError {
  const what = token === null ? "end of file" : token.kind === "word" ? "word" : `"${token.text}"`;
  return new ShellSyntaxError(`syntax error: ${what} unexpected`);
}
