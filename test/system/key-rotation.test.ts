import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { keyLine } from "#shared/key-ring.ts";
import { inParallel } from "#shared/parallel.ts";
import { SealingKey } from "#shared/sealed.ts";
import { berthCommand } from "#test/kit/berth-command.ts";
import { layCrashOrder } from "#test/kit/crash-order.ts";
import { fake, file, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { Initiator } from "#test/kit/initiator.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { CRASH_ORDER_FILE } from "#test/kit/programs.ts";
import { iscsiMissing } from "#test/kit/tgtd.ts";
import { untilStatus } from "#test/kit/volumes.ts";

const TEST_BOUND_MS = 240_000;
/** More than are sealed anew in one commit. */
const SECRETS = 110;
const AT_ONCE = 8;
const host = new Initiator("iqn.2026-01.test.host:keys");
const MISSING = natsServerMissing() ?? iscsiMissing();

describe.skipIf(MISSING !== null)("the sealing key is exchanged", { timeout: TEST_BOUND_MS }, () => {
  it("by a rotation that is killed in the middle: every secret can be read all the time, and it goes on", async () => {
    await using berth = await startInstallation({
      catalogue: (folder) => goldCatalogue(["north"], fake("many", { capacity_gib: 10_000 }), file("images", folder)),
      agentsPerZone: 1,
      tgt: true,
    });
    const { client, folder } = berth;
    const oldKey = new SealingKey(await readFile(join(folder, "secret.key")));
    const bytes = SealingKey.generate();
    const newKey = new SealingKey(bytes);
    const secrets = await connectMany(berth);
    const { id } = await client.createVolume({ size: 1, name: "real" });
    await untilStatus(client, id, "available");
    // First fit takes the fake; this one is to have bytes.
    await client.migrateVolume(id, "images");
    await untilStatus(client, id, "available");
    const { info, secret } = await client.connect(id, host.iqn);
    expect(await host.io(info, secret, "write -P 0xa5 0 1M")).toMatchObject({ ok: true });
    const readable = async (): Promise<void> => {
      await expectSame(berth, secrets);
      expect((await client.connect(id, host.iqn)).secret).toBe(secret);
      expect(await host.io(info, secret, "read -P 0xa5 0 1M")).toMatchObject({ ok: true });
    };

    await writeKeys(folder, `${keyLine(bytes)}\n${keyLine(await readFile(join(folder, "secret.key")))}\n`);
    await layCrashOrder(join(folder, CRASH_ORDER_FILE), { point: "committed", passing: 1, how: "kill" });
    const broken = await berthCommand(berth, "key", "rotate");
    expect(broken.exitCode).not.toBe(0);
    await berth.scheduler.ended();
    berth.scheduler.start();
    // Who opens the secrets begins anew as well.
    await berth.agent("north-1").restart();
    await berth.ready();

    const halfway = await keys(berth, "show");
    expect(halfway).toMatchObject({ sealsWith: newKey.id, removable: [] });
    expect(halfway.secrets.map(({ key }: { key: string }) => key).sort()).toEqual([newKey.id, oldKey.id].sort());
    await readable();

    const rotated = await keys(berth, "rotate");
    expect(rotated).toMatchObject({
      removable: [oldKey.id],
      secrets: [{ key: newKey.id, count: SECRETS + 1 }],
      resealed: expect.any(Number),
    });
    expect(rotated.resealed).toBeLessThan(SECRETS);
    await readable();

    await writeKeys(folder, `${keyLine(bytes)}\n`);
    await berth.scheduler.kill("SIGTERM");
    await berth.agent("north-1").kill("SIGTERM");
    berth.scheduler.start();
    berth.agent("north-1").start();
    await berth.ready();
    expect(await keys(berth, "show")).toMatchObject({ known: [newKey.id], secrets: [{ key: newKey.id }] });
    await readable();
    await client.disconnect(id, host.iqn);
    await untilStatus(client, id, "available");
  });
});

/** By volume. */
async function connectMany({ client }: Installation): Promise<ReadonlyMap<string, string>> {
  const secrets = new Map<string, string>();
  const numbers = Array.from({ length: SECRETS }, (_, n) => n);
  await inParallel(numbers, AT_ONCE, async () => {
    const { id } = await client.createVolume({ size: 1 });
    await untilStatus(client, id, "available");
    secrets.set(id, (await client.connect(id, host.iqn)).secret);
  });
  return secrets;
}

async function expectSame({ client }: Installation, secrets: ReadonlyMap<string, string>): Promise<void> {
  await inParallel([...secrets], AT_ONCE, async ([id, secret]) => {
    expect((await client.connect(id, host.iqn)).secret).toBe(secret);
  });
}

/** Nobody must read half of it. */
async function writeKeys(folder: string, text: string): Promise<void> {
  const path = join(folder, "secret.key");
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

async function keys(berth: Installation, word: "show" | "rotate") {
  const { exitCode, out, err } = await berthCommand(berth, "key", word, "--json");
  expect([exitCode, err]).toEqual([0, ""]);
  return JSON.parse(out);
}
