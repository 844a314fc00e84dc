import type { Static } from "typebox";
import type { GroupAnswer, GroupSnapshotAnswer } from "./answers.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { Failure } from "./failure.ts";
import { lastErrorText } from "./last-error.ts";
import { stateTone } from "./output/style.ts";
import { typeable } from "./resolve.ts";
import type { Session } from "./session.ts";
import { instantText, utc } from "./views.ts";
import { isPassing, unlessGone } from "./volumes.ts";
import { waitFor } from "./wait.ts";

/** A group as `--json` gives it. */
export interface GroupView {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly status: string;
  readonly zone: string | null;
  /** Ids of the flavors that its volumes may have. */
  readonly flavorIds: readonly string[];
  readonly volumeIds: readonly string[];
  readonly groupSnapshotId: string | null;
  readonly sourceGroupId: string | null;
  readonly createdAt: string;
}

export interface GroupSnapshotView {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly status: string;
  readonly groupId: string;
  readonly createdAt: string;
}

export function groupView(group: Static<typeof GroupAnswer>["group"]): GroupView {
  return {
    id: group.id,
    name: group.name ?? "",
    description: group.description ?? "",
    status: group.status,
    zone: group.availability_zone,
    flavorIds: group.volume_types,
    volumeIds: group.volumes ?? [],
    groupSnapshotId: group.group_snapshot_id ?? null,
    sourceGroupId: group.source_group_id ?? null,
    createdAt: utc(group.created_at),
  };
}

export function groupSnapshotView(taken: Static<typeof GroupSnapshotAnswer>["group_snapshot"]): GroupSnapshotView {
  return {
    id: taken.id,
    name: taken.name ?? "",
    description: taken.description ?? "",
    status: taken.status,
    groupId: taken.group_id,
    createdAt: utc(taken.created_at),
  };
}

export async function readGroup({ client }: Session, id: string): Promise<GroupView> {
  const query = { list_volume: "true" };
  return groupView((await client.get(client.volumesPath("groups", id), (a) => a.GroupAnswer, { query })).group);
}

export async function readGroupSnapshot({ client }: Session, id: string): Promise<GroupSnapshotView> {
  const path = client.volumesPath("group_snapshots", id);
  return groupSnapshotView((await client.get(path, (a) => a.GroupSnapshotAnswer)).group_snapshot);
}

export function showGroup({ output }: Session, group: GroupView, lastError: string | null = null): void {
  output.result({
    json: { group: { ...group, lastError } },
    ids: [group.id],
    text: () =>
      output.fields([
        ["id", group.id],
        ["name", group.name === "" ? null : { text: group.name, tone: "strong" }],
        ["status", { text: group.status, tone: stateTone(group.status) }],
        ["zone", group.zone],
        ["volumes", group.volumeIds.length === 0 ? null : group.volumeIds.join(", ")],
        ["description", group.description === "" ? null : group.description],
        ...(group.groupSnapshotId === null ? [] : [["from group snapshot", group.groupSnapshotId] as const]),
        ...(group.sourceGroupId === null ? [] : [["from group", group.sourceGroupId] as const]),
        ...(lastError === null ? [] : [["last error", lastError] as const]),
        ["created", instantText(group.createdAt)],
      ]),
  });
}

export function showGroupSnapshot(
  { output }: Session,
  taken: GroupSnapshotView,
  lastError: string | null = null,
): void {
  output.result({
    json: { groupSnapshot: { ...taken, lastError } },
    ids: [taken.id],
    text: () =>
      output.fields([
        ["id", taken.id],
        ["name", taken.name === "" ? null : { text: taken.name, tone: "strong" }],
        ["status", { text: taken.status, tone: stateTone(taken.status) }],
        ["group", taken.groupId],
        ["description", taken.description === "" ? null : taken.description],
        ...(lastError === null ? [] : [["last error", lastError] as const]),
        ["created", instantText(taken.createdAt)],
      ]),
  });
}

interface Waited {
  readonly id: string;
  readonly name: string;
  readonly status: string;
}

interface WaitedKind<T extends Waited> {
  readonly word: "group" | "group-snapshot";
  readonly operatorPath: "groups" | "group-snapshots";
  read(session: Session, id: string): Promise<T>;
}

export const GROUP_KIND: WaitedKind<GroupView> = { word: "group", operatorPath: "groups", read: readGroup };
export const GROUP_SNAPSHOT_KIND: WaitedKind<GroupSnapshotView> = {
  word: "group-snapshot",
  operatorPath: "group-snapshots",
  read: readGroupSnapshot,
};

/** Waits while it is in a passing state; null: it is gone. Throws, with the reason, when it then is in error. */
export async function waitWhilePassing<T extends Waited>(
  session: Session,
  kind: WaitedKind<T>,
  id: string,
  timeoutMs: number,
): Promise<T | null> {
  const ended = await waitFor<T | null>(session, {
    what: `${kind.word} ${id}`,
    later: `berth ${kind.word} show ${id}`,
    timeoutMs,
    look: async () => {
      const seen = await unlessGone(kind.read(session, id));
      if (seen === null) return { state: "deleted", settled: { value: null } };
      return { state: seen.status, ...(isPassing(seen.status) ? {} : { settled: { value: seen } }) };
    },
  });
  if (ended === null || !ended.status.startsWith("error")) return ended;
  const why = (await lastErrorText(session, kind.operatorPath, ended)) ?? "see the agent's log";
  throw new Failure(
    "E_BACKEND_FAILED",
    EXIT_CODES.failed,
    `${kind.word} ${typeable(ended)} ended in ${ended.status}: ${why}`,
    {
      next: "Delete it, or try again when the reason is gone.",
      details: { id: ended.id, status: ended.status },
    },
  );
}
