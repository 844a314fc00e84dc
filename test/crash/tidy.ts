import { until } from "#test/kit/until.ts";
import { untilGone, untilStatus } from "#test/kit/volumes.ts";
import { HOST } from "./operations.ts";
import type { CrashStand } from "./stand.ts";

/** What earlier crashes left is for later ones to find; but looking at ever more of it would take ever longer. */
const MOST_VOLUMES = 60;

/** Removes everything once there is much. */
export async function tidy({ client }: CrashStand): Promise<void> {
  const volumes = await client.volumes();
  if (volumes.length <= MOST_VOLUMES) return;
  const connected = volumes.filter(({ status }) => status === "in-use");
  await Promise.all(
    connected.map(async ({ id }) => {
      await client.disconnect(id, HOST);
      await untilStatus(client, id, "available");
    }),
  );
  const snapshots = await client.snapshots();
  await Promise.all(snapshots.map(({ id }) => client.disconnectSnapshot(id)));
  await until("nobody reads a snapshot", async () => {
    const attachments = await Promise.all(snapshots.map(({ id }) => client.attachments("snapshots", id)));
    return attachments.every((of) => of.length === 0);
  });
  await Promise.all((await client.groupSnapshots()).map(({ id }) => client.deleteGroupSnapshot(id)));
  await until("no group snapshot is left", async () => (await client.groupSnapshots()).length === 0);
  await Promise.all((await client.snapshots()).map(({ id }) => client.deleteSnapshot(id)));
  await untilGone(client, "snapshot");
  await Promise.all((await client.groupIds()).map((id) => client.deleteGroup(id, true)));
  await until("no group is left", async () => (await client.groupIds()).length === 0);
  await Promise.all((await client.volumes()).map(({ id }) => client.deleteVolume(id)));
  await untilGone(client, "volume");
}
