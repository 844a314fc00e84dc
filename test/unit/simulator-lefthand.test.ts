import { XMLParser } from "fast-xml-parser";
import { expect, test } from "vitest";
import { type LeftHandStand, leftHandStand } from "#test/kit/lefthand.ts";

const xml = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: "" });

/** An answer as documents show it: exit status, the attributes of `response`, and what is in it. */
async function asked({ cliq }: LeftHandStand, line: string) {
  const { exitCode, stdout, stderr } = await cliq(...line.split(" "), "output=XML");
  const { gauche } = xml.parse(stdout);
  return { exitCode, stderr, text: stdout, response: gauche.response };
}

const DONE = {
  exitCode: 0,
  stderr: "",
  response: { result: "0", name: "CliqSuccess", description: "Operation succeeded." },
};

test("the exchanges that are documented are answered as they stand there", async () => {
  const stand = await leftHandStand();
  const create = "createVolume clusterName=Cluster01 thinProvision=1 volumeName=volume-0001 size=1GB";
  expect(await asked(stand, create)).toMatchObject(DONE);
  const { response, text } = await asked(stand, "getVolumeInfo volumeName=volume-0001");
  expect(text).toMatch(
    /^<\?xml version="1\.0" encoding="UTF-8" standalone="no" \?>\n<gauche version="1\.0"><response /,
  );
  expect(response.volume).toMatchObject({
    name: "volume-0001",
    clusterName: "Cluster01",
    groupName: "Group01",
    size: "1073741824",
    thinProvision: "true",
    availability: "online",
    deleting: "false",
    replication: "2",
    status: { description: "OK", value: "2" },
  });
  expect(response.volume.iscsiIqn).toMatch(/^iqn\.2003-10\.com\.lefthandnetworks:group01:\d+:volume-0001$/);
  const id = Number(response.volume.iscsiIqn.split(":")[2]);
  expect(response.volume.serialNumber).toBe(`${response.volume.md5}${id.toString(16).padStart(16, "0")}`);

  const cluster = await asked(stand, "getClusterInfo clusterName=Cluster01 searchDepth=1 verbose=0");
  expect(cluster.response.cluster).toMatchObject({
    name: "Cluster01",
    blockSize: "1024",
    pageSize: "262144",
    spaceTotal: String(10 * 1024 ** 2),
    useVip: "true",
    nsm: [{ name: "nodeA" }, { name: "nodeB" }],
    vip: { ipAddress: "127.0.0.1", subnetMask: "255.255.255.0" },
  });
  expect(cluster.response.cluster.volume).toBeUndefined();

  expect(await asked(stand, "getVolumeInfo volumeName=nope")).toMatchObject({
    exitCode: 139,
    response: { result: "8000100c", name: "CliqVolumeNotFound", description: "Volume 'nope' not found." },
  });
});

test("with CHAP: the permission is told, the secret in clear; again it stands once", async () => {
  const stand = await leftHandStand();
  await asked(stand, "createVolume clusterName=Cluster01 volumeName=v size=100MB");
  const assign = "assignVolumeChap volumeName=v chapName=proj_p1 targetSecret=project_secret_p1";
  for (let time = 0; time < 2; time++) expect(await asked(stand, assign)).toMatchObject(DONE);
  const { response } = await asked(stand, "getVolumeInfo volumeName=v");
  expect(response.volume.permission).toMatchObject({
    access: "rw",
    chapName: "proj_p1",
    chapRequired: "true",
    iqn: "",
    targetSecret: "project_secret_p1",
  });
  expect(await asked(stand, "assignVolumeChap volumeName=v chapName=p targetSecret=short")).toMatchObject({
    exitCode: 128,
  });
  expect(await asked(stand, "unassignVolume volumeName=v")).toMatchObject(DONE);
  expect((await asked(stand, "getVolumeInfo volumeName=v")).response.volume.permission).toBeUndefined();
  expect(await asked(stand, "unassignVolume volumeName=v")).toMatchObject({ exitCode: 1, response: { result: "1" } });
});

