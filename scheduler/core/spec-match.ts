import type { PropertyValue } from "#shared/model/extra-specs.ts";

/** One value of a backend: an element, where it reports a list. */
export type Scalar = Exclude<PropertyValue, readonly string[]>;

/** Whether what a backend reports is what an extra spec asks for. */
export type SpecTest = (reported: PropertyValue) => boolean;

/**
 * Reads an extra spec's value by the field's rules (Cinder's `extra_specs_ops`), once: the first word is the operator, the
 * next is compared, more are let be; without an operator that is known, the whole text must be equal. `=` means `>=`. A
 * list is met by any of its elements, except by `<all-in>`, which is about all of them.
 */
export function compileSpec(wanted: string): SpecTest {
  const [operator = "", ...words] = wanted.split(/\s+/).filter((word) => word !== "");
  if (operator === "<all-in>") return (reported) => words.length > 0 && words.every((word) => holds(reported, word));
  const test = scalarTest(operator, words, wanted);
  return (reported) => (Array.isArray(reported) ? reported.some(test) : test(reported));
}

function scalarTest(operator: string, words: readonly string[], wanted: string): (value: Scalar) => boolean {
  if (operator === "<or>") {
    const choices = new Set(words.filter((_, place) => place % 2 === 0));
    return (value) => typeof value === "string" && choices.has(value);
  }
  const compare = Object.hasOwn(COMPARISONS, operator) ? COMPARISONS[operator] : undefined;
  if (compare === undefined) return (value) => equals(value, wanted);
  const [word] = words;
  return word === undefined ? () => false : (value) => compare(value, word);
}

type Comparison = (value: Scalar, word: string) => boolean;

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  "=": numbers((a, b) => a >= b),
  "==": numbers((a, b) => a === b),
  "!=": numbers((a, b) => a !== b),
  ">=": numbers((a, b) => a >= b),
  "<=": numbers((a, b) => a <= b),
  "s==": texts((order) => order === 0),
  "s!=": (value, word) => value !== word,
  "s<": texts((order) => order < 0),
  "s<=": texts((order) => order <= 0),
  "s>": texts((order) => order > 0),
  "s>=": texts((order) => order >= 0),
  "<in>": (value, word) => typeof value === "string" && value.includes(word),
  "<is>": (value, word) => isTrueText(String(value)) === isTrueText(word),
};

/** What is no number compares with nothing. */
function numbers(compare: (a: number, b: number) => boolean): Comparison {
  return (value, word) => {
    const [a, b] = [readNumber(value), readNumber(word)];
    return a !== null && b !== null && compare(a, b);
  };
}

function texts(accepts: (order: number) => boolean): Comparison {
  return (value, word) => typeof value === "string" && accepts(byCodePoints(value, word));
}

/** As numbers are written in extra specs everywhere: decimal, or `inf` and its like. */
function readNumber(value: Scalar): number | null {
  if (typeof value !== "string") return Number(value);
  const text = value.trim().toLowerCase();
  if (/^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/.test(text)) return Number(text);
  if (/^[+-]?inf(inity)?$/.test(text))
    return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return text === "nan" ? Number.NaN : null;
}

/** UTF-16 would sort an emoji before U+FFFD. */
function byCodePoints(one: string, other: string): number {
  const [a, b] = [[...one], [...other]];
  for (let n = 0; n < Math.min(a.length, b.length); n++) {
    const difference = (a[n]?.codePointAt(0) ?? 0) - (b[n]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function holds(reported: PropertyValue, word: string): boolean {
  return typeof reported === "string" || Array.isArray(reported) ? reported.includes(word) : false;
}

function equals(value: Scalar, wanted: string): boolean {
  if (typeof value !== "boolean") return value === wanted;
  return value ? isTrueText(wanted) : isFalseText(wanted);
}

export function isTrueText(text: string): boolean {
  return ["1", "t", "true", "on", "y", "yes"].includes(text.trim().toLowerCase());
}

function isFalseText(text: string): boolean {
  return ["0", "f", "false", "off", "n", "no"].includes(text.trim().toLowerCase());
}
