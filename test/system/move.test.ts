import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { volumeName } from "#agent/drivers/names.ts";
import type { BerthClient } from "#test/kit/berth-client.ts";
import { nameIdOf, untilBooksBalance } from "#test/kit/books.ts";
import { file, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { Initiator } from "#test/kit/initiator.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { iscsiMissing } from "#test/kit/tgtd.ts";
import { until } from "#test/kit/until.ts";
import { untilStatus } from "#test/kit/volumes.ts";

const TEST_BOUND_MS = 120_000;
const MOVE_BOUND_MS = 60_000;
const host = new Initiator("iqn.2026-01.test.host:move");
/** Two stretches with a hole between them, the second at the end. */
const WRITTEN = ["write -P 0xa5 0 24M", "write -P 0x5a 1000M 24M"] as const;
const READ = ["read -P 0xa5 0 24M", "read -P 0 24M 64M", "read -P 0x5a 1000M 24M"] as const;

describe.skipIf((natsServerMissing() ?? iscsiMissing()) !== null)("moving volumes", { timeout: TEST_BOUND_MS }, () => {
  it("carries what was written to another backend and back, to another zone, and frees the source", async () => {
    await using berth = await installation();
    const { client } = berth;
    const id = await writtenVolume(client);
    const sum = await sumOf(berth, id);

    for (const to of ["other", "images", "south"]) {
      await client.migrateVolume(id, to);
      expect(await client.volume(id)).toMatchObject({ status: "maintenance" });
      await untilOn(client, id, to);
      expect(await sumOf(berth, id), to).toBe(sum);
      // The source goes, and nothing else is left anywhere.
      await untilBooksBalance(berth);
    }
    expect(await client.volume(id)).toMatchObject({ availability_zone: "south", size: 1 });
    expect((await client.history(id)).entries.filter(({ operation }) => operation === "volume.migrate")).toMatchObject([
      { detail: "from backend images to other", result: "done" },
      { detail: "from backend other to images", result: "done" },
      { detail: "from backend images to south", result: "done" },
    ]);
    await expectWritten(client, id);
    // Holes are kept.
    expect((await stat(await imageOf(berth, id))).blocks * 512).toBeLessThan(64 * 1024 ** 2);
  });

  it("goes on after agent and scheduler were killed in the middle, and ends with the same bytes", async () => {
    await using berth = await installation();
    const { client } = berth;
    const id = await writtenVolume(client);
    const sum = await sumOf(berth, id);
    await client.beginMove(id, { backend: "other", bandwidthMibPerS: 8 });
    await untilCopied(client, id, 1001 * 1024 ** 2);
    for (const agent of berth.agents.values()) if (agent.name.startsWith("north")) await agent.kill("SIGKILL");
    await berth.scheduler.kill("SIGKILL");
    // The source is untouched, and the target not yet anybody's.
    berth.scheduler.start();
    for (const agent of berth.agents.values()) if (agent.name.startsWith("north")) agent.start();
    await untilOn(client, id, "other");
    expect(await sumOf(berth, id)).toBe(sum);
    // The first stretch was compared and told before: it is not copied again.
    expect(copiedBytes(berth)).toBeLessThanOrEqual(24 * 1024 ** 2);
    await untilBooksBalance(berth);
    await expectWritten(client, id);
  });

  it("is called back, from near and from afar: the volume is where and what it was, and nothing is left", async () => {
    await using berth = await installation();
    const { client } = berth;
    const id = await writtenVolume(client);
    const sum = await sumOf(berth, id);
    for (const backend of ["other", "south"]) {
      await client.beginMove(id, { backend, bandwidthMibPerS: 4 });
      await untilCopied(client, id, 1);
      await client.cancelMove(id);
      await untilOn(client, id, "images");
      expect((await client.move(id)).lastError).toMatchObject({ code: "E_CANCELLED" });
      await untilBooksBalance(berth);
    }
    expect(await sumOf(berth, id)).toBe(sum);
    await expectWritten(client, id);
  });
});

/** Zone north with two backends, zone south with one, and a target: what is in another zone is copied over iSCSI. */
async function installation(): Promise<Installation> {
  return await startInstallation({
    catalogue: (folder) =>
      goldCatalogue(
        ["north", "south"],
        file("images", folder),
        file("other", folder),
        file("south", folder, {}, { zone: "south" }),
      ),
    tgt: true,
  });
}

async function writtenVolume(client: BerthClient): Promise<string> {
  const { id } = await client.createVolume({ size: 1 });
  await untilStatus(client, id, "available");
  const { info, secret } = await client.connect(id, host.iqn);
  expect(await host.io(info, secret, ...WRITTEN)).toMatchObject({ ok: true });
  await client.disconnect(id, host.iqn);
  await untilStatus(client, id, "available");
  return id;
}

async function expectWritten(client: BerthClient, id: string): Promise<void> {
  const { info, secret } = await client.connect(id, host.iqn);
  expect(await host.io(info, secret, ...READ)).toMatchObject({ ok: true });
  await client.disconnect(id, host.iqn);
  await untilStatus(client, id, "available");
}

async function untilOn(client: BerthClient, id: string, backend: string): Promise<void> {
  await until(
    `volume ${id} is on ${backend}`,
    async () => {
      const found = await client.volume(id);
      const here = found?.["os-vol-host-attr:host"] === `berth@${backend}#${backend}`;
      return here && found?.status === "available";
    },
    MOVE_BOUND_MS,
  );
}

async function untilCopied(client: BerthClient, id: string, bytes: number): Promise<void> {
  await until(
    `${bytes} bytes are copied`,
    async () => {
      const { move } = await client.move(id);
      return move?.phase === "copying" && (move.doneBytes ?? 0) >= bytes;
    },
    MOVE_BOUND_MS,
  );
}

/** By the try that came to the end. */
function copiedBytes({ agents }: Installation): number {
  const lines = [...agents.values()].flatMap((agent) => agent.logged("a volume was copied"));
  return Math.max(...lines.map((line) => Number(/"copiedBytes":(\d+)/.exec(line)?.[1])));
}

async function imageOf({ client, folder }: Installation, id: string): Promise<string> {
  const volume = await client.volume(id);
  const backend = /^berth@(.*)#/.exec(volume?.["os-vol-host-attr:host"] ?? "")?.[1] ?? "";
  return join(folder, "backends", backend, volumeName(volume === null ? id : nameIdOf(volume)));
}

async function sumOf(berth: Installation, id: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(await imageOf(berth, id))) hash.update(chunk);
  return hash.digest("hex");
}
