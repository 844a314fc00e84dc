import { usageFailure } from "./failure.ts";
import type { Session } from "./session.ts";

export const YES = { type: "boolean", describe: "Do it without asking" } as const;

/** Asks a person, unless `yes` was said before. Where nobody can be asked, `--yes` is needed. */
export async function confirmed({ terminal, output }: Session, question: string, yes: boolean): Promise<boolean> {
  if (yes) return true;
  if (terminal.ask === null)
    throw usageFailure("nobody can be asked here", "Look at what it would do, then add --yes.");
  const answer = await terminal.ask(`${question} [y/N] `);
  const agreed = /^y(es)?$/i.test(answer.trim());
  if (!agreed) output.remark("Nothing was changed.");
  return agreed;
}
