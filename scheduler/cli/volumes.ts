import { isErrorCode } from "#shared/errors.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { Failure, ifOperator } from "./failure.ts";
import { refusalText } from "./output/placement-text.ts";
import { stateTone } from "./output/style.ts";
import { typeable } from "./resolve.ts";
import type { Session } from "./session.ts";
import { instantText, type VolumeView, volumeView } from "./views.ts";
import { waitFor } from "./wait.ts";

export async function readVolume({ client }: Session, id: string): Promise<VolumeView> {
  return volumeView((await client.get(client.volumesPath("volumes", id), (a) => a.VolumeAnswer)).volume);
}

/** `lastError`: why it is not at rest, where that was asked for. */
export function showVolume({ output }: Session, volume: VolumeView, lastError: string | null = null): void {
  output.result({
    json: { volume: { ...volume, lastError } },
    ids: [volume.id],
    text: () =>
      output.fields([
        ["id", volume.id],
        ["name", volume.name === "" ? null : { text: volume.name, tone: "strong" }],
        ["status", { text: volume.status, tone: stateTone(volume.status) }],
        ["size", `${volume.sizeGib} GiB`],
        ["flavor", volume.flavor],
        ["zone", volume.zone],
        ["backend", volume.backend],
        ["description", volume.description === "" ? null : volume.description],
        ["metadata", textOf(volume.metadata)],
        ["connected to", connectionsText(volume)],
        ...(volume.snapshotId === null ? [] : [["from snapshot", volume.snapshotId] as const]),
        ...(volume.sourceVolumeId === null ? [] : [["from volume", volume.sourceVolumeId] as const]),
        ...(lastError === null ? [] : [["last error", lastError] as const]),
        ["project", volume.project],
        ["created", instantText(volume.createdAt)],
      ]),
  });
}

function textOf(metadata: VolumeView["metadata"]): string | null {
  const pairs = Object.entries(metadata).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? null : pairs.join(" ");
}

function connectionsText({ attachments }: VolumeView): string | null {
  return attachments.length === 0 ? null : attachments.map(({ host, id }) => host ?? id).join(", ");
}

/** Waits while it is in a passing state; throws, with the reason, when it then is in error. */
export async function waitForVolume(session: Session, volume: VolumeView, timeoutMs: number): Promise<VolumeView> {
  const ended = await waitFor(session, {
    what: `volume ${typeable(volume)}`,
    later: `berth volume show ${volume.id}`,
    timeoutMs,
    look: async () => {
      const seen = await readVolume(session, volume.id);
      return { state: seen.status, ...(isPassing(seen.status) ? {} : { settled: { value: seen } }) };
    },
  });
  if (ended.status.startsWith("error")) throw await endedInError(session, ended);
  return ended;
}

/** Waits until it is gone; throws, with the reason, when it could not be deleted. */
export async function waitUntilGone(session: Session, volume: VolumeView, timeoutMs: number): Promise<void> {
  const left = await waitFor<VolumeView | null>(session, {
    what: `volume ${typeable(volume)}`,
    later: `berth volume show ${volume.id}`,
    timeoutMs,
    look: async () => {
      const seen = await unlessGone(readVolume(session, volume.id));
      if (seen === null) return { state: "deleted", settled: { value: null } };
      return { state: seen.status, ...(isPassing(seen.status) ? {} : { settled: { value: seen } }) };
    },
  });
  if (left !== null) throw await endedInError(session, left);
}

/** What `promise` gives, or null if the object does not exist. */
export async function unlessGone<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof Failure && error.exitCode === EXIT_CODES.notFound) return null;
    throw error;
  }
}

export function isPassing(status: string): boolean {
  return status.endsWith("ing") || status === "maintenance";
}

async function endedInError(session: Session, volume: VolumeView): Promise<Failure> {
  const { client } = session;
  const path = client.operatorPath("volumes", volume.id, "placement");
  const asking = client.get(path, (a) => a.PlacementAnswer, { query: { project: client.project } });
  const { lastError, rounds } = (await ifOperator(asking)) ?? { lastError: null, rounds: [] };
  const name = `volume ${typeable(volume)} ended in ${volume.status}`;
  const round = rounds.at(-1);
  const unplaced = volume.status === "error" && round?.chosenBackendId === null ? round : undefined;
  const code = lastError?.code ?? (unplaced === undefined ? "E_BACKEND_FAILED" : "E_NO_PLACEMENT");
  const why = unplaced === undefined ? (lastError?.message ?? "see the agent's log") : refusalText(unplaced);
  return new Failure(isErrorCode(code) ? code : "E_BACKEND_FAILED", EXIT_CODES.failed, `${name}: ${why}`, {
    next: `See \`berth volume explain ${typeable(volume)}\`.`,
    details: { id: volume.id, status: volume.status },
  });
}
