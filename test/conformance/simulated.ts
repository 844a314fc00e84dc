import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Backend } from "#shared/model/catalogue.ts";
import type { ReadyLine, SimulatorKind } from "#test/simulators/kit/simulator.ts";
import { type StartedSimulator, startSimulator } from "#test/simulators/kit/start.ts";
import type { CallTable, Stand, Subject } from "./subject.ts";

export interface SimulatedSubject {
  readonly label: string;
  readonly driver: string;
  readonly kind: SimulatorKind;
  readonly sizeBytes?: number;
  readonly keepsToCapacity?: boolean;
  readonly promisesSnapshots?: boolean;
  readonly snapshotsNeedVolume?: boolean;
  readonly shrinks?: boolean;
  readonly lacks?: Subject["lacks"];
  readonly alike?: Subject["alike"];
  /** Of a driver that is not in the registry. */
  readonly make?: Subject["make"];
  /** Default: those of the ready line. A file with the password of its credentials is there for those that need one. */
  parameters?(ready: ReadyLine, passwordFile: string): Backend["parameters"];
  zoneSettings?(ready: ReadyLine, passwordFile: string): NonNullable<Stand["zoneSettings"]>;
  /** The names of all that stands, in what the simulator tells of itself (`objects`). */
  names(objects: unknown): readonly string[];
  /** Makes a volume that is somebody else's, with a client that is not ours. */
  plant(ready: ReadyLine, name: string, sizeBytes: number): Promise<void>;
  readonly expectedCalls: CallTable;
}

/** A subject whose system is simulated: without iSCSI, for here it is about calls. */
export function simulatedSubject(given: SimulatedSubject): Subject {
  const { kind, names, plant, expectedCalls } = given;
  return {
    label: given.label,
    driver: given.driver,
    connects: "in name",
    simulated: true,
    ...(given.lacks === undefined ? {} : { lacks: given.lacks }),
    ...(given.alike === undefined ? {} : { alike: given.alike }),
    ...(given.make === undefined ? {} : { make: given.make }),
    ...(given.sizeBytes === undefined ? {} : { sizeBytes: given.sizeBytes }),
    ...(given.keepsToCapacity === undefined ? {} : { keepsToCapacity: given.keepsToCapacity }),
    ...(given.promisesSnapshots === undefined ? {} : { promisesSnapshots: given.promisesSnapshots }),
    ...(given.snapshotsNeedVolume === undefined ? {} : { snapshotsNeedVolume: given.snapshotsNeedVolume }),
    ...(given.shrinks === undefined ? {} : { shrinks: given.shrinks }),
    async stand(folder, capacityGib): Promise<Stand> {
      const start = () => startSimulator(kind, { dataFolder: join(folder, kind.name), capacityGib, iscsi: false });
      let simulator: StartedSimulator = await start();
      const { ready } = simulator;
      const passwordFile = join(folder, "password");
      await writeFile(passwordFile, ready.credentials.password ?? "", { mode: 0o600 });
      const parameters = given.parameters?.(ready, passwordFile) ?? ready.backend.parameters;
      const zoneSettings = given.zoneSettings?.(ready, passwordFile) ?? {};
      const open = [parameters.san_login, zoneSettings.xenapi_user];
      return {
        parameters,
        zoneSettings,
        leftovers: async () => [...names(await simulator.running.objects())],
        async assertAtRest() {},
        system: {
          get desk() {
            return simulator.desk;
          },
          secrets: Object.values(ready.credentials).filter((value) => !open.includes(value)),
          expectedCalls,
          plant: (name, sizeBytes) => plant(ready, name, sizeBytes),
          async restart() {
            await simulator[Symbol.asyncDispose]();
            simulator = await start();
          },
        },
        [Symbol.asyncDispose]: () => simulator[Symbol.asyncDispose](),
      };
    },
  };
}
