import type { Argv } from "yargs";
import type { Everywhere } from "./session.ts";

export interface Level {
  /** The words that could stand here. */
  readonly words: readonly string[];
  /** How the command is written, once there is one. */
  readonly usage: string;
  /** The line that shows the help for what was typed so far. */
  readonly help: string;
}

/** How far the reading of a command line has come: for suggestions and for the help that fits. */
export class Place {
  #level: Level;
  #parser: Argv<Everywhere> | null = null;

  constructor(level: Level) {
    this.#level = level;
  }

  get level(): Level {
    return this.#level;
  }

  enter(level: Level, parser: Argv<Everywhere>): void {
    this.#level = level;
    this.#parser = parser;
  }

  /** Names of the options that are known here, without dashes. */
  get options(): readonly string[] {
    return Object.keys(this.#parser?.getOptions().key ?? {}).filter((name) => name.length > 1);
  }
}
