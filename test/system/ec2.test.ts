import {
  AttachVolumeCommand,
  CreateSnapshotCommand,
  CreateTagsCommand,
  CreateVolumeCommand,
  DeleteSnapshotCommand,
  DeleteVolumeCommand,
  DescribeVolumesCommand,
  DescribeVolumesModificationsCommand,
  DetachVolumeCommand,
  EC2Client,
  ModifyVolumeCommand,
  paginateDescribeVolumes,
  waitUntilSnapshotCompleted,
  waitUntilVolumeAvailable,
  waitUntilVolumeDeleted,
  waitUntilVolumeInUse,
} from "@aws-sdk/client-ec2";
import { Type } from "typebox";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parser } from "#shared/schema.ts";
import { awsCommand, awsMissing } from "#test/kit/aws-command.ts";
import { berthCommand } from "#test/kit/berth-command.ts";
import type { Ec2Credentials } from "#test/kit/ec2-signing.ts";
import { fake, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { Installation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { until } from "#test/kit/until.ts";

const INSTANCE = "i-0123456789abcdef0";
/** The aws command takes a second to start, and several where much else runs. */
const AWS_LIMIT_MS = 300_000;
const keysMade = parser(
  Type.Object({ ec2Key: Type.Object({ accessKeyId: Type.String() }), secretAccessKey: Type.String() }),
);

/** The clients that people have, over everything that is Berth. */
describe.skipIf(natsServerMissing() !== null)("EC2's clients", () => {
  let berth: Installation;
  let credentials: Ec2Credentials;
  let client: EC2Client;
  beforeAll(async () => {
    berth = await Installation.start({
      catalogue: () => goldCatalogue(["north", "south"], fake("a"), fake("b", {}, { zone: "south" })),
      agentsPerZone: 1,
    });
  });
  afterAll(() => berth?.[Symbol.asyncDispose]());
  /** Each has a project to itself. */
  beforeEach(async ({ task }) => {
    berth.tellLogsOnFailure();
    const { out } = await berthCommand(berth, "ec2-key", "create", "--project", `project-${task.id}`, "--json");
    const { ec2Key, secretAccessKey } = keysMade.parse(JSON.parse(out));
    credentials = { accessKeyId: ec2Key.accessKeyId, secretAccessKey };
    client = new EC2Client({ endpoint: berth.client.url, region: "r1", credentials, maxAttempts: 1 });
    return () => client.destroy();
  });

  const waiting = () => ({ client, maxWaitTime: 25, minDelay: 1, maxDelay: 1 });
  const untilAvailable = (id: string) => waitUntilVolumeAvailable(waiting(), { VolumeIds: [id] });
  const untilDeleted = (id: string) => waitUntilVolumeDeleted(waiting(), { VolumeIds: [id] });

  describe.skipIf(awsMissing() !== null)("aws", () => {
    /** What it prints, as it stands there. */
    async function aws(...words: readonly string[]) {
      const { exitCode, out, err } = await awsCommand(berth, credentials, ...words);
      if (exitCode !== 0) throw new Error(`aws ec2 ${words.join(" ")}: ${exitCode} ${err}`);
      return out === "" ? {} : JSON.parse(out);
    }

    async function refused(code: string, ...words: readonly string[]): Promise<void> {
      const { exitCode, err } = await awsCommand(berth, credentials, ...words);
      expect(exitCode, words.join(" ")).not.toBe(0);
      expect(err).toContain(`An error occurred (${code})`);
    }

    const volume = async (id: string) => (await aws("describe-volumes", "--volume-ids", id)).Volumes[0];

    it(
      "has a whole life of a volume",
      async () => {
        expect(await aws("describe-availability-zones")).toMatchObject({
          AvailabilityZones: [
            { ZoneName: "north", State: "available", RegionName: "r1" },
            { ZoneName: "south", State: "available" },
          ],
        });
        const wanted = ["--size", "2", "--availability-zone", "north", "--volume-type", "gp3", "--iops", "3000"];
        const tags = "ResourceType=volume,Tags=[{Key=Name,Value=a b},{Key=env,Value=test}]";
        const made = await aws("create-volume", ...wanted, "--tag-specifications", tags);
        expect(made).toMatchObject({ State: "creating", Size: 2, Iops: 3000, VolumeType: "gp3", Encrypted: false });
        const id: string = made.VolumeId;
        await untilAvailable(id);
        await aws("wait", "volume-available", "--volume-ids", id);

        const place = ["--instance-id", INSTANCE, "--device", "/dev/sdf"];
        expect(await aws("attach-volume", "--volume-id", id, ...place)).toMatchObject({
          State: "attaching",
          InstanceId: INSTANCE,
        });
        await aws("wait", "volume-in-use", "--volume-ids", id);
        expect((await volume(id)).Attachments).toMatchObject([
          { State: "attached", Device: "/dev/sdf", DeleteOnTermination: false },
        ]);
        await refused("VolumeInUse", "delete-volume", "--volume-id", id);
        expect(await aws("detach-volume", "--volume-id", id)).toMatchObject({ State: "detaching" });

        const { SnapshotId } = await aws("create-snapshot", "--volume-id", id, "--description", "before");
        await waitUntilSnapshotCompleted(waiting(), { SnapshotIds: [SnapshotId] });
        expect((await aws("describe-snapshots", "--owner-ids", "self")).Snapshots).toMatchObject([
          { SnapshotId, VolumeId: id, State: "completed", Progress: "100%", VolumeSize: 2, Description: "before" },
        ]);
        await aws("wait", "snapshot-completed", "--snapshot-ids", SnapshotId);
        const copy = await aws("create-volume", "--snapshot-id", SnapshotId, "--availability-zone", "north");
        expect(copy).toMatchObject({ SnapshotId, Size: 2 });
        await untilAvailable(copy.VolumeId);

        const { VolumeModification } = await aws("modify-volume", "--volume-id", id, "--size", "3");
        expect(VolumeModification).toMatchObject({ OriginalSize: 2, TargetSize: 3 });
        await until("grown", async () => {
          const described = await client.send(new DescribeVolumesModificationsCommand({ VolumeIds: [id] }));
          return described.VolumesModifications?.[0]?.ModificationState === "completed";
        });
        expect(await aws("describe-volumes-modifications", "--volume-ids", id)).toMatchObject({
          VolumesModifications: [{ ModificationState: "completed", Progress: 100, EndTime: expect.any(String) }],
        });
        expect(await volume(id)).toMatchObject({ Size: 3, VolumeType: "gp3", Iops: 3000 });

        await aws("create-tags", "--resources", id, SnapshotId, "--tags", "Key=owner,Value=me");
        const filtered = await aws(
          "describe-volumes",
          "--filters",
          "Name=tag:owner,Values=m*",
          "Name=status,Values=available",
        );
        expect(filtered.Volumes.map(idOf)).toEqual([id]);
        expect((await aws("describe-tags", "--filters", "Name=key,Values=owner")).Tags).toHaveLength(2);
        await aws("delete-tags", "--resources", id, "--tags", "Key=owner");
        expect((await aws("describe-volume-status", "--volume-ids", id)).VolumeStatuses).toMatchObject([
          { VolumeStatus: { Status: "ok" } },
        ]);

        await aws("delete-snapshot", "--snapshot-id", SnapshotId);
        for (const one of [id, copy.VolumeId]) await aws("delete-volume", "--volume-id", one);
        for (const one of [id, copy.VolumeId]) await untilDeleted(one);
        await aws("wait", "volume-deleted", "--volume-ids", id);
        await refused("InvalidVolume.NotFound", "describe-volumes", "--volume-ids", id);
      },
      AWS_LIMIT_MS,
    );

    it(
      "is told what is wrong",
      async () => {
        await refused("InvalidZone.NotFound", "create-volume", "--size", "1", "--availability-zone", "west");
        await refused("InsufficientVolumeCapacity", "create-volume", "--size", "500", "--availability-zone", "north");
        await refused(
          "UnsupportedOperation",
          "create-volume",
          "--size",
          "1",
          "--availability-zone",
          "north",
          "--encrypted",
        );
        await refused("DryRunOperation", "create-volume", "--size", "1", "--availability-zone", "north", "--dry-run");
        await refused("InvalidAction", "describe-instances");
        const stranger = { ...credentials, secretAccessKey: "another" };
        const { err } = await awsCommand(berth, stranger, "describe-volumes");
        expect(err).toContain("An error occurred (AuthFailure)");
      },
      AWS_LIMIT_MS,
    );

    it(
      "pages by itself",
      async () => {
        const create = new CreateVolumeCommand({ Size: 1, AvailabilityZone: "south" });
        const made = await Promise.all(Array.from({ length: 7 }, () => client.send(create)));
        const listed = (await aws("describe-volumes", "--page-size", "5")).Volumes;
        expect(listed.map(idOf).sort()).toEqual(made.map(idOf).sort());
      },
      AWS_LIMIT_MS,
    );
  });

  it("the SDK has a whole life of a volume", async () => {
    const create = new CreateVolumeCommand({
      AvailabilityZone: "north",
      Size: 1,
      ClientToken: "token-1",
      TagSpecifications: [{ ResourceType: "volume", Tags: [{ Key: "Name", Value: "Ünïcode & <b>" }] }],
    });
    const { VolumeId = "", $metadata } = await client.send(create);
    expect($metadata.requestId).toMatch(/^req-/);
    expect((await client.send(create)).VolumeId).toBe(VolumeId);
    const other = new CreateVolumeCommand({ ...create.input, Size: 2 });
    await expect(client.send(other)).rejects.toMatchObject({ name: "IdempotentParameterMismatch" });
    const named = { VolumeIds: [VolumeId] };
    await untilAvailable(VolumeId);
    await client.send(new AttachVolumeCommand({ VolumeId, InstanceId: INSTANCE, Device: "/dev/sdf" }));
    await waitUntilVolumeInUse(waiting(), named);
    await client.send(new DetachVolumeCommand({ VolumeId, Force: true }));
    await untilAvailable(VolumeId);
    const { SnapshotId = "" } = await client.send(new CreateSnapshotCommand({ VolumeId }));
    await waitUntilSnapshotCompleted(waiting(), { SnapshotIds: [SnapshotId] });
    await client.send(new CreateTagsCommand({ Resources: [VolumeId, SnapshotId], Tags: [{ Key: "a", Value: "" }] }));
    const { VolumeModification } = await client.send(new ModifyVolumeCommand({ VolumeId, VolumeType: "gp2" }));
    expect(VolumeModification).toMatchObject({ ModificationState: "completed", TargetVolumeType: "gp2" });
    const { Volumes } = await client.send(new DescribeVolumesCommand(named));
    expect(Volumes).toMatchObject([
      { VolumeId, Size: 1, State: "available", VolumeType: "gp2", CreateTime: expect.any(Date) },
    ]);
    expect(Volumes?.[0]?.Tags).toEqual(
      expect.arrayContaining([
        { Key: "Name", Value: "Ünïcode & <b>" },
        { Key: "a", Value: "" },
      ]),
    );
    const pages: unknown[] = [];
    for await (const page of paginateDescribeVolumes({ client, pageSize: 5 }, {})) pages.push(...(page.Volumes ?? []));
    expect(pages).toHaveLength(1);
    await client.send(new DeleteSnapshotCommand({ SnapshotId }));
    await client.send(new DeleteVolumeCommand({ VolumeId }));
    await untilDeleted(VolumeId);
    await expect(client.send(new DescribeVolumesCommand(named))).rejects.toMatchObject({
      name: "InvalidVolume.NotFound",
      message: `The volume '${VolumeId}' does not exist.`,
    });
  });
});

function idOf({ VolumeId = "" }: { readonly VolumeId?: string | undefined }): string {
  return VolumeId;
}
