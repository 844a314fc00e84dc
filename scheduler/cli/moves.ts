import type { MoveAnswer, MoveView } from "#scheduler/api/operator/move-schemas.ts";
import { isErrorCode } from "#shared/errors.ts";
import { formatGib } from "#shared/units.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { Failure } from "./failure.ts";
import { parseWholeNumber } from "./key-value.ts";
import { typeable } from "./resolve.ts";
import type { Session } from "./session.ts";
import type { VolumeView } from "./views.ts";
import { readVolume, showVolume } from "./volumes.ts";
import { waitFor } from "./wait.ts";

export const BANDWIDTH = {
  type: "string",
  requiresArg: true,
  describe: "If it is copied: at most so many MiB a second",
} as const;

/** A copy of a large volume takes hours: more than other waits. */
export const MOVE_TIMEOUT = {
  type: "string",
  default: "86400",
  requiresArg: true,
  describe: "With --wait: at most so many seconds (exit code 6)",
} as const;

const BAR_WIDTH = 20;

export function bandwidthOf(text: string | undefined): { readonly bandwidthMibPerS?: number } {
  return text === undefined ? {} : { bandwidthMibPerS: parseWholeNumber(text, "--bandwidth") };
}

/** Shows a volume that is being moved, or, waited for, where it came to. Throws, with the reason, if it stayed. */
export async function showMoved(
  session: Session,
  begun: MoveAnswer,
  { wait, timeoutMs }: { readonly wait: boolean; readonly timeoutMs: number },
): Promise<void> {
  const volume = await readVolume(session, begun.id);
  if (begun.move === null) {
    showVolume(session, volume);
    return;
  }
  if (!wait) {
    showVolume(session, volume);
    session.output.remark(`It goes on: ${moveText(begun.move)}. Next: berth volume show ${begun.id}`);
    return;
  }
  const ended = await waitForMove(session, volume, timeoutMs);
  if (ended.lastError !== null) throw stayed(volume, ended);
  showVolume(session, await readVolume(session, begun.id));
}

async function waitForMove(session: Session, volume: VolumeView, timeoutMs: number): Promise<MoveAnswer> {
  return await waitFor(session, {
    what: `volume ${typeable(volume)}`,
    later: `berth volume show ${volume.id}`,
    timeoutMs,
    look: async () => {
      const seen = await readMove(session, volume.id);
      return seen.move === null ? { state: seen.status, settled: { value: seen } } : { state: moveText(seen.move) };
    },
  });
}

export async function readMove({ client }: Session, id: string): Promise<MoveAnswer> {
  return await client.get(client.operatorPath("volumes", id, "move"), (a) => a.MoveAnswer);
}

/** `copying to backup  [#####---------------] 25%, 2.5 of 10 GiB`. */
export function moveText({ phase, toBackend, doneBytes, totalBytes }: MoveView): string {
  if (phase !== "copying" || doneBytes === null || totalBytes === null || totalBytes === 0)
    return `${phase}, to ${toBackend}`;
  const share = Math.min(1, doneBytes / totalBytes);
  const filled = Math.floor(share * BAR_WIDTH);
  const bar = `[${"#".repeat(filled)}${"-".repeat(BAR_WIDTH - filled)}]`;
  return `copying to ${toBackend} ${bar} ${Math.floor(share * 100)}% of ${formatGib(totalBytes)}`;
}

function stayed(volume: VolumeView, { lastError, backend }: MoveAnswer): Failure {
  const code = lastError?.code ?? "";
  const message = `volume ${typeable(volume)} stayed on ${backend ?? "its backend"}: ${lastError?.message ?? "see its history"}`;
  return new Failure(isErrorCode(code) ? code : "E_BACKEND_FAILED", EXIT_CODES.failed, message, {
    next: `See \`berth volume history ${volume.id}\`.`,
    details: { id: volume.id },
  });
}
