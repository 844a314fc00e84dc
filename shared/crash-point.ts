import { existsSync, readFileSync, unlinkSync, writeFileSync, writeSync } from "node:fs";
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
  "mark-renewed": { in: "agent", when: "an object's mark says what its record says now" },
  "image-filled": { in: "agent", when: "an image is whole under its temporary name" },
  "image-renamed": { in: "agent", when: "an image stands under its own name" },
  "image-removed": { in: "agent", when: "an image is gone and its mark is not" },
  "mark-removed": { in: "agent", when: "an image and its mark are gone, and the folder is not synced" },
  "image-grown": { in: "agent", when: "an image has its new size and its mark tells the old one" },
  "footer-made": { in: "agent", when: "a VHD's new footer stands in a file of its own" },
  "footer-taken": { in: "agent", when: "a VHD has no footer any more" },
  "footer-set": { in: "agent", when: "a VHD has its footer, and the file that it came from is not removed" },
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

/** What a test wants: that this process is killed, or stops (SIGSTOP), at the `passing`-th time from now that it gets there. */
export interface CrashOrder {
  /** New for each order. */
  readonly id: string;
  readonly point: CrashPoint;
  /** Counted from 1, by each process for itself, from the order on. */
  readonly passing: number;
  readonly how: "kill" | "stop";
}

const orderFile = process.env.BERTH_CRASH_ORDER;
const STOP_WAIT_MS = 20;
let heeded = "";
let passings = 0;

/**
 * For tests only, and free without `BERTH_CRASH_ORDER`: with it, an order that lies in that file is carried out here.
 * Whichever process is first takes the file away, so that an order crashes one process once, and none that is started later.
 */
export function crashPoint(point: CrashPoint): void {
  if (orderFile !== undefined) pass(orderFile, point);
}

/** One line. Throws E_CONFIG on anything else. */
export function parseCrashOrder(text: string): CrashOrder {
  const [, id, point, passing, how] = /^([\w-]+) ([a-z-]+):([1-9]\d{0,6}) (kill|stop)\n$/.exec(text) ?? [];
  if (id === undefined || point === undefined || !isCrashPoint(point))
    throw new BerthError("E_CONFIG", `this is no order to crash: ${text}`);
  return { id, point, passing: Number(passing), how: how === "stop" ? "stop" : "kill" };
}

export function printCrashOrder({ id, point, passing, how }: CrashOrder): string {
  return `${id} ${point}:${passing} ${how}\n`;
}

/** Where it is told who carried the order out, as `id pid`, in one line. */
export function crashReachedFile(file: string): string {
  return `${file}.reached`;
}

export function isCrashPoint(name: string): name is CrashPoint {
  return Object.hasOwn(CRASH_POINTS, name);
}

function pass(file: string, point: CrashPoint): void {
  const order = orderIn(file);
  if (order === null || order.point !== point) return;
  passings = order.id === heeded ? passings + 1 : 1;
  heeded = order.id;
  if (passings === order.passing && takesAway(file)) carryOut(order, file);
}

/** Another process may be taking it away in this very moment. */
function orderIn(file: string): CrashOrder | null {
  let text: string;
  try {
    if (!existsSync(file)) return null;
    text = readFileSync(file, "utf8");
  } catch {
    return null;
  }
  return parseCrashOrder(text);
}

/** False: another process was first. */
function takesAway(file: string): boolean {
  try {
    unlinkSync(file);
    return true;
  } catch {
    return false;
  }
}

function carryOut({ id, point, how }: CrashOrder, file: string): void {
  // At once, for no log would be flushed.
  writeSync(process.stderr.fd, `${how} at crash point ${point}, process ${process.pid}\n`);
  writeFileSync(crashReachedFile(file), `${id} ${process.pid}\n`);
  process.kill(process.pid, how === "stop" ? "SIGSTOP" : "SIGKILL");
  // Not one statement more: the kernel may take an instant. A stopped process goes on from here when it is woken.
  const never = new Int32Array(new SharedArrayBuffer(4));
  Atomics.wait(never, 0, 0, how === "stop" ? STOP_WAIT_MS : Number.POSITIVE_INFINITY);
}
