/** What an answer has from a microversion on. */
export function since<T extends object>(minor: number, first: number, fields: T): T | Record<never, never> {
  return minor >= first ? fields : NOTHING;
}

const NOTHING: Record<never, never> = {};
