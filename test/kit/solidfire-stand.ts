import { randomUUID } from "node:crypto";
import { type Static, Type } from "typebox";
import type { Driver } from "#agent/drivers/driver.ts";
import { createDriver } from "#agent/drivers/registry.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { parser } from "#shared/schema.ts";
import { BYTES_PER_GIB } from "#shared/units.ts";
import type { FaultSetting } from "#test/simulators/kit/faults.ts";
import { type StartedSimulator, startSimulator } from "#test/simulators/kit/start.ts";
import { type SolidFireSettings, solidFireSimulator } from "#test/simulators/solidfire/simulator.ts";
import { backendRecord, callContext, driverTools } from "./driver-context.ts";
import { elementCall } from "./element-call.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export interface SolidFireOptions {
  readonly settings?: Partial<SolidFireSettings>;
  readonly capacityGib?: number;
  /** With a portal and real data behind it. */
  readonly iscsi?: boolean;
}

const Attributes = Type.Record(Type.String(), Type.Unknown());
const ClusterObjects = Type.Object({
  accounts: Type.Array(
    Type.Object({
      accountID: Type.Integer(),
      username: Type.String(),
      status: Type.String(),
      initiatorSecret: Type.String(),
      attributes: Attributes,
    }),
  ),
  volumes: Type.Array(
    Type.Object({
      volumeID: Type.Integer(),
      name: Type.String(),
      accountID: Type.Integer(),
      status: Type.String(),
      access: Type.String(),
      totalSize: Type.Integer(),
      iqn: Type.String(),
      qos: Type.Object({ minIOPS: Type.Integer(), maxIOPS: Type.Integer(), burstIOPS: Type.Integer() }),
      attributes: Attributes,
    }),
  ),
  snapshots: Type.Array(Type.Object({ snapshotID: Type.Integer(), name: Type.String(), attributes: Attributes })),
  groupSnapshots: Type.Array(Type.Object({ groupSnapshotID: Type.Integer(), name: Type.String() })),
  volumeAccessGroups: Type.Array(
    Type.Object({ name: Type.String(), initiators: Type.Array(Type.String()), volumes: Type.Array(Type.Integer()) }),
  ),
});
export type ClusterObjects = Static<typeof ClusterObjects>;
const clusterObjects = parser(ClusterObjects);

/** A simulated cluster, and as many agents' drivers on it as wanted. `await using` ends all of it. */
export class SolidFireStand implements AsyncDisposable {
  readonly simulator: StartedSimulator;
  readonly #folder: string;
  readonly #open: Driver[] = [];

  private constructor(simulator: StartedSimulator, folder: string) {
    this.simulator = simulator;
    this.#folder = folder;
  }

  static async start({
    settings = {},
    capacityGib = 10,
    iscsi = false,
  }: SolidFireOptions = {}): Promise<SolidFireStand> {
    const dataFolder = temporaryFolder();
    const simulator = await startSimulator(solidFireSimulator(settings), { dataFolder, capacityGib, iscsi });
    return new SolidFireStand(simulator, dataFolder);
  }

  /** What looks for a lost answer gives up soon here. */
  async agent(parameters: Backend["parameters"] = {}): Promise<Driver> {
    return await this.agentWith({
      ...this.simulator.ready.backend.parameters,
      sf_account_prefix: "stand",
      sf_volume_create_timeout: 0.5,
      ...parameters,
    });
  }

  /** By these parameters alone. */
  async agentWith(parameters: Backend["parameters"]): Promise<Driver> {
    const backend = backendRecord("solidfire", parameters);
    const driver = createDriver({ backend, tools: driverTools(this.#folder) });
    this.#open.push(driver);
    await driver.open(callContext());
    return driver;
  }

  /** What stands on the cluster, deleted volumes included. */
  get cluster(): ClusterObjects {
    return clusterObjects.parse(this.simulator.running.objects());
  }

  /** A call of somebody else's. Throws the error's name. */
  async rpc(method: string, params: object = {}): Promise<Record<string, unknown>> {
    return await elementCall(this.simulator, method, params);
  }

  /** A volume that somebody else made, in an account of its own. */
  async stranger(fields: object): Promise<void> {
    const { accountID } = await this.rpc("AddAccount", { username: `somebody-${randomUUID()}` });
    const attributes = { theirs: "note" };
    await this.rpc("CreateVolume", { accountID, totalSize: BYTES_PER_GIB, enable512e: true, attributes, ...fields });
  }

  fault(name: string, setting: FaultSetting = {}): void {
    this.simulator.desk.faults.set(name, setting);
  }

  clearFaults(): void {
    this.simulator.desk.faults.clearAll();
  }

  struck(name: string): number {
    return this.simulator.desk.faults.struck(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const driver of this.#open) await driver.close();
    await this.simulator[Symbol.asyncDispose]();
  }
}
