import { join } from "node:path";
import type { BerthClient } from "#test/kit/berth-client.ts";
import { HaInstallation } from "#test/kit/ha-installation.ts";
import { Installation } from "#test/kit/installation.ts";
import type { NatsServer } from "#test/kit/nats-server.ts";
import type { Program } from "#test/kit/program.ts";
import { CRASH_ORDER_FILE } from "#test/kit/programs.ts";
import type { Tgtd } from "#test/kit/tgtd.ts";
import { until } from "#test/kit/until.ts";
import { crashCatalogue } from "./media.ts";

/** Where the records are: with one scheduler in a file, with two of them on nats-server. */
export type LedgerKind = "embedded" | "nats";

/** How long the queue waits for a job's agent. Another takes over within this and ten seconds. */
export const ACK_WAIT_MS = 1_000;
/** A leader that is silent for so long is followed by another. */
const LEASE_MS = 1_500;
const SETTINGS = { BERTH_ACK_WAIT_MS: String(ACK_WAIT_MS), BERTH_LEASE_MS: String(LEASE_MS) };

/** All that a crash needs: one zone with two agents, for many crashes one after another. */
export interface CrashStand extends AsyncDisposable {
  readonly folder: string;
  readonly nats: NatsServer;
  readonly tgtd: Tgtd | null;
  readonly schedulers: readonly Program[];
  readonly agents: readonly Program[];
  /** Of whoever answers. */
  readonly client: BerthClient;
  readonly orderFile: string;
  /** Everything that runs is of use again: every agent is known as this very process, one scheduler leads. */
  readonly ready: () => Promise<void>;
  /** With the ledger on nats-server: this one stands by and follows. */
  readonly untilFollows: (scheduler: Program) => Promise<void>;
}

export async function startCrashStand(ledger: LedgerKind): Promise<CrashStand> {
  return ledger === "embedded" ? await oneScheduler() : await twoSchedulers();
}

async function oneScheduler(): Promise<CrashStand> {
  const berth = await Installation.start({ catalogue: crashCatalogue, tgt: true, settings: SETTINGS });
  const { folder, nats, tgtd, client, scheduler } = berth;
  const agents = [...berth.agents.values()];
  return {
    folder,
    nats,
    tgtd,
    schedulers: [scheduler],
    agents,
    client,
    orderFile: join(folder, CRASH_ORDER_FILE),
    ready: () => untilReady(client, agents),
    untilFollows: async () => undefined,
    [Symbol.asyncDispose]: () => berth[Symbol.asyncDispose](),
  };
}

/** Schedulers know nothing of media: the one that is quickest will do. */
async function twoSchedulers(): Promise<CrashStand> {
  const berth = await HaInstallation.start({
    catalogue: (folder) => crashCatalogue(folder, ["fake"]),
    schedulers: 2,
    settings: SETTINGS,
  });
  const { folder, client, agents } = berth;
  const [nats] = berth.natsServers;
  if (nats === undefined) throw new Error("there is no nats-server");
  return {
    folder,
    nats,
    tgtd: null,
    schedulers: berth.schedulers.map(({ program }) => program),
    agents,
    client,
    orderFile: join(folder, CRASH_ORDER_FILE),
    ready: async () => {
      await berth.leader();
      await untilReady(client, agents);
    },
    untilFollows: async (scheduler) => {
      const its = berth.schedulers.find(({ program }) => program === scheduler)?.client;
      await until(`${scheduler.name} follows`, async () => (await its?.health())?.role === "standby");
    },
    [Symbol.asyncDispose]: () => berth[Symbol.asyncDispose](),
  };
}

async function untilReady(client: BerthClient, agents: readonly Program[]): Promise<void> {
  await until("all agents are up and all backends reported", async () => {
    const up = (await client.agents()).filter(({ state, jobsInHand }) => state === "up" && jobsInHand === 0);
    const backends = await client.backends();
    return (
      agents.every(({ name, pid }) => up.some((agent) => agent.id === name && agent.pid === pid)) &&
      backends.every(({ reportAgeMs }) => reportAgeMs !== null)
    );
  });
}