test("by servers: one more is let in; by initiators: the last command is what holds", async () => {
  const stand = await leftHandStand();
  await asked(stand, "createVolume clusterName=Cluster01 volumeName=v size=100MB");
  expect(await asked(stand, "getServerInfo serverName=hostA")).toMatchObject({ exitCode: 128 });
  for (const host of ["A", "B"]) {
    expect(
      await asked(stand, `createServer serverName=host${host} initiator=iqn.1993-08.org.debian:${host}`),
    ).toMatchObject(DONE);
    expect(await asked(stand, `assignVolumeToServer volumeName=v serverName=host${host}`)).toMatchObject(DONE);
  }
  expect(await asked(stand, "createServer serverName=hostA initiator=iqn.1993-08.org.debian:C")).toMatchObject({
    exitCode: 128,
  });
  expect(await asked(stand, "createServer serverName=hostC initiator=iqn.1993-08.org.debian:A")).toMatchObject({
    exitCode: 128,
  });
  const groups = async () => {
    const { response } = await asked(stand, "getVolumeInfo volumeName=v");
    return [response.volume.permission ?? []].flat().map((one: { authGroup: string }) => one.authGroup);
  };
  expect(await groups()).toEqual(["hostA", "hostB"]);
  expect(await asked(stand, "unassignVolumeToServer volumeName=v serverName=hostA")).toMatchObject(DONE);
  expect(await groups()).toEqual(["hostB"]);
  await asked(stand, "unassignVolume volumeName=v");
  await asked(stand, "assignVolume volumeName=v initiator=iqn.1993-08.org.debian:A;iqn.1993-08.org.debian:B");
  expect(await groups()).toEqual(["hostA", "hostB"]);
  await asked(stand, "assignVolume volumeName=v initiator=iqn.1993-08.org.debian:B");
  expect(await groups()).toEqual(["hostB"]);
});

test.each([
  ["CREATEVOLUME VOLUMENAME=v ClusterName=Cluster01 SIZE=1gb", 0, "names regardless of case, in any order"],
  ["method=createVolume size=1GB volumeName=v clusterName=Cluster01", 0, "the command as a parameter"],
  ["createVolume volumeName=v clusterName=Cluster01 size=1", 130, "a size without its unit"],
  ["createVolume volumeName=v clusterName=Cluster01 size=1.5GB", 130, "a size that is no integer"],
  ["createVolume volumeName=v clusterName=Cluster01 size=1GB size=2GB", 131, "a parameter twice"],
  ["createVolume volumeName=v size=1GB", 133, "without the cluster"],
  ["createVolume volumeName=v clusterName=Cluster02 size=1GB", 128, "in another cluster"],
  ["createVolume volumeName=v clusterName=Cluster01 size=1GB replication=5", 130, "with five copies"],
  ["createVolume volumeName=v clusterName=Cluster01 size=1GB colour=red", 8, "with a parameter that nobody knows"],
  ["createVol volumeName=v clusterName=Cluster01 size=1GB", 134, "abbreviated"],
  ["volumeName=v", 132, "without a command"],
  ["createVolume volumeName=v clusterName", 130, "with a word that is no parameter"],
  [
    "createVolume volumeName=v clusterName=Cluster01 size=6GB",
    128,
    "full, with two copies of more than half of the cluster",
  ],
  ["createVolume volumeName=v clusterName=Cluster01 size=5GB thinProvision=true", 0, "thin"],
])("%s ends with %i: %s", async (line, exitCode) => {
  expect((await asked(await leftHandStand(), line)).exitCode).toBe(exitCode);
});

test("values with blanks stand in quotes, lists do one after the other, a short list's last counts on", async () => {
  const stand = await leftHandStand();
  const created = await stand.cliq(
    "createVolume",
    "volumeName=a;b;c",
    "size=1GB;2GB",
    "clusterName=Cluster01",
    "description=two words",
    "thinProvision=1",
    "output=XML",
  );
  expect(created.exitCode).toBe(0);
  const { response } = await asked(stand, "getVolumeInfo volumeName=a;b;c");
  const told = response.volume.map(({ name, size, description }: Record<string, string>) => [name, size, description]);
  expect(told).toEqual([
    ["a", String(1024 ** 3), "two words"],
    ["b", String(2 * 1024 ** 3), "two words"],
    ["c", String(2 * 1024 ** 3), "two words"],
  ]);
});

test("what destroys asks first, and who says nothing has said no", async () => {
  const stand = await leftHandStand();
  await asked(stand, "createVolume volumeName=v clusterName=Cluster01 size=1GB");
  const unasked = await stand.cliq("deleteVolume", "volumeName=v", "output=XML");
  expect(unasked).toMatchObject({ exitCode: 3, stdout: expect.stringContaining("(y/n)") });
  expect(await asked(stand, "deleteVolume volumeName=v prompt=0")).toMatchObject(DONE);
  expect(await asked(stand, "deleteVolume volumeName=v prompt=0")).toMatchObject({ exitCode: 139 });
});

