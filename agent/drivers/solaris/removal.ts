import { type CallContext, DriverError } from "../driver.ts";
import type { SolarisHost } from "./host.ts";
import { type ObjectNames, type Standing, snapshotsOf } from "./objects.ts";
import { unless } from "./refusal.ts";

/** One is enough where snapshots are told in the order of their age, as they should be. */
const MOST_ROUNDS = 20;

/**
 * Removes a volume. What was cloned from it stands by itself: the youngest such clone is promoted, which gives it the
 * snapshots that the clones stand upon, and so what the others need as well. A clone never keeps its source alive, as the
 * field has it; the space that they share is free when the last of them is gone.
 */
export async function removeVolume(
  context: CallContext,
  host: SolarisHost,
  names: ObjectNames,
  name: string,
  { withSnapshots }: { readonly withSnapshots: boolean } = { withSnapshots: false },
): Promise<void> {
  for (let round = 1; round <= MOST_ROUNDS; round++) {
    const snapshots = await snapshotsOf(context, host, name);
    if (!withSnapshots) assertOnlyInternal(name, snapshots);
    const clone = snapshots.length === 0 ? null : await youngestClone(context, host, names, snapshots);
    if (clone === null) {
      for (const snapshot of snapshots)
        await unless(["missing"], () => host.zfs(context, ["destroy", "-d", snapshot.name]));
      break;
    }
    await host.zfs(context, ["promote", clone]);
  }
  await unless(["missing"], () => host.zfs(context, ["destroy", name]));
}

/** Of snapshots in the order of their age: a clone of the last that has one; null: none has. */
async function youngestClone(
  context: CallContext,
  host: SolarisHost,
  { base }: ObjectNames,
  snapshots: readonly Standing[],
): Promise<string | null> {
  const rows = await host.readZfs(context, ["list", "-H", "-o", "name,origin", "-t", "volume", "-r", base]);
  for (const { name } of [...snapshots].reverse()) {
    const [clone] = rows.find(([, origin]) => origin === name) ?? [];
    if (clone !== undefined) return clone;
  }
  return null;
}

/** Snapshots of ours that stand for somebody, and other people's, keep their volume. */
function assertOnlyInternal(name: string, snapshots: readonly Standing[]): void {
  const keeping = snapshots.filter((snapshot) => !isInternal(snapshot));
  if (keeping.length === 0) return;
  const named = keeping.slice(0, 5).map((snapshot) => snapshot.name.slice(name.length + 1));
  throw new DriverError(
    "not-done",
    `${name} has snapshots: ${named.join(", ")}${keeping.length > 5 ? " and more" : ""}`,
  );
}

/** It is there for the clones that stand upon it, and told to nobody. */
export function isInternal({ name, deferred }: Standing): boolean {
  return deferred || /@clone-[0-9a-f-]{36}$/.test(name);
}

/** What a clone that never came about left on its source. */
export async function removeCloneOrigin(
  context: CallContext,
  host: SolarisHost,
  { base }: ObjectNames,
  cloneId: string,
): Promise<void> {
  const rows = await host.readZfs(context, ["list", "-H", "-o", "name", "-t", "snapshot", "-r", base]);
  for (const [name = ""] of rows.filter(([found]) => found?.endsWith(`@clone-${cloneId}`)))
    await unless(["missing"], () => host.zfs(context, ["destroy", "-d", name]));
}
