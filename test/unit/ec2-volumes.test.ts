import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ec2Edits } from "#scheduler/catalogue/edits.ts";
import { shortIdOf } from "#scheduler/core/short-ids.ts";
import { type Ec2Parameters, Ec2TestClient } from "#test/kit/ec2-caller.ts";
import { Ec2Stand, INSTANCE, NORTH } from "#test/kit/ec2-stand.ts";
import { until } from "#test/kit/until.ts";

let ec2: Ec2Stand;
beforeEach(async () => {
  ec2 = await Ec2Stand.open();
});
afterEach(() => ec2.stand.api.close());

describe("volumes", () => {
  it("are made, found by their id for ever, and deleted", async () => {
    const tags = {
      "TagSpecification.1.ResourceType": "volume",
      "TagSpecification.1.Tag.1.Key": "Name",
      "TagSpecification.1.Tag.1.Value": "a b",
    };
    const reply = await ec2.client.call("CreateVolume", { ...NORTH, VolumeType: "gp3", Iops: 3000, ...tags });
    expect(reply.status).toBe(200);
    expect(reply.headers).toMatchObject({
      "content-type": "text/xml;charset=UTF-8",
      "x-amzn-requestid": reply.body.requestId,
    });
    expect(reply.text).toContain(
      '<CreateVolumeResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>req-',
    );
    expect(reply.body).toMatchObject({
      size: "1",
      snapshotId: "",
      availabilityZone: "north",
      status: "creating",
      createTime: "2026-11-21T06:59:10.053Z",
      volumeType: "gp3",
      iops: "3000",
      encrypted: "false",
      multiAttachEnabled: "false",
      attachmentSet: [],
      tagSet: [{ key: "Name", value: "a b" }],
    });
    const [record] = ec2.stand.state.table("volume").values();
    expect(record).toMatchObject({ name: "a b", metadata: {}, projectId: "acme", userId: "tester" });
    const id = `vol-${shortIdOf(record?.id ?? "")}`;
    expect(reply.body.volumeId).toBe(id);
    await ec2.untilVolume(id, "available");
    expect(await ec2.client.ok("DeleteVolume", { VolumeId: id })).toMatchObject({ return: "true" });
    await until("gone", async () => (await ec2.client.call("DescribeVolumes", { "VolumeId.1": id })).code !== null);
    expect(await ec2.refused("DescribeVolumes", { "VolumeId.1": id }, "InvalidVolume.NotFound")).toBe(
      `The volume '${id}' does not exist.`,
    );
  });

  const WRONG: readonly (readonly [Ec2Parameters, string])[] = [
    [{ Size: 1 }, "MissingParameter"],
    [{ AvailabilityZone: "north" }, "MissingParameter"],
    [{ AvailabilityZone: "nowhere", Size: 1 }, "InvalidZone.NotFound"],
    [{ ...NORTH, Size: "one" }, "InvalidParameterValue"],
    [{ ...NORTH, Size: 0 }, "InvalidParameterValue"],
    [{ ...NORTH, Colour: "red" }, "UnknownParameter"],
    [{ ...NORTH, VolumeType: "gp9" }, "InvalidParameterValue"],
    [{ ...NORTH, VolumeType: "gp2", Iops: 100 }, "InvalidParameterCombination"],
    [{ ...NORTH, VolumeType: "io1" }, "MissingParameter"],
    [{ ...NORTH, Encrypted: true }, "UnsupportedOperation"],
    [{ ...NORTH, KmsKeyId: "k" }, "UnsupportedOperation"],
    [{ ...NORTH, Encrypted: "yes" }, "InvalidParameterValue"],
    [{ ...NORTH, MultiAttachEnabled: true }, "InvalidParameterCombination"],
    [{ ...NORTH, SnapshotId: "snap-1" }, "InvalidSnapshotID.Malformed"],
    [{ ...NORTH, SnapshotId: "snap-01234567" }, "InvalidSnapshot.NotFound"],
    [{ ...NORTH, ClientToken: "x".repeat(65) }, "InvalidParameterValue"],
    [{ ...NORTH, "TagSpecification.1.ResourceType": "snapshot" }, "InvalidParameterValue"],
    [{ ...NORTH, "TagSpecification.x.ResourceType": "volume" }, "UnknownParameter"],
  ];

  it("that are wrongly asked for are refused, each with its code, and are not made", async () => {
    for (const [parameters, code] of WRONG) await ec2.refused("CreateVolume", parameters, code);
    expect(ec2.stand.state.table("volume").size).toBe(0);
  });

  it("where there is no room are refused at once, and leave nothing", async () => {
    expect(
      await ec2.refused("CreateVolume", { ...NORTH, Size: 101, ClientToken: "t" }, "InsufficientVolumeCapacity"),
    ).toContain("north");
    expect(ec2.stand.state.table("volume").size).toBe(0);
    // The token is not used up.
    await ec2.client.ok("CreateVolume", { ...NORTH, ClientToken: "t" });
  });

  it("past a quota are refused", async () => {
    const { catalogue } = ec2.stand.state.catalogue;
    await ec2.stand.engine.submit("catalogue.changed", {
      ...catalogue,
      quotas: { default: { volumes: 0 }, projects: {} },
    });
    await ec2.refused("CreateVolume", NORTH, "VolumeLimitExceeded");
  });

  it("with one token are one; with another request it is refused", async () => {
    const token = { ClientToken: "e2b7a4a4-0a6c-4f4f-8a7f-8d3c4e0f3b11" };
    const first = await ec2.client.ok("CreateVolume", { ...NORTH, ...token });
    const again = await ec2.client.ok("CreateVolume", { ...token, Size: 1, AvailabilityZone: "north" });
    expect(again.volumeId).toBe(first.volumeId);
    await ec2.refused("CreateVolume", { ...NORTH, ...token, Size: 2 }, "IdempotentParameterMismatch");
    expect(ec2.stand.state.table("volume").size).toBe(1);
    const stranger = await Ec2TestClient.open(ec2.stand, "other");
    expect((await stranger.ok("CreateVolume", { ...NORTH, ...token })).volumeId).not.toBe(first.volumeId);
  });

  it("are of the flavor that their type means, and tell the type that was asked for", async () => {
    const { catalogue } = ec2.stand.state.catalogue;
    await ec2.stand.engine.submit("catalogue.changed", ec2Edits.setEc2VolumeType(catalogue, "gp2", "silver"));
    const south = { AvailabilityZone: "south", Size: 1 };
    for (const [asked, told, flavor] of [
      [{}, "gp2", "silver"],
      [{ VolumeType: "gp2" }, "gp2", "silver"],
      [{ VolumeType: "gp3" }, "gp3", "gold"],
      [{ VolumeType: "gold" }, "gold", "gold"],
    ] as const) {
      const { volumeId, volumeType } = await ec2.client.ok("CreateVolume", { ...south, ...asked });
      expect(volumeType).toBe(told);
      const uuid = ec2.stand.state.shortIds.volume.find(String(volumeId).slice(4))[0] ?? "";
      const record = ec2.stand.state.get("volume", uuid);
      expect(record === undefined ? null : ec2.stand.state.flavor(record)?.name).toBe(flavor);
    }
  });

  it("are listed by filters, page by page", async () => {
    const ids: unknown[] = [];
    for (const n of [1, 2, 3, 4, 5, 6, 7])
      ids.push(
        (await ec2.client.ok("CreateVolume", { ...NORTH, Size: n, AvailabilityZone: n > 4 ? "south" : "north" }))
          .volumeId,
      );
    const listed = async (parameters: Ec2Parameters) => {
      const { volumeSet, nextToken } = await ec2.client.ok("DescribeVolumes", parameters);
      return {
        sizes: Object(volumeSet)
          .map((one: { size: string }) => Number(one.size))
          .sort(),
        nextToken,
      };
    };
    const filter = { "Filter.1.Name": "availability-zone", "Filter.1.Value.1": "south" };
    expect((await listed(filter)).sizes).toEqual([5, 6, 7]);
    expect(
      (await listed({ ...filter, "Filter.2.Name": "size", "Filter.2.Value.1": "7", "Filter.2.Value.2": "1" })).sizes,
    ).toEqual([7]);
    expect(
      (await listed({ "Filter.1.Name": "volume-id", "Filter.1.Value.1": String(ids[0]).replace(/...$/, "*") })).sizes,
    ).toContain(1);
    const first = await listed({ MaxResults: 5 });
    expect(first.sizes).toHaveLength(5);
    const rest = await listed({ MaxResults: 5, NextToken: String(first.nextToken) });
    expect([...first.sizes, ...rest.sizes].sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(rest.nextToken).toBeUndefined();
    await ec2.refused("DescribeVolumes", { MaxResults: 4 }, "InvalidParameterValue");
    await ec2.refused(
      "DescribeVolumes",
      { MaxResults: 5, "VolumeId.1": String(ids[0]) },
      "InvalidParameterCombination",
    );
    await ec2.refused(
      "DescribeVolumes",
      { "Filter.1.Name": "colour", "Filter.1.Value.1": "red" },
      "InvalidParameterValue",
    );
    await ec2.refused("DescribeVolumes", { "VolumeId.1": "vol-xyz" }, "InvalidVolumeID.Malformed");
    expect(
      await ec2.refused(
        "DescribeVolumes",
        { "VolumeId.1": "vol-01234567", "VolumeId.2": "vol-89abcdef" },
        "InvalidVolume.NotFound",
      ),
    ).toBe("The volumes 'vol-01234567, vol-89abcdef' do not exist.");
  });
});

describe("attaching", () => {
  it("is recorded with instance and device, and detaching takes it away", async () => {
    const id = await ec2.created();
    expect(
      await ec2.client.ok("AttachVolume", { VolumeId: id, InstanceId: INSTANCE, Device: "/dev/sdf" }),
    ).toMatchObject({
      volumeId: id,
      instanceId: INSTANCE,
      device: "/dev/sdf",
      status: "attaching",
    });
    expect(await ec2.volume(id)).toMatchObject({
      status: "in-use",
      attachmentSet: [{ instanceId: INSTANCE, device: "/dev/sdf", status: "attached", deleteOnTermination: "false" }],
    });
    const by = { "Filter.1.Name": "attachment.instance-id", "Filter.1.Value.1": INSTANCE };
    expect((await ec2.client.ok("DescribeVolumes", by)).volumeSet).toHaveLength(1);
    await ec2.refused("DeleteVolume", { VolumeId: id }, "VolumeInUse");
    await ec2.refused("AttachVolume", { VolumeId: id, InstanceId: "i-01234567", Device: "/dev/sdg" }, "VolumeInUse");
    await ec2.refused("DetachVolume", { VolumeId: id, InstanceId: "i-01234567" }, "InvalidAttachment.NotFound");
    await ec2.refused("DetachVolume", { VolumeId: id, Device: "/dev/sdz" }, "InvalidAttachment.NotFound");
    expect(await ec2.client.ok("DetachVolume", { VolumeId: id })).toMatchObject({
      status: "detaching",
      instanceId: INSTANCE,
    });
    expect(await ec2.volume(id)).toMatchObject({ status: "available", attachmentSet: [] });
    expect(await ec2.refused("DetachVolume", { VolumeId: id }, "IncorrectState")).toContain(id);
  });

  it("takes one device a volume, in one zone", async () => {
    const [first, second] = [await ec2.created(), await ec2.created()];
    const south = await ec2.created({ AvailabilityZone: "south" });
    await ec2.client.ok("AttachVolume", { VolumeId: first, InstanceId: INSTANCE, Device: "/dev/sdf" });
    await ec2.refused(
      "AttachVolume",
      { VolumeId: second, InstanceId: INSTANCE, Device: "/dev/sdf" },
      "InvalidParameterValue",
    );
    await ec2.refused(
      "AttachVolume",
      { VolumeId: south, InstanceId: INSTANCE, Device: "/dev/sdg" },
      "InvalidVolume.ZoneMismatch",
    );
    await ec2.client.ok("AttachVolume", { VolumeId: second, InstanceId: INSTANCE, Device: "/dev/sdg" });
  });

  it.each<[Ec2Parameters, string]>([
    [{ InstanceId: "j-1", Device: "/dev/sdf" }, "InvalidInstanceID.Malformed"],
    [{ InstanceId: INSTANCE }, "MissingParameter"],
    [{ InstanceId: INSTANCE, Device: "a b" }, "InvalidParameterValue"],
  ])("%j is refused: %s", async (parameters, code) => {
    await ec2.refused("AttachVolume", { VolumeId: await ec2.created(), ...parameters }, code);
  });

  it("is refused while the volume is made", async () => {
    ec2.stand.agent = () => null;
    const { volumeId } = await ec2.client.ok("CreateVolume", NORTH);
    await ec2.refused(
      "AttachVolume",
      { VolumeId: String(volumeId), InstanceId: INSTANCE, Device: "/dev/sdf" },
      "IncorrectState",
    );
  });
});

describe("modifying", () => {
  const modification = async (id: string): Promise<Record<string, unknown>> =>
    Object((await ec2.client.ok("DescribeVolumesModifications", { "VolumeId.1": id })).volumeModificationSet)[0];

  it("grows a volume, and tells how far it is", async () => {
    const id = await ec2.created({ VolumeType: "gp3" });
    await ec2.refused("DescribeVolumesModifications", { "VolumeId.1": id }, "InvalidVolumeModification.NotFound");
    ec2.stand.agent = () => null;
    const { volumeModification } = await ec2.client.ok("ModifyVolume", { VolumeId: id, Size: 3, Iops: 4000 });
    expect(volumeModification).toMatchObject({
      volumeId: id,
      modificationState: "modifying",
      originalSize: "1",
      targetSize: "3",
      targetIops: "4000",
      originalVolumeType: "gp3",
      targetVolumeType: "gp3",
      progress: "0",
    });
    expect(await ec2.volume(id)).toMatchObject({ status: "available", size: "1" });
    // Sent again by a client that had no answer.
    expect((await ec2.client.ok("ModifyVolume", { VolumeId: id, Size: 3, Iops: 4000 })).volumeModification).toEqual(
      volumeModification,
    );
    await ec2.refused("ModifyVolume", { VolumeId: id, Size: 4 }, "IncorrectModificationState");
    await ec2.finish();
    expect(await modification(id)).toMatchObject({
      modificationState: "completed",
      progress: "100",
      endTime: "2026-11-21T06:59:10.053Z",
    });
    expect(await ec2.volume(id)).toMatchObject({ size: "3", iops: "4000" });
    await ec2.refused("ModifyVolume", { VolumeId: id, Size: 2 }, "InvalidParameterValue");
    await ec2.refused("ModifyVolume", { VolumeId: id }, "MissingParameter");
  });

  it("that finds no room fails, and the volume stays what it was", async () => {
    const id = await ec2.created();
    ec2.stand.agent = () => ({ outcome: "no-space", message: "full" });
    await ec2.client.ok("ModifyVolume", { VolumeId: id, Size: 3 });
    await until("failed", async () => (await modification(id)).modificationState === "failed");
    expect(await ec2.volume(id)).toMatchObject({ size: "1", status: "available" });
  });

  it("makes it of another type: by other words alone, or of another flavor by moving it", async () => {
    const id = await ec2.created({ AvailabilityZone: "south", VolumeType: "gp3", Iops: 3000 });
    expect((await ec2.client.ok("ModifyVolume", { VolumeId: id, VolumeType: "gp2" })).volumeModification).toMatchObject(
      {
        modificationState: "completed",
        originalVolumeType: "gp3",
        originalIops: "3000",
        targetVolumeType: "gp2",
      },
    );
    expect(await ec2.volume(id)).toMatchObject({ volumeType: "gp2" });
    expect(await ec2.volume(id)).not.toHaveProperty("iops");
    // Backend 3 is behind both.
    await ec2.client.ok("ModifyVolume", { VolumeId: id, VolumeType: "silver", Size: 2 });
    await until("of it", async () => (await modification(id)).modificationState === "completed");
    expect(await ec2.volume(id)).toMatchObject({ volumeType: "silver", size: "2" });
    await ec2.refused("ModifyVolume", { VolumeId: id, VolumeType: "gp9" }, "InvalidParameterValue");
  });

  it("to a flavor by OpenStack is told as that flavor's name", async () => {
    const id = await ec2.created({ AvailabilityZone: "south", VolumeType: "gp3" });
    const [record] = ec2.stand.state.table("volume").values();
    const body = { "os-retype": { new_type: "silver", migration_policy: "never" } };
    await ec2.stand.api.inject({ method: "POST", url: `/v3/acme/volumes/${record?.id}/action`, body });
    expect(await ec2.volume(id)).toMatchObject({ volumeType: "silver" });
  });
});
