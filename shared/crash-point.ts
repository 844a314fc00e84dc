import { writeSync } from "node:fs";
import { BerthError } from "./errors.ts";

/**
 * The moments at which the crash tests end or stop a process: after each step that something else can see. Nowhere
 * else is one named. `in`: the program that passes it.
 */
export const CRASH_POINTS = {
  decided: { in: "scheduler", when: "a batch is decided and nothing of it is on disk" },
  committed: { in: "scheduler", when: "a batch is durable, and no reply and no effect has left" },
  "effects-left": {
    in: "scheduler",
    when: "replies and effects of a batch are let go; what needs the network is not sent",
  },
  "job-offered": { in: "scheduler", when: "the queue has taken a job" },
  "job-taken": { in: "agent", when: "a job is in hand and nothing was done" },
  "driver-done": { in: "agent", when: "the driver is through and the result is not told" },
  "result-committed": { in: "agent", when: "the result is committed and the job is not acknowledged" },
  "mark-written": { in: "agent", when: "an image's mark stands and the image does not" },
  "image-filled": { in: "agent", when: "an image is whole under its temporary name" },
  "image-renamed": { in: "agent", when: "an image stands under its own name" },
  "image-removed": { in: "agent", when: "an image is gone and its mark is not" },
  "mark-removed": { in: "agent", when: "an image and its mark are gone, and the folder is not synced" },
  "image-grown": { in: "agent", when: "an image has its new size and its mark tells the old one" },
  "revert-filled": {
    in: "agent",
    when: "what a volume goes back to is whole under a name of its own, and the volume is as it was",
  },
  "revert-renamed": { in: "agent", when: "a volume has its snapshot's bytes under its own name" },
  "group-marked": { in: "agent", when: "the marks of a group's snapshots stand and no copy does" },
  "group-filled": {
    in: "agent",
    when: "the copies of a group are whole, of one instant, and nothing says so",
  },
  "group-bound": {
    in: "agent",
    when: "it is written down that the copies of a group are of one instant, and none stands under its own name",
  },
  "group-renamed": { in: "agent", when: "one of a group's snapshots stands under its own name, the next does not" },
  "target-made": { in: "agent", when: "an iSCSI target stands, empty and without accounts" },
  "chap-bound": { in: "agent", when: "the target has its CHAP accounts and no LUN" },
  "lun-made": { in: "agent", when: "the target has its LUN, which has no identity yet" },
  "host-sent-away": { in: "agent", when: "a host may not log in any more and its sessions go on" },
  "target-closed": { in: "agent", when: "a target is shut and empty of sessions, and not removed" },
} as const satisfies Readonly<Record<string, { readonly in: "scheduler" | "agent"; readonly when: string }>>;

export type CrashPoint = keyof typeof CRASH_POINTS;

interface Armed {
  readonly point: CrashPoint;
  /** It happens at this passing, counted from 1, and at no other. */
  readonly passing: number;
}

const armed = parseCrashAt(process.env.BERTH_CRASH_AT);
const signal = process.env.BERTH_CRASH_HOW === "stop" ? "SIGSTOP" : "SIGKILL";
const STOP_WAIT_MS = 20;
let passings = 0;

/** For tests only, and free without `BERTH_CRASH_AT`: with it, this process is killed (or stopped) here. */
export function crashPoint(point: CrashPoint): void {
  if (armed !== null) pass(armed, point);
}

/** `BERTH_CRASH_AT` is a point's name, or `name:N` for its N-th passing. Throws E_CONFIG on anything else. */
export function parseCrashAt(text: string | undefined): Armed | null {
  if (text === undefined || text === "") return null;
  const [, point, passing] = /^([a-z-]+)(?::([1-9]\d{0,6}))?$/.exec(text) ?? [];
  if (point === undefined || !isCrashPoint(point))
    throw new BerthError("E_CONFIG", `BERTH_CRASH_AT names no crash point: ${text}`);
  return { point, passing: Number(passing ?? 1) };
}

export function isCrashPoint(name: string): name is CrashPoint {
  return Object.hasOwn(CRASH_POINTS, name);
}

function pass(at: Armed, point: CrashPoint): void {
  if (point !== at.point) return;
  passings += 1;
  if (passings !== at.passing) return;
  // At once, for no log would be flushed.
  writeSync(process.stderr.fd, `${signal} at crash point ${point}, process ${process.pid}\n`);
  process.kill(process.pid, signal);
  // Not one statement more: the kernel may take an instant. A stopped process goes on from here when it is woken.
  const never = new Int32Array(new SharedArrayBuffer(4));
  Atomics.wait(never, 0, 0, signal === "SIGSTOP" ? STOP_WAIT_MS : Number.POSITIVE_INFINITY);
}
