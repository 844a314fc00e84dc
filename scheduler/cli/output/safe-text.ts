/**
 * Text that users chose (names, descriptions, an error of a storage system) may hold what makes a terminal act or
 * shows lines in another order. Nothing of that reaches a terminal.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff]|\p{Surrogate}/gu;
const BREAKS = /\s+/gu;
/** What JSON leaves as it is and a terminal would act on. Such characters stand only inside of JSON's strings. */
const UNSAFE_IN_JSON = /[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff]/gu;

/** One line, without control characters. */
export function safeText(text: string): string {
  return text.replace(BREAKS, " ").replace(UNSAFE, "");
}

/** One document, two spaces of indent (or, with 0, one line); the same value when parsed. */
export function safeJson(value: unknown, indent: 2 | 0 = 2): string {
  return JSON.stringify(value, null, indent).replace(
    UNSAFE_IN_JSON,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
