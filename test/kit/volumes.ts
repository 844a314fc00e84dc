import type { BerthClient, SeenSnapshot, SeenVolume } from "./berth-client.ts";
import { until } from "./until.ts";

interface Kinds {
  readonly volume: SeenVolume;
  readonly snapshot: SeenSnapshot;
}

/**
 * Waits until the object has that status, and gives it then. Fails at once when it ends in an error that was not
 * waited for: no use to wait on.
 */
export async function untilStatus<K extends keyof Kinds = "volume">(
  client: BerthClient,
  id: string,
  status: string,
  kind?: K,
): Promise<Kinds[K]>;
export async function untilStatus(
  client: BerthClient,
  id: string,
  status: string,
  kind: keyof Kinds = "volume",
): Promise<SeenVolume | SeenSnapshot> {
  let seen = "gone";
  const ended = await until(`${kind} ${id} is ${status}`, async () => {
    const found = kind === "volume" ? await client.volume(id) : await client.snapshot(id);
    seen = found?.status ?? "gone";
    return found !== null && (seen === status || seen.startsWith("error")) ? found : null;
  });
  if (ended.status !== status) throw new Error(`${kind} ${id} is ${ended.status}, not ${status}`);
  return ended;
}

/** Waits until no object of the kind is there any more. */
export async function untilGone(client: BerthClient, kind: keyof Kinds): Promise<void> {
  await until(`no ${kind} is left`, async () => {
    const left = kind === "volume" ? await client.volumes() : await client.snapshots();
    if (left.length > 0) throw new Error(left.map(({ id, status }) => `${id} ${status}`).join(", "));
    return true;
  });
}
