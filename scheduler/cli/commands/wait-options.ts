/** Options and positionals that several commands have, with one meaning. */

export const VOLUME = { type: "string", demandOption: true, describe: "Id or name" } as const;

export const WAIT = { type: "boolean", describe: "Come back when it is done" } as const;

export const TIMEOUT = {
  type: "string",
  default: "300",
  requiresArg: true,
  describe: "With --wait: at most so many seconds (exit code 6)",
} as const;
export const GROUP = { type: "string", demandOption: true, describe: "Id or name of the group" } as const;
