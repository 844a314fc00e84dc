import type { Session } from "./session.ts";

/** Why an object is in error, or has not come to rest yet; null when there is nothing to tell. */
export async function lastErrorText(
  { client }: Session,
  kind: "volumes" | "snapshots" | "groups" | "group-snapshots",
  { id, status }: { readonly id: string; readonly status: string },
): Promise<string | null> {
  if (status === "available" || status === "in-use") return null;
  const { lastError } = await client.get(client.operatorPath(kind, id, "last-error"), (a) => a.LastErrorAnswer);
  return lastError === null ? null : `${lastError.message} (${lastError.code})`;
}
