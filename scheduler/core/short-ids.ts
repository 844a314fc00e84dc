/**
 * The digits of a UUID that EC2's ids show: the last 17 that are random in version 4 (all but the variant's). Derived, so
 * that an object keeps its id for ever, whoever made it, and nothing need be remembered.
 */
export function shortIdOf(uuid: string): string {
  const digits = uuid.replaceAll("-", "");
  return digits.slice(14, 16) + digits.slice(17);
}

/** Whose short id is it? Of 2^68 hardly two are the same; if they are, both are told, and neither is meant. */
export class ShortIds {
  readonly #uuids = new Map<string, string | readonly string[]>();

  add(uuid: string): void {
    const key = shortIdOf(uuid);
    const known = this.find(key).filter((other) => other !== uuid);
    this.#uuids.set(key, known.length === 0 ? uuid : [...known, uuid]);
  }

  remove(uuid: string): void {
    const key = shortIdOf(uuid);
    const left = this.find(key).filter((other) => other !== uuid);
    if (left.length === 0) this.#uuids.delete(key);
    else this.#uuids.set(key, left);
  }

  find(shortId: string): readonly string[] {
    const found = this.#uuids.get(shortId);
    if (found === undefined) return [];
    return typeof found === "string" ? [found] : found;
  }
}
