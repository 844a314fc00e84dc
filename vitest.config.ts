import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/kit/longest-first.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    // More than the two processors of a small machine: what is tested waits for most of its time.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    // Bounds for what hangs, not measures of speed: the machine may be busy.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    reporters: ["default", "./test/kit/closing-line.ts"],
  },
});
