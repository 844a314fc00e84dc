import { confirmed } from "./confirm.ts";
import { stateTone } from "./output/style.ts";
import { typeable } from "./resolve.ts";
import type { Session } from "./session.ts";

/** Backends are listed for it. */
const DEADLINE_MS = 600_000;

export const TO = {
  choices: ["available", "error"] as const,
  demandOption: true,
  requiresArg: true,
  describe: "What it is",
} as const;
export const REASON = {
  type: "string",
  demandOption: true,
  requiresArg: true,
  describe: "Why; kept with it, with who said it",
} as const;

interface ToReset {
  readonly kind: "volume" | "snapshot";
  readonly id: string;
  readonly name: string;
  readonly status: string;
}

/** Asks the person, then has the scheduler look at the backend and record who says it and why. */
export async function resetObject(
  session: Session,
  object: ToReset,
  { to, reason, yes }: { readonly to: "available" | "error"; readonly reason: string; readonly yes: boolean },
): Promise<void> {
  const { client, output, terminal } = session;
  const what = object.kind === "volume" ? "Volume" : "Snapshot";
  const question = `${what} ${typeable(object)} is ${object.status}. Say that it is ${to}, if the backend agrees?`;
  if (!(await confirmed(session, question, yes))) return;
  const path = client.operatorPath(`${object.kind}s`, object.id, "reset");
  const by = `${terminal.env.USER || terminal.env.LOGNAME || "someone"}@${terminal.hostname}`;
  const body = { to, reason, by };
  const answer = await client.ask("POST", path, body, (a) => a.ResetAnswer, { deadlineMs: DEADLINE_MS });
  output.result({
    json: answer,
    ids: [answer.id],
    text: () =>
      output.fields([
        ["id", answer.id],
        ["status", { text: answer.status, tone: stateTone(answer.status) }],
        ["size", `${answer.sizeGib} GiB`],
        ["backend", answer.backend],
        ["reset", `from ${answer.reset.from} by ${answer.reset.by}: ${answer.reset.reason}`],
      ]),
  });
}
