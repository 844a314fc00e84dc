import { expect } from "vitest";
import { targetIqn } from "#agent/drivers/names.ts";
import { TgtManagement } from "#agent/export/tgt/management.ts";
import { callContext } from "./driver-context.ts";

/** tgtd has a whole target for each of these volumes, which lets one host in, and no other. */
export async function expectExports(socketPath: string, connectedVolumeIds: readonly string[]): Promise<void> {
  const exported = await new TgtManagement(socketPath).targets(callContext());
  expect(exported.map(({ iqn }) => iqn).sort()).toEqual(connectedVolumeIds.map((id) => targetIqn(id)).sort());
  for (const { iqn, luns, accounts, letIn } of exported)
    expect([luns.length, accounts.length, letIn.length], iqn).toEqual([2, 2, 1]);
}
