import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Driver } from "#agent/drivers/driver.ts";
import { createDriver } from "#agent/drivers/registry.ts";
import type { Backend, Zone } from "#shared/model/catalogue.ts";
import { Secret } from "#shared/secret.ts";
import { type StartedSimulator, startSimulator } from "#test/simulators/kit/start.ts";
import { simulator } from "#test/simulators/xenapi/simulator.ts";
import { backendRecord, callContext, driverTools } from "./driver-context.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** A simulated Xen pool, and drivers on it as agents open them. */
export class XenStand {
  readonly folder: string;
  readonly #capacityGib: number;
  #started: StartedSimulator;

  private constructor(folder: string, started: StartedSimulator, capacityGib: number) {
    this.folder = folder;
    this.#started = started;
    this.#capacityGib = capacityGib;
  }

  /** Ends with the test. */
  static async start({ capacityGib = 100 }: { readonly capacityGib?: number } = {}): Promise<XenStand> {
    const folder = temporaryFolder();
    const stand = new XenStand(folder, await begun(folder, capacityGib), capacityGib);
    onTestFinished(() => stand.#started[Symbol.asyncDispose]());
    return stand;
  }

  get desk() {
    return this.#started.desk;
  }

  get ready() {
    return this.#started.ready;
  }

  get objects(): unknown {
    return this.#started.running.objects();
  }

  /** A detail of the ready line, as text. */
  detail(name: string): string {
    return String(this.ready.details[name] ?? "");
  }

  get zoneSettings() {
    return {
      xenapi_url: this.ready.address,
      xenapi_user: this.ready.credentials.username ?? "",
      xenapi_password: `file:${join(this.folder, "xen", "password")}`,
    };
  }

  /** The same pool, started again: same port, same data. */
  async restart(): Promise<void> {
    await this.#started[Symbol.asyncDispose]();
    this.#started = await begun(this.folder, this.#capacityGib);
  }

  /** A driver, open; closed with the test. */
  async driver(type = "nfs", parameters: Backend["parameters"] = NFS, backend: Partial<Backend> = {}): Promise<Driver> {
    const driver = this.closed(type, parameters, backend);
    await driver.open(callContext());
    onTestFinished(() => driver.close());
    return driver;
  }

  /** Not open yet. `secret`: what its own secret parameters resolve to. */
  closed(
    type = "nfs",
    parameters: Backend["parameters"] = NFS,
    backend: Partial<Backend> = {},
    secret = new Secret("of-the-backend"),
    zoneSettings: NonNullable<Zone["settings"]> = this.zoneSettings,
  ): Driver {
    const resolveSecret = async (reference: string): Promise<Secret> =>
      reference === this.zoneSettings.xenapi_password ? new Secret(this.ready.credentials.password ?? "") : secret;
    const tools = { ...driverTools(this.folder), resolveSecret };
    return createDriver({ backend: backendRecord(type, parameters, backend), zoneSettings, tools });
  }
}

export const NFS = { server: "myserver", serverpath: "/local/scratch/myname" };

async function begun(folder: string, capacityGib: number): Promise<StartedSimulator> {
  return await startSimulator(simulator, { dataFolder: join(folder, "xen"), capacityGib, iscsi: false });
}
