import { afterAll, describe, expect, it } from "vitest";
import type { CrashPoint } from "#shared/crash-point.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { iscsiMissing } from "#test/kit/tgtd.ts";
import { crashPoints } from "./cases.ts";
import { type Crash, title } from "./crash.ts";
import { crashAndRecover } from "./crashes.ts";
import type { CrashedKind } from "./operations.ts";
import { operationKinds } from "./operations.ts";
import { CrashTally } from "./report.ts";
import type { LedgerKind } from "./stand.ts";
import { StandPool } from "./stand-pool.ts";

/** What hangs; each wait within has a bound of its own. The wait for an installation is in it. */
const CRASH_BOUND_MS = 300_000;

/** One test a crash, on so many installations side by side; in the end a report, to `reportFile` as well. */
export function testCrashes(
  crashes: readonly Crash[],
  installations: Readonly<Record<LedgerKind, number>>,
  reportFile: string | null = null,
): void {
  describe.skipIf((natsServerMissing() ?? iscsiMissing()) !== null)(
    "ledger, jobs and backend agree after",
    { timeout: CRASH_BOUND_MS },
    () => {
      const pool = new StandPool(installations);
      const tally = new CrashTally(crashes.length);
      const reached = { points: new Set<CrashPoint>(), operations: new Set<CrashedKind>() };
      afterAll(async () => {
        await pool[Symbol.asyncDispose]();
        await tally.write(reached.points, reportFile);
        console.info(tally.report(reached.points));
      });

      it.concurrent.for(crashes.map((crash) => [title(crash), crash] as const))("%s", async ([name, crash]) => {
        await tally.count(name, crash, () =>
          pool.use(crash.ledger, (stand) =>
            crashAndRecover(stand, crash, () => {
              reached.points.add(crash.point);
              reached.operations.add(crash.operation);
            }),
          ),
        );
        await tally.write(reached.points, reportFile);
      });

      it("each of these crashes; and no point and no operation was passed by", () => {
        expect([...reached.points].sort()).toEqual(crashPoints().sort());
        expect([...reached.operations].sort()).toEqual(operationKinds().sort());
      });
    },
  );
}
