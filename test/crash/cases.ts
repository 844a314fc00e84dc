import { CRASH_POINTS, type CrashPoint, isCrashPoint } from "#shared/crash-point.ts";
import type { OperationKind } from "#shared/model/operation.ts";
import { type Crash, crashKinds } from "./crashes.ts";
import { operationKinds, pointsOf } from "./operations.ts";

/** For `npm test`: each point once, by an operation that passes it, and each operation at least once. */
const ONCE: Readonly<Record<CrashPoint, OperationKind>> = {
  decided: "volume.extend",
  committed: "volume.create",
  "effects-left": "snapshot.create",
  "job-offered": "volume.delete",
  "job-taken": "attachment.disconnect",
  "driver-done": "volume.clone",
  "result-committed": "snapshot.delete",
  "mark-written": "volume.create",
  "image-filled": "volume.create-from-snapshot",
  "image-renamed": "volume.clone",
  "image-removed": "group-snapshot.delete",
  "mark-removed": "snapshot.delete",
  "image-grown": "volume.extend",
  "revert-filled": "volume.revert",
  "revert-renamed": "volume.revert",
  "group-marked": "group-snapshot.create",
  "group-filled": "group-snapshot.create",
  "group-bound": "group-snapshot.create",
  "group-renamed": "group-snapshot.create",
  "target-made": "attachment.connect",
  "chap-bound": "attachment.connect",
  "lun-made": "attachment.connect",
  "host-sent-away": "attachment.disconnect",
  "target-closed": "attachment.disconnect",
};

const ALSO: readonly Crash[] = [
  { point: "job-offered", operation: "volume.create", passing: 1, how: "nats" },
  { point: "driver-done", operation: "volume.delete", passing: 1, how: "nats" },
  { point: "revert-filled", operation: "volume.revert", passing: 1, how: "pause" },
  { point: "image-filled", operation: "volume.create", passing: 1, how: "pause" },
  { point: "lun-made", operation: "attachment.connect", passing: 1, how: "pause" },
];

export function crashPoints(): CrashPoint[] {
  return Object.keys(CRASH_POINTS).filter(isCrashPoint);
}

/** Those of `npm test`. */
export function fewCrashes(): Crash[] {
  const once = crashPoints().map((point): Crash => ({ point, operation: ONCE[point], passing: 1, how: "kill" }));
  return [...once, ...ALSO];
}

/**
 * Operation × point × kind of crash. The scheduler passes its points for the request first and for the results later,
 * so it is crashed there twice.
 */
export function allCrashes(): Crash[] {
  return operationKinds().flatMap((operation) =>
    pointsOf(operation).flatMap((point) =>
      crashKinds(point).flatMap((how) =>
        passingsOf(point).map((passing): Crash => ({ operation, point, passing, how })),
      ),
    ),
  );
}

export function title({ operation, point, passing, how }: Crash): string {
  const what = { kill: "kill -9", nats: "kill -9 of nats-server", pause: "SIGSTOP until taken over" }[how];
  return `${operation}: ${what} at ${point}${passing === 1 ? "" : `, passing ${passing}`}`;
}

function passingsOf(point: CrashPoint): readonly number[] {
  return CRASH_POINTS[point].in === "scheduler" ? [1, 2] : [1];
}
