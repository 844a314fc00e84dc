import { CRASH_POINTS, type CrashPoint, isCrashPoint } from "#shared/crash-point.ts";
import type { Crash } from "./crash.ts";
import { type Medium, media } from "./media.ts";
import type { CrashedKind } from "./operations.ts";
import { agentPoints, operationKinds, ownPoints, PASSED_IN_SCHEDULER } from "./operations.ts";

/** The scheduler passes its points for the requests first and for the results later, so it is crashed there twice. */
const PASSINGS = [1, 2];

/** For `npm test`: each point once, by an operation that passes it, and each operation at least once. */
const ONCE: Readonly<Record<CrashPoint, readonly [operation: CrashedKind, medium: Medium]>> = {
  decided: ["volume.extend", "raw"],
  committed: ["volume.create", "raw"],
  "effects-left": ["snapshot.create", "raw"],
  "job-offered": ["volume.delete", "raw"],
  "job-taken": ["attachment.disconnect", "raw"],
  "driver-done": ["volume.clone", "fake"],
  "result-committed": ["snapshot.delete", "fake"],
  "mark-written": ["volume.create", "raw"],
  "mark-renewed": ["mark.write", "raw"],
  "image-filled": ["volume.create-from-snapshot", "raw"],
  "image-renamed": ["volume.clone", "raw"],
  "image-removed": ["group-snapshot.delete", "raw"],
  "mark-removed": ["snapshot.delete", "raw"],
  "image-grown": ["volume.extend", "raw"],
  "window-copied": ["volume.copy", "raw"],
  "footer-made": ["volume.create", "vhd"],
  "footer-taken": ["volume.extend", "vhd"],
  "footer-set": ["attachment.disconnect", "vhd"],
  "revert-filled": ["volume.revert", "raw"],
  "revert-renamed": ["volume.revert", "raw"],
  "group-marked": ["group-snapshot.create", "raw"],
  "group-filled": ["group-snapshot.create", "raw"],
  "group-bound": ["group-snapshot.create", "raw"],
  "group-renamed": ["group-snapshot.create", "raw"],
  "image-claimed": ["volume.manage", "raw"],
  "image-taken-over": ["volume.manage", "raw"],
  "image-linked": ["volume.unmanage", "raw"],
  "image-let-go": ["volume.unmanage", "raw"],
  "target-made": ["attachment.connect", "raw"],
  "chap-bound": ["attachment.connect", "raw"],
  "lun-made": ["attachment.connect", "raw"],
  "host-sent-away": ["attachment.disconnect", "raw"],
  "target-closed": ["attachment.disconnect", "raw"],
};

const HERE = { medium: "raw", ledger: "embedded", passing: 1 } as const;
const STANDBY = { medium: "fake", ledger: "nats" } as const;

/** Each other kind of crash, and a leader with a standby at each of its points. */
const ALSO: readonly Crash[] = [
  { ...HERE, point: "job-offered", operation: "volume.create", how: "nats" },
  { ...HERE, point: "driver-done", operation: "volume.delete", how: "nats" },
  { ...HERE, point: "revert-filled", operation: "volume.revert", how: "pause" },
  { ...HERE, point: "image-filled", operation: "volume.create", how: "pause" },
  { ...HERE, point: "window-copied", operation: "volume.copy", how: "pause" },
  { ...HERE, point: "driver-done", operation: "volume.migrate", medium: "fake", how: "pause" },
  { ...HERE, point: "job-taken", operation: "volume.retype", how: "pause" },
  { ...HERE, point: "image-taken-over", operation: "volume.manage", how: "pause" },
  { ...HERE, point: "lun-made", operation: "attachment.connect", how: "pause" },
  { ...HERE, point: "committed", operation: "volume.delete", how: "pause" },
  { ...HERE, point: "result-committed", operation: "volume.delete with snapshots", how: "pause" },
  { ...HERE, point: "lun-made", operation: "attachment.connect-snapshot", how: "pause" },
  { ...HERE, point: "target-closed", operation: "attachment.disconnect-snapshot", how: "pause" },
  { ...STANDBY, point: "decided", operation: "volume.create", passing: 1, how: "kill" },
  { ...STANDBY, point: "decided", operation: "volume.extend", passing: 1, how: "pause" },
  { ...STANDBY, point: "committed", operation: "volume.delete", passing: 1, how: "kill" },
  { ...STANDBY, point: "effects-left", operation: "snapshot.create", passing: 1, how: "pause" },
  { ...STANDBY, point: "job-offered", operation: "attachment.connect", passing: 2, how: "kill" },
];

export function crashPoints(): CrashPoint[] {
  return Object.keys(CRASH_POINTS).filter(isCrashPoint);
}

/** Those of `npm test`. */
export function fewCrashes(): Crash[] {
  const once = crashPoints().map((point): Crash => {
    const [operation, medium] = ONCE[point];
    return { ...HERE, point, operation, medium, how: "kill" };
  });
  return evenly(once, ALSO);
}

/** The full product: every operation at every point that it passes, on every medium that makes a difference, in every way. */
export function allCrashes(): Crash[] {
  const onSchedulerAlone = operationKinds().flatMap((operation) =>
    schedulerCrashes().map((crash): Crash => ({ ...HERE, ...crash, operation })),
  );
  const onLeader = operationKinds().flatMap((operation) =>
    schedulerCrashes()
      // What a killed nats-server does to schedulers is no matter of their ledger's points: test/system/ha.test.ts.
      .filter(({ how }) => how !== "nats")
      .map((crash): Crash => ({ ...STANDBY, ...crash, operation })),
  );
  const onAgents = media().flatMap((medium) =>
    operationKinds().flatMap((operation) =>
      (medium === "vhd" ? ownPoints : agentPoints)(operation, medium).flatMap((point) =>
        HOWS.map((how): Crash => ({ ...HERE, operation, medium, point, how })),
      ),
    ),
  );
  return evenly([...onSchedulerAlone, ...onAgents], onLeader);
}

const HOWS = ["kill", "nats", "pause"] as const;

function schedulerCrashes(): Pick<Crash, "point" | "passing" | "how">[] {
  return PASSED_IN_SCHEDULER.flatMap((point) =>
    HOWS.flatMap((how) => PASSINGS.map((passing) => ({ point, passing, how }))),
  );
}

/** The second among the first, so that installations of both kinds have work all the time. */
function evenly<T>(first: readonly T[], second: readonly T[]): T[] {
  const placed = [first, second].flatMap((row) => row.map((one, n) => ({ one, place: (n + 0.5) / row.length })));
  return placed.sort((a, b) => a.place - b.place).map(({ one }) => one);
}