test("for people: a banner, and words in capitals with what belongs to them", async () => {
  const { cliq } = await leftHandStand();
  await cliq("createVolume", "volumeName=v", "clusterName=Cluster01", "size=1GB");
  const { stdout } = await cliq("getVolumeInfo", "volumeName=v");
  expect(stdout).toMatch(/Command Line Interface, v[\d.]+\n/);
  expect(stdout).toMatch(/\nRESPONSE\n result +0\n processingTime \d+\n name +CliqSuccess\n/);
  expect(stdout).toMatch(/\nVOLUME\n name +v\n size +1073741824\n/);
});

test("a clone stands upon its snapshot: with two of them it is a clone point, with one left they merge", async () => {
  const stand = await leftHandStand();
  await asked(stand, "createVolume volumeName=v clusterName=Cluster01 size=1GB");
  await asked(stand, "createSnapshot volumeName=v snapshotName=s inheritAccess=1");
  expect(await asked(stand, "createSnapshot volumeName=v snapshotName=s")).toMatchObject({ exitCode: 128 });
  expect(await asked(stand, "createSnapshot volumeName=v snapshotName=v")).toMatchObject({ exitCode: 128 });
  for (const name of ["c1", "c2"])
    expect(await asked(stand, `cloneSnapshot snapshotName=s volumeName=${name}`)).toMatchObject(DONE);
  expect((await asked(stand, "getVolumeInfo volumeName=c1")).response.volume).toMatchObject({
    size: "1073741824",
    thinProvision: "true",
  });
  expect(await asked(stand, "deleteSnapshot snapshotName=s prompt=0")).toMatchObject({
    exitCode: 128,
    response: {
      result: "80001001",
      description: expect.stringContaining("cannot be deleted because it is a clone point"),
    },
  });
  await asked(stand, "deleteVolume volumeName=c2 prompt=0");
  expect(await asked(stand, "deleteSnapshot snapshotName=s prompt=0")).toMatchObject(DONE);
  expect(await asked(stand, "getVolumeInfo volumeName=c1")).toMatchObject(DONE);
});

test("a volume grows and does not shrink; a name that comes again has another IQN", async () => {
  const stand = await leftHandStand();
  await asked(stand, "createVolume volumeName=v clusterName=Cluster01 size=1GB");
  const iqn = async () => (await asked(stand, "getVolumeInfo volumeName=v")).response.volume.iscsiIqn;
  const first = await iqn();
  expect(await asked(stand, "modifyVolume volumeName=v size=2GB")).toMatchObject(DONE);
  expect(await asked(stand, "modifyVolume volumeName=v size=1GB")).toMatchObject({ exitCode: 128 });
  expect(await iqn()).toBe(first);
  await asked(stand, "deleteVolume volumeName=v prompt=0");
  await asked(stand, "createVolume volumeName=v clusterName=Cluster01 size=1GB");
  expect(await iqn()).not.toBe(first);
});

test("full volumes take their size as often as they are kept; thin ones a little", async () => {
  const stand = await leftHandStand({ capacityGib: 10 });
  const freeGib = async () => {
    const { response } = await asked(stand, "getClusterInfo clusterName=Cluster01 searchDepth=1");
    return (Number(response.cluster.unprovisionedSpace) * 1024) / 1024 ** 3;
  };
  await asked(stand, "createVolume volumeName=full clusterName=Cluster01 size=2GB");
  expect(await freeGib()).toBe(6);
  await asked(stand, "createVolume volumeName=one clusterName=Cluster01 size=2GB replication=1");
  expect(await freeGib()).toBe(4);
  await asked(stand, "createVolume volumeName=thin clusterName=Cluster01 size=4GB thinProvision=1");
  expect(await freeGib()).toBe(3);
  expect(await asked(stand, "createVolume volumeName=more clusterName=Cluster01 size=2GB")).toMatchObject({
    exitCode: 128,
  });
  expect(await asked(stand, "modifyVolume volumeName=full size=4GB")).toMatchObject({ exitCode: 128 });
  await asked(stand, "deleteVolume volumeName=full prompt=0");
  expect(await freeGib()).toBe(7);
});

