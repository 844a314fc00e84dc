import { expect, test } from "vitest";
import { ClientProgram, clientMissing, tableOf, tableRows } from "#test/kit/client-programs.ts";
import { fake, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { untilGone, untilStatus } from "#test/kit/volumes.ts";

const missing = natsServerMissing() ?? clientMissing("cinder", "python3-cinderclient");

async function cinderOf({ client }: Installation): Promise<ClientProgram> {
  return await ClientProgram.named("cinder", [
    ...["--os-auth-type", "noauth", "--os-endpoint", `${client.url}/v3`],
    ...["--os-user-id", "ann", "--os-project-id", client.project],
  ]);
}

test.skipIf(missing !== null)(
  `the cinder command: the whole life of a volume${missing === null ? "" : ` (${missing})`}`,
  async () => {
    await using berth = await startInstallation({
      catalogue: () => goldCatalogue(["north", "south"], fake("one"), fake("two")),
    });
    const { client } = berth;
    await using cinder = await cinderOf(berth);

    const made = tableOf(await cinder.tell("create", "1", "--name", "first", "--volume-type", "gold"));
    expect(made).toMatchObject({ name: "first", size: "1", volume_type: "gold", bootable: "false" });
    const id = made.id ?? "";
    await untilStatus(client, id, "available");
    const listed = tableRows(await cinder.tell("list"));
    expect(listed).toMatchObject([{ ID: id, Status: "available", Name: "first", Size: "1" }]);
    expect(tableOf(await cinder.tell("show", "first"))).toMatchObject({ id, status: "available" });

    await cinder.tell("extend", "first", "2");
    await untilStatus(client, id, "available");
    await cinder.tell("rename", "first", "second");
    await cinder.tell("metadata", "second", "set", "colour=red");
    expect(tableOf(await cinder.tell("show", "second"))).toMatchObject({ size: "2", metadata: "colour : red" });

    const taken = tableOf(await cinder.tell("snapshot-create", "second", "--name", "then"));
    await untilStatus(client, taken.id ?? "", "available", "snapshot");
    expect(tableRows(await cinder.tell("snapshot-list"))).toMatchObject([{ ID: taken.id, Name: "then" }]);
    const copy = tableOf(await cinder.tell("create", "--snapshot-id", taken.id ?? "", "--name", "copy"));
    await untilStatus(client, copy.id ?? "", "available");

    const offered = tableOf(await cinder.tell("transfer-create", "copy"));
    await cinder.tell("transfer-accept", offered.id ?? "", offered.auth_key ?? "");

    expect(await cinder.run("delete", "second")).toMatchObject({ code: 1, err: expect.stringContaining("Unable") });
    expect(await client.volume(id)).toMatchObject({ status: "available" });
    await cinder.tell("snapshot-delete", "then");
    await untilGone(client, "snapshot");
    await cinder.tell("delete", "second", "copy");
    await untilGone(client, "volume");
  },
  240_000,
);

test.skipIf(missing !== null)(
  "the cinder command: what administrators look at",
  async () => {
    await using berth = await startInstallation({
      catalogue: () => goldCatalogue(["north"], fake("one"), fake("two")),
    });
    await using cinder = await cinderOf(berth);
    const services = tableRows(await cinder.tell("service-list"));
    expect(services.map(({ Binary }) => Binary)).toContain("cinder-volume");
    expect(services.every(({ State }) => State === "up")).toBe(true);
    expect(tableRows(await cinder.tell("get-pools"))).not.toEqual([]);
    expect(tableRows(await cinder.tell("availability-zone-list"))).toMatchObject([
      { Name: "north", Status: "available" },
    ]);
    expect(tableRows(await cinder.tell("type-list"))).toMatchObject([{ Name: "gold" }]);
    await cinder.tell("type-create", "silver", "--description", "not gold");
    await cinder.tell("type-key", "silver", "set", "volume_backend_name=two");
    expect(tableRows(await cinder.tell("extra-specs-list"))).toHaveLength(2);
    await cinder.tell("type-delete", "silver");
    await cinder.tell("quota-update", "acme", "--volumes", "3");
    expect(tableOf(await cinder.tell("quota-show", "acme"))).toMatchObject({ volumes: "3" });
    expect(tableRows(await cinder.tell("absolute-limits"))).not.toEqual([]);
    expect((await cinder.run("show", "nothing")).err).toContain("No volume");
  },
  240_000,
);
