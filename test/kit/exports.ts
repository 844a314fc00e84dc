import { expect } from "vitest";
import { type ExportName, targetIqn } from "#agent/drivers/names.ts";
import { TgtManagement } from "#agent/export/tgt/management.ts";
import { callContext } from "./driver-context.ts";

/** tgtd has a whole target for each of these, which lets one host in, and no other. */
export async function expectExports(socketPath: string, connected: readonly ExportName[]): Promise<void> {
  const exported = await new TgtManagement(socketPath).targets(callContext());
  expect(exported.map(({ iqn }) => iqn).sort()).toEqual(connected.map(targetIqn).sort());
  for (const { iqn, luns, accounts, letIn } of exported)
    expect([luns.length, accounts.length, letIn.length], iqn).toEqual([2, 2, 1]);
}
