import { join } from "node:path";
import { expect, test } from "vitest";
import { ClientProgram, clientMissing } from "#test/kit/client-programs.ts";
import { fake, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";

// The openstack command stands upon it.
const missing = natsServerMissing() ?? clientMissing("openstack", "python3-openstackclient");

test.skipIf(missing !== null)(
  `openstacksdk: the whole life of a volume${missing === null ? "" : ` (${missing})`}`,
  async () => {
    await using berth = await startInstallation({
      catalogue: () => goldCatalogue(["north"], fake("one"), fake("two")),
    });
    const { url, project } = berth.client;
    await using python = await ClientProgram.named("python3", [join(import.meta.dirname, "sdk.py")]);
    const told = (await python.tell(url, project)).trim().split("\n");
    expect(told.map((line): unknown => JSON.parse(line))).toMatchObject([
      { step: "created", size: 1, metadata: { colour: "red" }, zone: "north" },
      { step: "listed", names: ["first"] },
      { step: "found" },
      { step: "extended", size: 2 },
      { step: "snapshot", size: 2 },
      { step: "copied" },
      { step: "types", names: ["gold"] },
      { step: "pools", count: 2 },
      { step: "deleted", left: 0 },
    ]);
  },
  120_000,
);
