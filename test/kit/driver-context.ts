import type { CallContext } from "#agent/drivers/driver.ts";
import { LeaseLost, NO_PROGRESS } from "#agent/drivers/driver.ts";
import type { DriverTools } from "#agent/drivers/tools.ts";
import type { IscsiExport } from "#agent/export/iscsi-export.ts";
import { resolveSecret, resolveSecretText } from "#agent/secrets.ts";
import { createCommandRunner } from "#agent/transport/command.ts";
import { remoteTransports } from "#agent/transport/remote.ts";
import { createLog } from "#shared/log.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { backendOf } from "./catalogue.ts";

export const silent = createLog("test", "silent");

/** A call as the worker makes it, with its lease held and a minute to go. */
export function callContext(given: Partial<CallContext> = {}): CallContext {
  return {
    guard: { assertHeld() {} },
    progress: NO_PROGRESS,
    signal: AbortSignal.timeout(60_000),
    log: silent,
    ...given,
  };
}

/** The lease holds for so many changes, then it is lost. */
export function leaseFor(changes: number): CallContext["guard"] {
  let left = changes;
  return {
    assertHeld() {
      if (left-- <= 0) throw new LeaseLost();
    },
  };
}

export function driverTools(stateFolder: string, iscsi: IscsiExport | null = null): DriverTools {
  return {
    command: createCommandRunner(),
    ...remoteTransports(stateFolder),
    iscsi,
    resolveSecret,
    resolveSecretText,
    stateFolder,
    log: silent,
  };
}

export function backendRecord(
  driver: string,
  parameters: Backend["parameters"],
  fields: Partial<Backend> = {},
): Backend {
  return backendOf(1, { name: "under-test", driver, parameters, ...fields });
}
