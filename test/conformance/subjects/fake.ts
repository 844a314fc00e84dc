import { join } from "node:path";
import type { Subject } from "../subject.ts";

export const subjects: readonly Subject[] = ["fake", "logging"].map((driver) => ({
  label: driver,
  driver,
  connects: "in name",
  moves: true,
  mirrors: true,
  stand: async (folder, capacityGib) => ({
    parameters: { capacity_gib: capacityGib },
    parts: { capacity_gib: capacityGib, pool: "shared" },
    target: { state_path: join(folder, "mirror") },
    leftovers: async () => [],
    async assertAtRest() {},
    system: null,
    async [Symbol.asyncDispose]() {},
  }),
}));
