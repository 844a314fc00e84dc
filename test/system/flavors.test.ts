import { statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { berthCommand } from "#test/kit/berth-command.ts";
import { untilBooksBalance } from "#test/kit/books.ts";
import { fake, file, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { untilStatus } from "#test/kit/volumes.ts";

/** Some twenty processes of the command line, on a machine that may be busy. */
const TEST_BOUND_MS = 180_000;

async function berth(installation: Installation, ...argv: readonly string[]): Promise<string> {
  const { exitCode, out, err } = await berthCommand(installation, ...argv);
  expect(exitCode, `berth ${argv.join(" ")}: ${err}`).toBe(0);
  return out;
}

describe.skipIf(natsServerMissing() !== null)("flavors that say more", { timeout: TEST_BOUND_MS }, () => {
  it("find the backend that reports what they ask for, and get what they promise", async () => {
    await using installation = await startInstallation({
      catalogue: (folder) =>
        goldCatalogue(["north"], fake("plain"), fake("thin", { thin: true }), file("images", folder)),
    });
    const { client } = installation;
    const madeOn = async (...more: readonly string[]): Promise<{ id: string; backend: string | undefined }> => {
      const words = ["volume", "create", "--size", "1", "--wait", "--quiet", ...more];
      const id = (await berth(installation, ...words)).trim();
      return { id, backend: (await client.volume(id))?.["os-vol-host-attr:host"]?.split("#")[1] };
    };

    // What a driver reports, what only the operator knows, and the way of provisioning.
    await berth(installation, "backend", "set", "images", "property:tier=cold");
    await berth(
      installation,
      "flavor",
      "set",
      "gold",
      "image_format=<or> raw <or> qcow2",
      "tier=s== cold",
      "provisioning:type=thick",
    );
    const thick = await madeOn();
    expect(thick.backend).toBe("images");
    const { blocks, size } = statSync(join(installation.folder, "backends", "images", `volume-${thick.id}`));
    expect(blocks * 512).toBeGreaterThanOrEqual(size);
    const explained = await berth(installation, "volume", "explain", thick.id);
    expect(explained).toContain("spec-mismatch");
    expect(explained.replaceAll(/\s+/g, " ")).toContain('image_format is "<or> raw <or> qcow2", it reports nothing');
    const change = await berthCommand(installation, "flavor", "set", "gold", "provisioning:type=thin");
    expect(change.err).toContain("its volumes were made so");

    // Limits that the storage keeps go where it can, in numbers for the size, and hosts are told theirs.
    await berth(installation, "flavor", "create", "fast");
    for (const name of ["images", "plain", "thin"]) await berth(installation, "backend", "join", name, "fast");
    await berth(installation, "qos", "create", "fair", "total_iops_sec_per_gb=10", "--consumer", "both");
    await berth(installation, "flavor", "set", "fast", "--qos", "fair");
    await berth(installation, "flavor", "default", "fast");
    const limited = await madeOn();
    expect(limited.backend).toBe("plain");
    expect((await client.connect(limited.id, "iqn.2026-01.test:host")).limits).toEqual({ total_iops_sec: 10 });
    await client.disconnect(limited.id, "iqn.2026-01.test:host");
    await untilStatus(client, limited.id, "available");
    await client.extendVolume(limited.id, 3);
    await untilStatus(client, limited.id, "available");
    expect((await client.connect(limited.id, "iqn.2026-01.test:host")).limits).toEqual({ total_iops_sec: 30 });
    await client.disconnect(limited.id, "iqn.2026-01.test:host");
    await untilStatus(client, limited.id, "available");

    // Beside and apart, whatever the order; the wish is told by a dry run as well.
    const apart = await madeOn("--different-backend-from", limited.id);
    expect(apart.backend).toBe("thin");
    expect((await madeOn("--same-backend-as", apart.id)).backend).toBe("thin");
    const refused = await berthCommand(
      installation,
      "volume",
      "create",
      "--size",
      "1",
      "--dry-run",
      "--same-backend-as",
      limited.id,
      "--different-backend-from",
      limited.id,
    );
    expect(refused.err).toContain("images: same-backend, plain: different-backend, thin: same-backend");

    // Others do not see what is not theirs.
    await berth(installation, "flavor", "access", "fast", "--private", "--add", "lab");
    const stranger = await berthCommand(installation, "volume", "create", "--size", "1", "--flavor", "fast");
    expect(stranger.err).toContain('"fast" could not be found');
    await untilBooksBalance(installation);
  });
});
