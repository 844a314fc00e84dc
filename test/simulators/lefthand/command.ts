import type { Arguments } from "./arguments.ts";
import type { Element } from "./element.ts";
import type { Group } from "./group.ts";

export interface Command {
  /** As the manual writes it. */
  readonly name: string;
  readonly required: readonly string[];
  readonly optional: readonly string[];
  /** Takes a list of these, and is done for each. */
  readonly listed?: readonly string[];
  /** Asks before it is done, unless `prompt` is off. */
  readonly asks?: boolean;
  /** What is told beside the result. Throws CliqFailure. */
  run(group: Group, given: Arguments): Promise<Element[]>;
}

export const NOTHING_TO_TELL: Element[] = [];
