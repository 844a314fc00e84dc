import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { parseMark } from "#agent/drivers/file/mark.ts";
import { exportOfSnapshot, exportOfVolume, volumeName } from "#agent/drivers/names.ts";
import { BYTES_PER_GIB } from "#shared/units.ts";
import type { SeenVolume } from "#test/kit/berth-client.ts";
import { nameIdOf, untilBooksBalance } from "#test/kit/books.ts";
import { expectExports } from "#test/kit/exports.ts";
import { until } from "#test/kit/until.ts";
import { hasImages, type Medium, mediumNamed } from "./media.ts";
import type { CrashStand } from "./stand.ts";

const RESTING = new Set(["available", "in-use"]);
const VHD_FOOTER_BYTES = 512;

/**
 * Waits until the ledger is at rest, no job is left, and backends and target hold what it says and nothing else: names,
 * sizes, exports. Nothing in it is in error, and no request was carried out twice.
 */
export async function untilAllAgree(stand: CrashStand, boundMs: number): Promise<void> {
  const endMs = performance.now() + boundMs;
  const leftMs = (): number => endMs - performance.now();
  await until("nothing is under way", async () => await expectRest(stand), leftMs());
  await untilBooksBalance(stand, leftMs());
  await until("sizes and exports agree", async () => await expectSizesAndExports(stand), leftMs());
}

async function expectRest({ client }: CrashStand): Promise<true> {
  const objects = [...(await client.volumes()), ...(await client.snapshots())];
  expect(objects.filter(({ status }) => !RESTING.has(status)).map(({ id, status }) => `${id} ${status}`)).toEqual([]);
  const jobs = (await client.backends()).map(({ jobsInHand, jobsWaiting }) => jobsInHand + jobsWaiting);
  expect(jobs.reduce((sum, count) => sum + count, 0)).toBe(0);
  return true;
}

async function expectSizesAndExports({ client, folder, tgtd }: CrashStand): Promise<true> {
  const volumes = await client.volumes();
  const names = volumes.map(({ name }) => name).filter((name) => name !== null);
  expect(new Set(names).size).toBe(names.length);
  const withImages = volumes.filter((volume) => hasImages(mediumOf(volume)));
  for (const volume of withImages) {
    const image = await stat(join(folder, "backends", backendOf(volume), volumeName(nameIdOf(volume))));
    expect(image.size, volume.id).toBe(imageBytes(volume));
    const name = `${volumeName(nameIdOf(volume))}.json`;
    const mark = parseMark(await readFile(join(folder, "backends", backendOf(volume), name), "utf8"));
    expect(mark?.owner.name, volume.id).toBe(volume.name ?? "");
  }
  if (tgtd === null) return true;
  const connected = withImages
    .filter(({ status }) => status === "in-use")
    .map((volume) => exportOfVolume(nameIdOf(volume), "rw"));
  for (const { id, volume_id } of await client.snapshots())
    if (withImages.some((volume) => volume.id === volume_id) && (await client.attachments("snapshots", id)).length > 0)
      connected.push(exportOfSnapshot(id));
  await expectExports(tgtd.socketPath, connected);
  return true;
}

/** A VHD has its footer while no target serves it. */
function imageBytes(volume: SeenVolume): number {
  const footer = mediumOf(volume) === "vhd" && volume.status !== "in-use" ? VHD_FOOTER_BYTES : 0;
  return volume.size * BYTES_PER_GIB + footer;
}

/** Backends bear their medium's name, and mates theirs with a word behind it. */
function mediumOf(volume: SeenVolume): Medium {
  return mediumNamed(backendOf(volume));
}

function backendOf(volume: SeenVolume): string {
  return volume["os-vol-host-attr:host"]?.split("#").at(-1) ?? "";
}
