import { expect, test } from "vitest";
import { doneOnceOnly, perform } from "#agent/operations.ts";
import { SealingKey } from "#shared/sealed.ts";
import { Secret } from "#shared/secret.ts";
import { credentials, MARK, snapshotRef, volumeRef } from "#test/conformance/objects.ts";
import { TEST_KEY } from "#test/kit/copy-ends.ts";
import { callContext } from "#test/kit/driver-context.ts";
import { leftHandStand } from "#test/kit/lefthand.ts";

const ALONE = { sealingKey: TEST_KEY, driverOf: () => Promise.reject(new Error("there is no other backend")) };

function creation(volume = volumeRef()) {
  const { username, secret } = credentials(volume);
  const chap = { username, sealedSecret: TEST_KEY.seal(secret) };
  return { kind: "volume.create", volume, mark: MARK, chap } as const;
}

test("a creation that brings an account is asked for before it is done, as a revert is", () => {
  const { chap: _, ...without } = creation();
  const { volume } = without;
  expect(doneOnceOnly(creation())).toBe(true);
  expect(doneOnceOnly(without)).toBe(false);
  expect(doneOnceOnly({ kind: "volume.revert", volume, snapshot: snapshotRef(volume) })).toBe(true);
});

test("whoever takes a creation over gives the account that the first one should have given", async () => {
  const { agent, simulator, cliq } = await leftHandStand();
  const [first, second] = [await agent(), await agent()];
  const made = creation();
  simulator.desk.faults.set("cut", { methods: ["assignVolumeChap"], times: 1 });
  await expect(perform(first, callContext(), made, ALONE)).rejects.toMatchObject({ outcome: "unknown" });
  for (let time = 0; time < 2; time++) await perform(second, callContext(), made, ALONE);
  const { stdout } = await cliq("getVolumeInfo", `volumeName=volume-${made.volume.id}`, "output=XML");
  expect(stdout.match(/<permission /g)).toHaveLength(1);
  expect(stdout).toContain(`targetSecret="${credentials(made.volume).secret.reveal()}"`);
});

test("who does not know the key makes nothing", async () => {
  const { agent } = await leftHandStand();
  const driver = await agent();
  const foreign = new SealingKey(Buffer.alloc(32, 9)).seal(new Secret("k".repeat(16)));
  const made = { ...creation(), chap: { username: "u", sealedSecret: foreign } };
  await expect(perform(driver, callContext(), made, ALONE)).rejects.toMatchObject({ code: "E_CONFIG" });
  expect((await driver.measure(callContext())).objectCount).toBe(0);
});
