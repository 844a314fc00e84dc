import { afterAll, describe, expect, test } from "vitest";
import { fuzzRoute, openFuzzed } from "./fuzz.ts";

/** `npm run fuzz` sends ten thousand on each. */
const REQUESTS = 40;

const { stand, routes } = await openFuzzed();
afterAll(() => stand.api.close());

describe("requests that are wrong somewhere, made from the API's document", () => {
  test.each(routes.map((route, n) => [`${route.method} ${route.path}`, route, n] as const))(
    "%s: no answer is the program's own failure",
    async (_name, route, n) => {
      const { failures } = await fuzzRoute(stand, route, REQUESTS, n + 1);
      expect(failures).toEqual([]);
    },
  );
});
