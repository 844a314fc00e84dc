/** The field tells a name that was not given as null. */
export function textOf(text: string): string | null {
  return text === "" ? null : text;
}
