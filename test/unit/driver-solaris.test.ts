import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Driver, LeaseLost } from "#agent/drivers/driver.ts";
import { createDriver } from "#agent/drivers/registry.ts";
import { Credentials } from "#agent/transport/credentials.ts";
import type { VolumeRef } from "#shared/model/operation.ts";
import { Secret } from "#shared/secret.ts";
import { backendRecord, callContext, driverTools, leaseFor } from "#test/kit/driver-context.ts";
import {
  connect,
  connectorOf,
  credentials,
  MARK,
  madeSnapshot,
  madeVolume,
  snapshotRef,
  volumeRef,
} from "../conformance/objects.ts";
import { SIZE_BYTES } from "../conformance/subject.ts";
import { type StartedSimulator, startSimulator } from "../simulators/kit/start.ts";
import { LEAST_RIGHTS, simulator as solaris } from "../simulators/solaris/simulator.ts";

const HOST = "iqn.2026-01.test.host:h1";
const BASE = "rpool/berth";
const THICK = { provisioning: "thick", compression: false, vendor: {}, qos: null } as const;

describe("the solaris driver", () => {
  let folder: string;
  let simulator: StartedSimulator;
  let driver: Driver;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "berth-solaris-"));
    simulator = await startSimulator(solaris, { dataFolder: folder, capacityGib: 1, iscsi: false });
    driver = agent();
    await driver.open(callContext());
  });
  afterEach(async () => {
    await driver.close();
    await simulator[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  function agent(parameters: Record<string, string | number | boolean> = {}): Driver {
    const backend = backendRecord("solaris", { ...simulator.ready.backend.parameters, ...parameters });
    return createDriver({ backend, tools: driverTools(folder) });
  }

  /** What an administrator types, as root. Returns what it says, on both streams. */
  async function root(...lines: readonly string[]): Promise<string> {
    const [host = "", port] = simulator.ready.address.split(":");
    const login = { login: "root", password: new Secret(simulator.ready.credentials.password ?? ""), privateKey: null };
    const credentialsOfRoot = new Credentials(async () => login);
    const shell = driverTools(folder).ssh({
      ...{ host, port: Number(port), credentials: credentialsOfRoot, hostKey: null, maxConcurrentCalls: 1, tries: 1 },
      quoting: (argument) => argument,
    });
    let text = "";
    for (const line of lines) {
      const { stdout, stderr } = await shell.run(callContext(), [line], { changes: true, answers: "all" });
      text += stdout + stderr;
    }
    shell.close();
    return text;
  }

  async function volumes(): Promise<string[]> {
    const names = await root(`zfs list -H -o name -t volume,snapshot -r ${BASE}`);
    return names.split("\n").filter((name) => name !== "" && name !== "no datasets available");
  }

  const name = ({ id }: VolumeRef): string => `${BASE}/volume-${id}`;

  describe("opening", () => {
    async function failureOf(parameters: Record<string, string> = {}): Promise<string> {
      const one = agent(parameters);
      const failure: unknown = await one.open(callContext()).catch((error: unknown) => error);
      await one.close();
      expect(failure).toMatchObject({ name: "DriverError", outcome: "not-done" });
      return failure instanceof Error ? failure.message : "";
    }

    test.each(LEAST_RIGHTS.filter((right) => right !== "mount"))(
      "without the right to %s says which",
      async (right) => {
        await root(`zfs unallow berth ${right} ${BASE}`);
        const what = {
          clone: "clone",
          volsize: "set volsize",
          refreservation: "set refreservation",
          userprop: "create",
        };
        const told = Object.entries(what).find(([one]) => one === right)?.[1] ?? right;
        expect(await failureOf()).toContain(`the login may not \`zfs ${told}\``);
        await root(`zfs allow berth ${right} ${BASE}`);
        // What the check itself could not clear away may be left of it, and hinders nobody.
        for (const left of (await volumes()).filter((one) => !one.includes("@")))
          expect(left).toContain("/berth-probe-");
        await driver.open(callContext());
        expect(await driver.list(callContext(), null)).toEqual({ objects: [], foreign: [], next: null });
      },
    );

    test("an extend that was done and could not be told to its unit is unknown, and tried again", async () => {
      const volume = await madeVolume(driver);
      await connect(driver, volume, credentials(volume), HOST);
      simulator.desk.faults.set("refuse", { methods: ["stmfadm list-lu"] });
      const extend = () => driver.extendVolume(callContext(), volume, 2 * SIZE_BYTES);
      await expect(extend()).rejects.toMatchObject({ outcome: "unknown" });
      simulator.desk.faults.clearAll();
      await extend();
      expect(await root("stmfadm list-lu -v")).toContain(String(2 * SIZE_BYTES));
    });

    test("says what is not set up", async () => {
      expect(await failureOf({ san_login: "guest" })).toContain("the login may not `zfs create`");
      expect(await failureOf({ san_zfs_volume_base: "rpool/none" })).toContain("zfs create rpool/none");
      const { faults } = simulator.desk;
      faults.set("stmf-down");
      expect(await failureOf()).toContain("svcadm enable -r svc:/system/stmf:default");
      faults.clearAll();
      faults.set("no-rights");
      expect(await failureOf()).toContain("the login may not `stmfadm create-hg`");
      faults.clearAll();
      expect(await volumes()).toEqual([]);
    });

    test("works for a login with all rights, and leaves nothing", async () => {
      await using _ = { [Symbol.asyncDispose]: () => rm(join(folder, "x"), { force: true }) };
      for (const login of ["root", "admin"]) {
        const one = agent({ san_login: login });
        await one.open(callContext());
        await one.close();
      }
      expect(await volumes()).toEqual([]);
      expect(await root("stmfadm list-hg", "itadm list-initiator")).toBe("");
    });
  });

  describe("thick volumes", () => {
    test("take their space at once, also as copies and when they grow, and give it back", async () => {
      const free = async () => (await driver.measure(callContext())).freeBytes;
      const all = await free();
      const volume = volumeRef({ spec: THICK });
      await driver.createVolume(callContext(), volume, MARK);
      const afterOne = await free();
      expect(Number(all) - Number(afterOne)).toBeGreaterThanOrEqual(SIZE_BYTES);
      const copy = volumeRef({ spec: THICK, sizeBytes: 2 * SIZE_BYTES });
      await driver.cloneVolume(callContext(), copy, MARK, volume);
      expect(Number(afterOne) - Number(await free())).toBeGreaterThanOrEqual(2 * SIZE_BYTES);
      await driver.extendVolume(callContext(), copy, 3 * SIZE_BYTES);
      expect(Number(afterOne) - Number(await free())).toBeGreaterThanOrEqual(3 * SIZE_BYTES);
      expect((await driver.measure(callContext())).provisioned).toEqual({
        scope: "backend",
        bytes: 4 * SIZE_BYTES,
        allocatedBytes: 4 * SIZE_BYTES,
      });
      await driver.deleteVolume(callContext(), volume);
      await driver.deleteVolume(callContext(), copy);
      expect(await free()).toBe(all);
    });

    test("that do not fit are refused, and nothing is left", async () => {
      const source = await madeVolume(driver, { sizeBytes: 12 * SIZE_BYTES });
      await madeVolume(driver, { sizeBytes: 8 * SIZE_BYTES, spec: THICK });
      const before = await volumes();
      const noSpace = { outcome: "no-space" };
      const tooMuch = volumeRef({ sizeBytes: 9 * SIZE_BYTES, spec: THICK });
      await expect(driver.createVolume(callContext(), tooMuch, MARK)).rejects.toMatchObject(noSpace);
      const copy = volumeRef({ sizeBytes: 12 * SIZE_BYTES, spec: THICK });
      await expect(driver.cloneVolume(callContext(), copy, MARK, source)).rejects.toMatchObject(noSpace);
      expect(await volumes()).toEqual(before);
    });

    test("become thin, and thin ones thick, where they stand", async () => {
      const volume = await madeVolume(driver);
      await driver.retypeVolume?.(callContext(), { ...volume, spec: THICK }, MARK);
      expect(await root(`zfs get -Hp -o value refreservation ${name(volume)}`)).toBe(`${SIZE_BYTES}\n`);
      await driver.retypeVolume?.(callContext(), { ...volume, spec: { ...THICK, provisioning: "thin" } }, MARK);
      expect(await root(`zfs get -Hp -o value refreservation ${name(volume)}`)).toBe("0\n");
    });
  });

  describe("copies", () => {
    test("outlive all that they were made from, in whatever order it goes", async () => {
      const source = await madeVolume(driver);
      const first = await madeSnapshot(driver, source);
      const fromFirst = volumeRef();
      await driver.createVolumeFromSnapshot(callContext(), fromFirst, MARK, first);
      const second = await madeSnapshot(driver, source);
      const fromSecond = volumeRef();
      await driver.createVolumeFromSnapshot(callContext(), fromSecond, MARK, second);
      const clone = volumeRef();
      await driver.cloneVolume(callContext(), clone, MARK, fromSecond);
      for (const snapshot of [first, second]) await driver.deleteSnapshot(callContext(), snapshot, source);
      expect((await driver.measure(callContext())).objectCount).toBe(4);
      const { objects } = await driver.list(callContext(), null);
      expect(objects.map(({ kind }) => kind)).toEqual(Array.from({ length: 4 }, () => "volume"));
      for (const volume of [source, fromSecond, fromFirst, clone]) {
        await driver.deleteVolume(callContext(), volume);
        await driver.deleteVolume(callContext(), volume);
      }
      expect(await volumes()).toEqual([]);
    });

    test("leave nothing on their source when they go", async () => {
      const source = await madeVolume(driver);
      const clone = volumeRef();
      await driver.cloneVolume(callContext(), clone, MARK, source);
      await driver.deleteVolume(callContext(), clone);
      expect(await volumes()).toEqual([name(source)]);
      // Cut short between the snapshot and the clone, there is nothing to go along with.
      await driver.cloneVolume(callContext({ guard: leaseFor(1) }), clone, MARK, source).catch(() => undefined);
      expect(await volumes()).toHaveLength(2);
      await driver.deleteVolume(callContext(), clone);
      expect(await volumes()).toEqual([name(source)]);
    });

    test("a snapshot that has our name and, by its volume, our mark, is somebody else's", async () => {
      const volume = await madeVolume(driver);
      const snapshot = snapshotRef(volume);
      await root(`zfs snapshot ${name(volume)}@snapshot-${snapshot.id}`);
      const notDone = { outcome: "not-done" };
      await expect(driver.createSnapshot(callContext(), snapshot, volume, MARK)).rejects.toMatchObject(notDone);
      await expect(driver.createVolumeFromSnapshot(callContext(), volumeRef(), MARK, snapshot)).rejects.toMatchObject(
        notDone,
      );
      await driver.deleteSnapshot(callContext(), snapshot, volume);
      const { objects, foreign } = await driver.list(callContext(), null);
      expect([objects.map(({ id }) => id), foreign]).toEqual([[volume.id], [`snapshot-${snapshot.id}`]]);
      expect((await driver.measure(callContext())).objectCount).toBe(1);
    });

    test("a volume with a snapshot that somebody has is not deleted, nor with other people's", async () => {
      const volume = await madeVolume(driver);
      const snapshot = await madeSnapshot(driver, volume);
      await root(`zfs snapshot ${name(volume)}@zfs-auto-snap-1`);
      const refused = { outcome: "not-done", message: expect.stringContaining(`snapshot-${snapshot.id}`) };
      await expect(driver.deleteVolume(callContext(), volume)).rejects.toMatchObject(refused);
      await driver.deleteSnapshot(callContext(), snapshot, volume);
      await expect(driver.deleteVolume(callContext(), volume)).rejects.toThrow("zfs-auto-snap-1");
      await root(`zfs destroy ${name(volume)}@zfs-auto-snap-1`);
      await driver.deleteVolume(callContext(), volume);
      expect(await volumes()).toEqual([]);
    });
  });

  describe("going back to a snapshot from which nothing newer may be lost but the volume's own bytes", () => {
    /** A snapshot, and then a clone of the volume as it was later. */
    async function history() {
      const volume = await madeVolume(driver);
      const older = await madeSnapshot(driver, volume);
      const snapshot = await madeSnapshot(driver, volume);
      const clone = volumeRef();
      await driver.cloneVolume(callContext(), clone, MARK, volume);
      return { volume, older, snapshot, clone };
    }

    test("works though a clone stands upon a later state", async () => {
      const { volume, older, snapshot, clone } = await history();
      await driver.revertVolume?.(callContext(), volume, snapshot);
      await driver.revertVolume?.(callContext(), volume, snapshot);
      const { objects } = await driver.list(callContext(), null);
      expect(objects.map(({ id, whole }) => [id, whole]).sort()).toEqual(
        [volume.id, older.id, snapshot.id, clone.id].map((id) => [id, true]).sort(),
      );
      for (const one of [older, snapshot]) await driver.deleteSnapshot(callContext(), one, volume);
      await driver.deleteVolume(callContext(), volume);
      await driver.extendVolume(callContext(), clone, 2 * SIZE_BYTES);
      await driver.deleteVolume(callContext(), clone);
      expect(await volumes()).toEqual([]);
    });

    test("is refused while there is a later snapshot that somebody has", async () => {
      const { volume, older } = await history();
      await expect(driver.revertVolume?.(callContext(), volume, older)).rejects.toMatchObject({ outcome: "not-done" });
    });

    test("with the lease lost at any step is healed by the next try, or by a deletion", {
      timeout: 60_000,
    }, async () => {
      for (let step = 0, lost = true; lost; step++) {
        const { volume, older, snapshot, clone } = await history();
        lost = await (
          driver.revertVolume?.(callContext({ guard: leaseFor(step) }), volume, snapshot) ?? Promise.reject()
        )
          .then(() => false)
          .catch((error: unknown) => {
            expect(error).toBeInstanceOf(LeaseLost);
            return true;
          });
        const { objects } = await driver.list(callContext(), null);
        expect(objects.length, `step ${step}`).toBe(4);
        if (step % 2 === 0) {
          await driver.revertVolume?.(callContext(), volume, snapshot);
          expect((await driver.measure(callContext())).objectCount, `step ${step}`).toBe(4);
          await driver.deleteSnapshot(callContext(), snapshot, volume);
          await driver.deleteSnapshot(callContext(), older, volume);
        } else {
          await driver.revertVolume?.(callContext({ guard: leaseFor(2) }), volume, snapshot).catch(() => undefined);
          await driver.revertVolume?.(callContext(), volume, snapshot);
          for (const one of [snapshot, older]) await driver.deleteSnapshot(callContext(), one, volume);
        }
        await driver.deleteVolume(callContext(), volume);
        await driver.deleteVolume(callContext(), clone);
        expect(await volumes(), `step ${step}`).toEqual([]);
        expect(step).toBeLessThan(20);
      }
    });
  });

  describe("connecting", () => {
    test("gives a host one secret for all its volumes, the same by any agent, and keeps it from all others", async () => {
      const [one, two] = [await madeVolume(driver), await madeVolume(driver)];
      const other = agent();
      const first = await connect(driver, one, credentials(one), HOST);
      const second = await connect(other, two, credentials(two), HOST);
      const third = await connect(driver, two, credentials(two), "iqn.2026-01.test.host:H2");
      await other.close();
      expect(second.ownChap?.secret.reveal()).toBe(first.ownChap?.secret.reveal());
      expect(third.ownChap?.secret.reveal()).not.toBe(first.ownChap?.secret.reveal());
      expect(third.data.auth_username).not.toBe(first.data.auth_username);
      expect(await root("itadm list-initiator", "stmfadm list-hg -v", "itadm list-target -v")).not.toContain(
        first.ownChap?.secret.reveal() ?? "",
      );
      expect(await root("itadm list-target -v")).toContain("auth:               \tchap ");
    });

    test("does not take over a host that somebody else knows", async () => {
      const volume = await madeVolume(driver);
      const notDone = { outcome: "not-done" };
      await root("echo not-our-secret > /tmp/s", `itadm create-initiator -u other -S /tmp/s ${HOST}`);
      await expect(connect(driver, volume, credentials(volume), HOST)).rejects.toMatchObject(notDone);
      await root(
        `itadm delete-initiator ${HOST}`,
        "stmfadm create-hg others",
        `stmfadm add-hg-member -g others ${HOST}`,
      );
      await expect(connect(driver, volume, credentials(volume), HOST)).rejects.toMatchObject({
        ...notDone,
        message: expect.stringContaining("another host group"),
      });
      await root(`stmfadm remove-hg-member -g others ${HOST}`);
      await connect(driver, volume, credentials(volume), HOST);
      await expect(
        connect(driver, volume, credentials(volume), "iqn.2026-01.test.host:with_underscore"),
      ).rejects.toMatchObject(notDone);
    });

    test("does not touch a unit that somebody else made of the volume", async () => {
      const volume = await madeVolume(driver);
      await root(`sbdadm create-lu /dev/zvol/rdsk/${name(volume)}`);
      await expect(driver.ensureExport(callContext(), volume, credentials(volume), "rw")).rejects.toMatchObject({
        outcome: "not-done",
        message: expect.stringContaining("a logical unit that is not ours"),
      });
    });

    test("what was cut short in taking it down is taken down by the next, and by a deletion", async () => {
      for (let step = 1; step < 6; step++) {
        const volume = await madeVolume(driver);
        await connect(driver, volume, credentials(volume), HOST);
        await driver.removeExport(callContext({ guard: leaseFor(step) }), volume).catch(() => undefined);
        if (step % 2 === 0) await driver.removeExport(callContext(), volume);
        await driver.deleteVolume(callContext(), volume);
        expect(await root("stmfadm list-lu", "stmfadm list-tg", "itadm list-target"), `step ${step}`).toBe("");
      }
    });

    test("reads what older releases print", async () => {
      const volume = await madeVolume(driver);
      for (const fault of ["crlf", "old-headings", "old-zfs"]) simulator.desk.faults.set(fault);
      const info = await connect(driver, volume, credentials(volume), HOST);
      expect(info.ownChap?.secret.reveal()).toMatch(/^[A-Za-z0-9]{16}$/);
      expect(await connect(driver, volume, credentials(volume), HOST)).toEqual(info);
      const { objects } = await driver.list(callContext(), null);
      expect(objects).toMatchObject([{ id: volume.id, letIn: [HOST] }]);
      await driver.terminateConnection(callContext(), volume, connectorOf(HOST));
      await driver.deleteVolume(callContext(), volume);
      expect((await driver.measure(callContext())).objectCount).toBe(0);
    });
  });

  describe("a host that is out of order", () => {
    test("is asked again when somebody else was quicker with COMSTAR's configuration", async () => {
      const volume = await madeVolume(driver);
      simulator.desk.faults.set("stale-configuration", { times: 3 });
      await connect(driver, volume, credentials(volume), HOST);
      simulator.desk.faults.set("stale-configuration");
      await expect(driver.removeExport(callContext(), volume)).rejects.toMatchObject({ outcome: "unknown" });
    });

    test.each([
      ["silent-failure", "unknown"],
      ["failure-with-0", "not-done"],
      ["suspended", "unknown"],
      ["no-pfexec", "not-done"],
    ])("that fails with %s is no success", async (fault, outcome) => {
      simulator.desk.faults.set(fault);
      const volume = volumeRef();
      await expect(driver.createVolume(callContext(), volume, MARK)).rejects.toMatchObject({ outcome });
      await expect(driver.deleteVolume(callContext(), volume)).rejects.toMatchObject({ name: "DriverError" });
      simulator.desk.faults.clearAll();
      await driver.createVolume(callContext(), volume, MARK);
      simulator.desk.faults.set(fault);
      await expect(driver.deleteVolume(callContext(), volume)).rejects.toMatchObject({ name: "DriverError" });
      await expect(driver.createSnapshot(callContext(), snapshotRef(volume), volume, MARK)).rejects.toMatchObject({
        name: "DriverError",
      });
      simulator.desk.faults.clearAll();
      await driver.deleteVolume(callContext(), volume);
      expect(await volumes()).toEqual([]);
    });

    test("that holds on to a volume is asked again later", async () => {
      const volume = await madeVolume(driver);
      simulator.desk.faults.set("busy-dataset");
      await expect(driver.deleteVolume(callContext(), volume)).rejects.toMatchObject({ outcome: "unknown" });
      simulator.desk.faults.clearAll();
      await driver.deleteVolume(callContext(), volume);
    });
  });

  test("what others keep beside is told and left alone, and what lies deeper is no business of ours", async () => {
    await root(
      `zfs create -s -V 64M ${BASE}/others`,
      `zfs create ${BASE}/deep`,
      `zfs create -s -V 64M ${BASE}/deep/one`,
    );
    const volume = await madeVolume(driver);
    const { objects, foreign } = await driver.list(callContext(), null);
    expect(objects.map(({ id }) => id)).toEqual([volume.id]);
    expect(foreign).toEqual(["deep/one", "others"]);
    expect((await driver.measure(callContext())).objectCount).toBe(1);
  });
});
