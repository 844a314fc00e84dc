import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ACTIONS } from "#scheduler/api/ec2/actions.ts";
import { type Ec2Parameters, Ec2TestClient } from "#test/kit/ec2-caller.ts";
import { Ec2Stand, INSTANCE, NORTH } from "#test/kit/ec2-stand.ts";
import { until } from "#test/kit/until.ts";

let ec2: Ec2Stand;
beforeEach(async () => {
  ec2 = await Ec2Stand.open();
});
afterEach(() => ec2.stand.api.close());

describe("snapshots", () => {
  it("are taken, listed, copied and deleted", async () => {
    const id = await ec2.created({ Size: 2 });
    await ec2.client.ok("AttachVolume", { VolumeId: id, InstanceId: INSTANCE, Device: "/dev/sdf" });
    const snapshotId = await ec2.snapshotOf(id);
    const listed = async (parameters: Ec2Parameters) =>
      Object((await ec2.client.ok("DescribeSnapshots", parameters)).snapshotSet);
    expect(await listed({ "Owner.1": "self", MaxResults: 1000 })).toMatchObject([
      {
        snapshotId,
        volumeId: id,
        status: "completed",
        progress: "100%",
        ownerId: "acme",
        volumeSize: "2",
        description: "before",
        encrypted: "false",
      },
    ]);
    expect(await listed({ "Owner.1": "amazon" })).toEqual([]);
    expect(await listed({ "Filter.1.Name": "volume-id", "Filter.1.Value.1": id })).toHaveLength(1);
    expect(await listed({ "Filter.1.Name": "status", "Filter.1.Value.1": "pending" })).toEqual([]);
    await ec2.refused("CreateVolume", { ...NORTH, SnapshotId: snapshotId }, "InvalidParameterValue");
    const copy = await ec2.client.ok("CreateVolume", { AvailabilityZone: "north", SnapshotId: snapshotId });
    expect(copy).toMatchObject({ snapshotId, size: "2" });
    await ec2.untilVolume(String(copy.volumeId), "available");
    await ec2.client.ok("DetachVolume", { VolumeId: id });
    expect(await ec2.refused("DeleteVolume", { VolumeId: id }, "DependencyViolation")).toContain(snapshotId);
    await ec2.client.ok("DeleteSnapshot", { SnapshotId: snapshotId });
    // With EC2 a volume can be deleted right behind its snapshot.
    await ec2.client.ok("DeleteVolume", { VolumeId: id });
    await ec2.refused("DeleteSnapshot", { SnapshotId: snapshotId }, "InvalidSnapshot.NotFound");
  });

  it("are gone when it is said that they are deleted", async () => {
    const id = await ec2.created();
    const snapshotId = await ec2.snapshotOf(id);
    ec2.stand.agent = () => null;
    let isAnswered = false;
    const answer = ec2.client.ok("DeleteSnapshot", { SnapshotId: snapshotId }).then(() => {
      isAnswered = true;
    });
    await until("its job", () => ec2.stand.state.table("job").size === 1);
    await ec2.refused("DescribeSnapshots", { "SnapshotId.1": snapshotId }, "InvalidSnapshot.NotFound");
    await ec2.refused("DeleteVolume", { VolumeId: id }, "IncorrectState");
    expect(isAnswered).toBe(false);
    await ec2.finish();
    await answer;
    await ec2.client.ok("DeleteVolume", { VolumeId: id });
  });

  it("cannot be deleted while one is made a volume of", async () => {
    const snapshotId = await ec2.snapshotOf(await ec2.created());
    ec2.stand.agent = () => null;
    await ec2.client.ok("CreateVolume", { AvailabilityZone: "north", SnapshotId: snapshotId });
    await ec2.refused("DeleteSnapshot", { SnapshotId: snapshotId }, "InvalidSnapshot.InUse");
  });

  it("past a quota are refused", async () => {
    const id = await ec2.created();
    const { catalogue } = ec2.stand.state.catalogue;
    await ec2.stand.engine.submit("catalogue.changed", {
      ...catalogue,
      quotas: { default: { snapshots: 0 }, projects: {} },
    });
    await ec2.refused("CreateSnapshot", { VolumeId: id }, "SnapshotLimitExceeded");
  });
});

