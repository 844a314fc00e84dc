import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What takes longest begins first, so that nobody waits for it alone at the end. */
const LONGEST = [
  "test/crash/points.test.ts",
  "test/simulation/simulation.test.ts",
  "test/system/keystone.test.ts",
  "test/system/cut-networks.test.ts",
  "test/conformance/systems.test.ts",
  "test/conformance/drivers.test.ts",
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST.findIndex((name) => moduleId.endsWith(name));
      return at === -1 ? LONGEST.length : at;
    };
    return (await super.sort(files)).sort((one, other) => place(one) - place(other));
  }
}
