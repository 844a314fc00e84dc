import { expect, test } from "vitest";
import { ClientProgram, clientMissing } from "#test/kit/client-programs.ts";
import { fake, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { untilGone, untilStatus } from "#test/kit/volumes.ts";

const missing = natsServerMissing() ?? clientMissing("openstack", "python3-openstackclient");

test.skipIf(missing !== null)(
  `the openstack command: the whole life of a volume${missing === null ? "" : ` (${missing})`}`,
  async () => {
    await using berth = await startInstallation({
      catalogue: () => goldCatalogue(["north"], fake("one"), fake("two")),
    });
    const { client } = berth;
    const endpoint = `${client.url}/v3/${client.project}`;
    await using openstack = await ClientProgram.named("openstack", [
      ...["--os-auth-type", "none", "--os-endpoint", endpoint, "--os-volume-api-version", "3.65"],
    ]);
    const json = async (...said: readonly string[]): Promise<unknown> =>
      JSON.parse(await openstack.tell(...said, "-f", "json"));

    expect(await json("volume", "create", "first", "--size", "1", "--type", "gold")).toMatchObject({ name: "first" });
    const [{ id = "" } = {}] = await client.volumes();
    await untilStatus(client, id, "available");
    expect(await json("volume", "list", "--long")).toMatchObject([{ ID: id, Name: "first", Status: "available" }]);
    await openstack.tell("volume", "set", "first", "--size", "2", "--property", "colour=red");
    await untilStatus(client, id, "available");
    expect(await json("volume", "show", "first")).toMatchObject({ id, size: 2, properties: { colour: "red" } });
    const taken = Object(await json("volume", "snapshot", "create", "then", "--volume", "first"));
    await untilStatus(client, String(taken.id), "available", "snapshot");
    expect(await json("volume", "snapshot", "list")).toMatchObject([{ Name: "then", Size: 2 }]);
    expect(await json("volume", "type", "list")).toMatchObject([{ Name: "gold" }]);
    expect(await json("volume", "service", "list")).not.toEqual([]);
    await openstack.tell("volume", "snapshot", "delete", "then");
    await untilGone(client, "snapshot");
    await openstack.tell("volume", "delete", "first");
    await untilGone(client, "volume");
    expect((await openstack.run("volume", "show", "first")).code).toBe(1);
  },
  240_000,
);