describe("tags", () => {
  it("are set, listed, filtered and taken away, on volumes and snapshots at once", async () => {
    const id = await ec2.created();
    const snapshotId = await ec2.snapshotOf(id);
    const both = { "ResourceId.1": id, "ResourceId.2": snapshotId };
    await ec2.client.ok("CreateTags", {
      ...both,
      "Tag.1.Key": "Name",
      "Tag.1.Value": "data",
      "Tag.2.Key": "env",
      "Tag.2.Value": "test",
    });
    const [record] = ec2.stand.state.table("volume").values();
    expect(record).toMatchObject({ name: "data", metadata: { env: "test" } });
    const tags = async (parameters: Ec2Parameters = {}) =>
      Object((await ec2.client.ok("DescribeTags", parameters)).tagSet);
    expect(await tags()).toHaveLength(4);
    expect(
      await tags({
        "Filter.1.Name": "resource-type",
        "Filter.1.Value.1": "volume",
        "Filter.2.Name": "key",
        "Filter.2.Value.1": "Name",
      }),
    ).toEqual([{ resourceId: id, resourceType: "volume", key: "Name", value: "data" }]);
    const named = await ec2.client.ok("DescribeVolumes", { "Filter.1.Name": "tag:env", "Filter.1.Value.1": "t*" });
    expect(named.volumeSet).toHaveLength(1);
    await ec2.client.ok("DeleteTags", { ...both, "Tag.1.Key": "env", "Tag.1.Value": "other" });
    expect(await tags()).toHaveLength(4);
    await ec2.client.ok("DeleteTags", { ...both, "Tag.1.Key": "Name" });
    expect(ec2.stand.state.get("volume", record?.id ?? "")).toMatchObject({ name: "", metadata: { env: "test" } });
    await ec2.client.ok("DeleteTags", both);
    expect(await tags()).toEqual([]);
  });

  it("go to all resources or to none", async () => {
    const id = await ec2.created();
    const tag = { "Tag.1.Key": "a", "Tag.1.Value": "b" };
    await ec2.refused(
      "CreateTags",
      { "ResourceId.1": id, "ResourceId.2": "vol-01234567", ...tag },
      "InvalidVolume.NotFound",
    );
    await ec2.refused("CreateTags", { "ResourceId.1": id, "ResourceId.2": "ami-01234567", ...tag }, "InvalidID");
    await ec2.refused("CreateTags", { "ResourceId.1": id }, "MissingParameter");
    expect(await ec2.volume(id)).toMatchObject({ tagSet: [] });
  });
});

describe("zones and health", () => {
  it("tell which zones there are, and which can be used", async () => {
    ec2.stand.nowMs += 60_000;
    await ec2.stand.heartbeat("north");
    await ec2.stand.engine.submit("tick", {});
    const { availabilityZoneInfo } = await ec2.client.ok("DescribeAvailabilityZones");
    expect(availabilityZoneInfo).toMatchObject([
      { zoneName: "north", zoneState: "available", regionName: "r1", zoneId: "north", messageSet: [] },
      { zoneName: "south", zoneState: "unavailable" },
    ]);
    const one = await ec2.client.ok("DescribeAvailabilityZones", {
      "Filter.1.Name": "state",
      "Filter.1.Value.1": "available",
    });
    expect(one.availabilityZoneInfo).toHaveLength(1);
    await ec2.refused("DescribeAvailabilityZones", { "ZoneName.1": "west" }, "InvalidParameterValue");
  });

  it("tell how volumes are", async () => {
    const id = await ec2.created();
    const { volumeStatusSet } = await ec2.client.ok("DescribeVolumeStatus", { "VolumeId.1": id });
    expect(volumeStatusSet).toMatchObject([
      {
        volumeId: id,
        volumeStatus: { status: "ok", details: [{ name: "io-enabled", status: "passed" }, { name: "io-performance" }] },
      },
    ]);
    const bad = { "Filter.1.Name": "volume-status.status", "Filter.1.Value.1": "impaired" };
    expect((await ec2.client.ok("DescribeVolumeStatus", bad)).volumeStatusSet).toEqual([]);
  });
});

