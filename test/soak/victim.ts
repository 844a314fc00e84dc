import type { NatsServer } from "#test/kit/nats-server.ts";
import type { Program } from "#test/kit/program.ts";
import type { Tgtd } from "#test/kit/tgtd.ts";

export const PROCESSES = ["scheduler", "agent", "nats-server", "tgtd"] as const;
export type ProcessKind = (typeof PROCESSES)[number];

/** A process that is killed and paused, and comes back. */
export interface Victim {
  readonly name: string;
  readonly process: ProcessKind;
  readonly pid: number;
  readonly isRunning: boolean;
  /** Has it crash points? */
  readonly program: Program | null;
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>;
  /** Resolves when it is begun, or answers. */
  start(): Promise<void>;
}

export function programVictim(process: ProcessKind, program: Program): Victim {
  return {
    name: program.name,
    process,
    program,
    get pid() {
      return program.pid;
    },
    get isRunning() {
      return program.isRunning;
    },
    kill: async () => void (await program.kill("SIGKILL")),
    start: async () => program.start(),
  };
}

export function natsVictim(name: string, nats: NatsServer): Victim {
  return serverVictim(name, "nats-server", {
    pid: () => nats.pid,
    kill: () => nats.kill("SIGKILL"),
    start: () => nats.restart(),
  });
}

export function tgtdVictim(tgtd: Tgtd): Victim {
  return serverVictim("tgtd", "tgtd", { pid: () => tgtd.pid, kill: () => tgtd.kill(), start: () => tgtd.restart() });
}

interface Server {
  pid(): number;
  kill(): Promise<void>;
  start(): Promise<void>;
}

function serverVictim(name: string, process: ProcessKind, server: Server): Victim {
  return {
    name,
    process,
    program: null,
    get pid() {
      return server.pid();
    },
    get isRunning() {
      return runs(server.pid());
    },
    kill: server.kill,
    start: server.start,
  };
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
