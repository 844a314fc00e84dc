import { defineConfig } from "vitest/config";

/** `npm run crash [-- -t "volume.create .*image-filled"]`: every operation × point × medium × kind of crash. */
export default defineConfig({
  test: {
    root: `${import.meta.dirname}/../..`,
    include: ["test/crash/product.ts"],
    pool: "forks",
    // More than there are installations, so that none waits for work.
    maxConcurrency: 10,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    reporters: ["verbose"],
  },
});