test("the whole group is told in one answer: volumes in their cluster, snapshots in their volumes", async () => {
  const stand = await leftHandStand();
  expect(await asked(stand, "getVolumeInfo")).toMatchObject({ exitCode: 4, response: { name: "CliqNothingFound" } });
  await asked(stand, "createVolume volumeName=v clusterName=Cluster01 size=1GB");
  await asked(stand, "createSnapshot volumeName=v snapshotName=s");
  const { cluster } = (await asked(stand, "getClusterInfo")).response;
  expect(cluster.volume).toMatchObject({
    name: "v",
    snapshot: { name: "s", volumeSerial: cluster.volume.serialNumber },
  });
  expect((await asked(stand, "getClusterInfo searchDepth=2")).response.cluster.volume.snapshot).toBeUndefined();
  expect(await asked(stand, "getClusterInfo clusterName=other")).toMatchObject({ exitCode: 128 });
  expect((await asked(stand, "getGroupInfo")).response.group).toMatchObject({
    name: "Group01",
    cluster: { name: "Cluster01" },
  });
});

test("going back to a snapshot takes the newer ones away, unless something stands upon them", async () => {
  const stand = await leftHandStand();
  await asked(stand, "createVolume volumeName=v clusterName=Cluster01 size=1GB");
  for (const name of ["s1", "s2"]) await asked(stand, `createSnapshot volumeName=v snapshotName=${name}`);
  await asked(stand, "cloneSnapshot snapshotName=s2 volumeName=c");
  expect(await asked(stand, "rollbackSnapshot snapshotName=s1 prompt=0")).toMatchObject({ exitCode: 128 });
  await asked(stand, "deleteVolume volumeName=c prompt=0");
  expect(await asked(stand, "rollbackSnapshot snapshotName=s1 prompt=0")).toMatchObject(DONE);
  expect(await asked(stand, "getSnapshotInfo snapshotName=s2")).toMatchObject({ exitCode: 128 });
  expect(await asked(stand, "getSnapshotInfo snapshotName=s1")).toMatchObject(DONE);
});

test("what stands there outlives the simulator", async () => {
  const folder = (await leftHandStand()).folder;
  const first = await leftHandStand({ folder });
  await asked(first, "createVolume volumeName=v clusterName=Cluster01 size=1GB");
  const before = await asked(first, "getVolumeInfo volumeName=v");
  await first.simulator[Symbol.asyncDispose]();
  const again = await leftHandStand({ folder });
  expect((await asked(again, "getVolumeInfo volumeName=v")).response.volume).toEqual(before.response.volume);
  expect(again.simulator.ready.credentials).toEqual(first.simulator.ready.credentials);
  expect(again.simulator.ready.address).toBe(first.simulator.ready.address);
});

test.each([
  [
    "own-codes",
    {},
    "getSnapshotInfo snapshotName=s",
    { exitCode: 140, text: expect.stringContaining("CliqSnapshotNotFound") },
  ],
  [
    "failure",
    { value: "8000100a CliqOdd 137 It is odd." },
    "getGroupInfo",
    { exitCode: 137, text: expect.stringContaining('description="It is odd."') },
  ],
  ["exit-zero", {}, "getVolumeInfo volumeName=v", { exitCode: 0, text: expect.stringContaining("8000100c") }],
  ["warning", { value: 6 }, "getGroupInfo", { exitCode: 6, text: expect.stringContaining("CliqVssSnapshotWarning") }],
  ["noise", {}, "getGroupInfo", { exitCode: 0, stderr: expect.stringContaining("WARNING") }],
  ["no-declaration", {}, "getGroupInfo", { text: expect.stringMatching(/^<gauche/) }],
  ["upper-case", {}, "getVolumeInfo volumeName=v", { text: expect.stringContaining("8000100C") }],
  ["old-release", { methods: ["createServer"] }, "createServer serverName=a initiator=iqn.a", { exitCode: 134 }],
  ["vips", { value: 0 }, "getClusterInfo", { text: expect.not.stringContaining("<vip") }],
  ["full", {}, "createVolume volumeName=v clusterName=Cluster01 size=1MB thinProvision=1", { exitCode: 128 }],
] as const)("the fault %s %j shows in %s", async (fault, setting, line, shown) => {
  const stand = await leftHandStand();
  stand.simulator.desk.faults.set(fault, "methods" in setting ? { methods: [...setting.methods] } : setting);
  expect(await asked(stand, line)).toMatchObject(shown);
});
