import type { Subject } from "../subject.ts";

export const subjects: readonly Subject[] = ["fake", "logging"].map((driver) => ({
  label: driver,
  driver,
  connects: "in name",
  stand: async (_folder, capacityGib) => ({
    parameters: { capacity_gib: capacityGib },
    leftovers: async () => [],
    async assertAtRest() {},
    system: null,
    async [Symbol.asyncDispose]() {},
  }),
}));