describe("a dry run", () => {
  it("tells that it would be done, and does nothing", async () => {
    const id = await ec2.created();
    const before = JSON.stringify([...ec2.stand.state.table("volume").values()]);
    for (const [action, parameters] of [
      ["CreateVolume", { ...NORTH, ClientToken: "t" }],
      ["DeleteVolume", { VolumeId: id }],
      ["DescribeVolumes", {}],
      ["ModifyVolume", { VolumeId: id, Size: 2 }],
      ["AttachVolume", { VolumeId: id, InstanceId: INSTANCE, Device: "/dev/sdf" }],
      ["CreateSnapshot", { VolumeId: id }],
      ["CreateTags", { "ResourceId.1": id, "Tag.1.Key": "a" }],
    ] as const)
      await ec2.refused(action, { ...parameters, DryRun: true }, "DryRunOperation", 412);
    expect(JSON.stringify([...ec2.stand.state.table("volume").values()])).toBe(before);
    expect([
      ec2.stand.state.table("snapshot").size,
      ec2.stand.state.table("attachment").size,
      ec2.stand.state.table("job").size,
    ]).toEqual([0, 0, 0]);
  });

  it("tells what it would be refused for", async () => {
    await ec2.refused("DeleteVolume", { VolumeId: "vol-01234567", DryRun: true }, "InvalidVolume.NotFound");
    await ec2.refused("CreateVolume", { ...NORTH, Size: 500, DryRun: true }, "InsufficientVolumeCapacity");
    const reader = await Ec2TestClient.open(ec2.stand, "acme", "reader");
    expect(await reader.call("CreateVolume", { ...NORTH, DryRun: true })).toMatchObject({
      code: "UnauthorizedOperation",
      status: 403,
    });
  });
});

describe("who asks", () => {
  it("has nothing of another project's, by any action", async () => {
    const id = await ec2.created();
    const snapshotId = await ec2.snapshotOf(id);
    const stranger = await Ec2TestClient.open(ec2.stand, "other", "admin");
    const named: Readonly<Record<string, Ec2Parameters>> = {
      AttachVolume: { VolumeId: id, InstanceId: INSTANCE, Device: "/dev/sdf" },
      CreateSnapshot: { VolumeId: id },
      CreateTags: { "ResourceId.1": id, "Tag.1.Key": "a" },
      CreateVolume: { AvailabilityZone: "north", SnapshotId: snapshotId },
      DeleteSnapshot: { SnapshotId: snapshotId },
      DeleteTags: { "ResourceId.1": snapshotId },
      DeleteVolume: { VolumeId: id },
      DescribeSnapshots: { "SnapshotId.1": snapshotId },
      DescribeVolumeStatus: { "VolumeId.1": id },
      DescribeVolumes: { "VolumeId.1": id },
      DescribeVolumesModifications: { "VolumeId.1": id },
      DetachVolume: { VolumeId: id },
      ModifyVolume: { VolumeId: id, Size: 2 },
    };
    const lists = new Set(["DescribeAvailabilityZones", "DescribeTags"]);
    expect([...ACTIONS.keys()].filter((name) => !lists.has(name) && named[name] === undefined)).toEqual([]);
    for (const [action, parameters] of Object.entries(named))
      expect((await stranger.call(action, parameters)).code, action).toMatch(/^Invalid(Volume|Snapshot)\.NotFound$/);
    expect(await stranger.ok("DescribeVolumes")).toMatchObject({ volumeSet: [] });
    expect(await stranger.ok("DescribeSnapshots")).toMatchObject({ snapshotSet: [] });
    expect(await stranger.ok("DescribeTags")).toMatchObject({ tagSet: [] });
    expect(await ec2.volume(id)).toMatchObject({ status: "available", tagSet: [] });
  });

  it("as a reader looks, and changes nothing", async () => {
    const reader = await Ec2TestClient.open(ec2.stand, "acme", "reader");
    const changing = [...ACTIONS].filter(([, { access }]) => access === "member").map(([name]) => name);
    expect(changing).toHaveLength(9);
    for (const action of changing)
      expect(await reader.call(action, NORTH), action).toMatchObject({ code: "UnauthorizedOperation", status: 403 });
    for (const [action] of [...ACTIONS].filter(([, { access }]) => access === "reader")) await reader.ok(action);
  });
});
