import { afterAll, beforeAll, beforeEach, describe, it } from "vitest";
import type { Installation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { iscsiMissing } from "#test/kit/tgtd.ts";
import { title } from "./cases.ts";
import { type Crash, crashAndRecover, startCrashStand } from "./crashes.ts";

/** What hangs; each wait within has a bound of its own. */
const CRASH_BOUND_MS = 150_000;

/** One test a crash, all on one installation: what one leaves behind, the next finds. */
export function testCrashes(crashes: readonly Crash[]): void {
  describe.skipIf((natsServerMissing() ?? iscsiMissing()) !== null)(
    "ledger, jobs and backend agree after",
    { timeout: CRASH_BOUND_MS },
    () => {
      let berth: Installation;
      beforeAll(async () => {
        berth = await startCrashStand();
      });
      beforeEach(() => berth.tellLogsOnFailure());
      afterAll(async () => {
        await berth?.[Symbol.asyncDispose]();
      });

      it.each(crashes.map((crash) => [title(crash), crash] as const))("%s", async (_title, crash) => {
        await crashAndRecover(berth, crash);
      });
    },
  );
}
