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
  /** Where it says (200) that it has caught up with those that keep copies for one another; null: it keeps none. */
  readonly healthUrl: string | null;
}

export function programVictim(process: ProcessKind, program: Program): Victim {
  return {
    name: program.name,
    process,
    program,
    healthUrl: null,
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

/** `monitorUrl`: of one of several. */
export function natsVictim(name: string, nats: NatsServer, monitorUrl: string | null = null): Victim {
  return serverVictim(name, "nats-server", {
    healthUrl: monitorUrl === null ? null : `${monitorUrl}/healthz`,
    pid: () => nats.pid,
    kill: () => nats.kill("SIGKILL"),
    start: () => nats.restart(),
  });
}

export function tgtdVictim(tgtd: Tgtd): Victim {
  return serverVictim("tgtd", "tgtd", {
    healthUrl: null,
    pid: () => tgtd.pid,
    kill: () => tgtd.kill(),
    start: () => tgtd.restart(),
  });
}

interface Server {
  readonly healthUrl: string | null;
  pid(): number;
  kill(): Promise<void>;
  start(): Promise<void>;
}

function serverVictim(name: string, process: ProcessKind, server: Server): Victim {
  return {
    name,
    process,
    program: null,
    healthUrl: server.healthUrl,
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
