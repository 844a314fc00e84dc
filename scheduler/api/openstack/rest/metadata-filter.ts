import { BerthError } from "#shared/errors.ts";

const OPEN = /\s*\{\s*/y;
const TEXT = /u?(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*/y;
const COLON = /:\s*/y;
const COMMA = /,\s*/y;
const CLOSE = /\}\s*$/y;

/** Reads `{'key': 'value', …}`: the field's clients send Python's way of writing it, others JSON's. */
export function readMetadataFilter(text: string, name = "metadata"): Record<string, string> {
  const reader = new Reader(name, text.slice(0, 4096));
  const pairs: Record<string, string> = {};
  reader.take(OPEN);
  while (!reader.tryTake(CLOSE)) {
    const key = reader.text();
    reader.take(COLON);
    Object.defineProperty(pairs, key, { value: reader.text(), enumerable: true, configurable: true });
    if (reader.tryTake(COMMA)) continue;
    reader.take(CLOSE);
    break;
  }
  return pairs;
}

class Reader {
  readonly #name: string;
  readonly #text: string;
  #at = 0;

  constructor(name: string, text: string) {
    this.#name = name;
    this.#text = text;
  }

  text(): string {
    const match = this.take(TEXT);
    return (match[1] ?? match[2] ?? "").replace(/\\(.)/g, "$1");
  }

  take(token: RegExp): RegExpExecArray {
    const match = this.tryTake(token);
    if (match === null) throw new BerthError("E_BAD_REQUEST", `${this.#name} must have the form {'key':'value'}`);
    return match;
  }

  tryTake(token: RegExp): RegExpExecArray | null {
    token.lastIndex = this.#at;
    const match = token.exec(this.#text);
    if (match !== null) this.#at = token.lastIndex;
    return match;
  }
}
