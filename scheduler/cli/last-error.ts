import { ifOperator } from "./failure.ts";
import type { Session } from "./session.ts";

/** Why an object is in error, or has not come to rest yet; null when there is nothing to tell. */
export async function lastErrorText(
  { client }: Session,
  kind: "volumes" | "snapshots" | "groups" | "group-snapshots",
  { id, status }: { readonly id: string; readonly status: string },
): Promise<string | null> {
  if (status === "available" || status === "in-use") return null;
  const path = client.operatorPath(kind, id, "last-error");
  const lastError = (await ifOperator(client.get(path, (a) => a.LastErrorAnswer)))?.lastError ?? null;
  return lastError === null ? null : `${lastError.message} (${lastError.code})`;
}
