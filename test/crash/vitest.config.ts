import { defineConfig } from "vitest/config";

/** `npm run crash [-- -t "volume.create: .* at image-filled"]`: every operation × point × kind of crash. */
export default defineConfig({
  test: {
    root: `${import.meta.dirname}/../..`,
    include: ["test/crash/product.ts"],
    pool: "forks",
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    reporters: ["verbose"],
  },
});
