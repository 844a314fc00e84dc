import type { Catalogue } from "#shared/model/catalogue.ts";
import type { BerthClient } from "#test/kit/berth-client.ts";
import { fake, file, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { HaInstallation } from "#test/kit/ha-installation.ts";
import { Installation, targetSettings } from "#test/kit/installation.ts";
import type { Program } from "#test/kit/program.ts";
import { uuid } from "#test/kit/records.ts";
import { startTgtd, type Tgtd } from "#test/kit/tgtd.ts";
import { natsVictim, programVictim, tgtdVictim, type Victim } from "./victim.ts";

export const LEDGERS = ["embedded", "nats"] as const;
export type LedgerKind = (typeof LEDGERS)[number];

/** What is soaked: real processes, and a way to each. */
export interface SoakStand extends AsyncDisposable {
  readonly folder: string;
  readonly tgtd: Tgtd;
  /** One a scheduler. */
  readonly clients: readonly BerthClient[];
  readonly victims: readonly Victim[];
  readonly programs: readonly Program[];
}

export const ZONES = ["north", "south"] as const;
export const FLAVORS = ["files", "forgetful", "slow"] as const;

/** Sweeps come often, for paused agents wake often; deadlines are long, so that no outage ends in an error; work comes before measuring. */
const SETTINGS: Readonly<Record<string, string>> = {
  BERTH_PLACEMENT_DEADLINE_MS: "300000",
  BERTH_SWEEP_INTERVAL_MS: "10000",
  BERTH_REPORT_AFTER_WORK_MS: "500",
};

const PER_ZONE = {
  files: (zone: string, folder: string) => [file(`files-${zone}`, folder, LARGE, { zone, ...MANY_TIMES })],
  /** Refuses whatever is put on it, so that placing goes on to the next and leftovers arise; the next forgets to answer. */
  forgetful: (zone: string) => [
    fake(`full-${zone}`, { ...LARGE, full: true }, { zone }),
    fake(`forgetful-${zone}`, { ...LARGE, lose_answer_chance: 0.05 }, { zone }),
  ],
  slow: (zone: string) => [fake(`slow-${zone}`, { ...LARGE, slow_ms: 10 }, { zone })],
} as const;
const LARGE = { capacity_gib: 100_000 };
const MANY_TIMES = { settings: { maxOverSubscriptionRatio: 1000 } };

/** A flavor each: image files, which are what it is about, and fakes, for they cost less. */
function soakCatalogue(folder: string): Catalogue {
  const given = FLAVORS.map((name) => ({ name, backends: ZONES.flatMap((zone) => PER_ZONE[name](zone, folder)) }));
  const all = goldCatalogue(ZONES, ...given.flatMap(({ backends }) => backends));
  let next = 1;
  const flavors = given.map(({ name, backends }, index) => {
    const ids = backends.map(() => next++);
    return { id: uuid(0xf1 + index), name, description: "", backends: ids };
  });
  return { ...all, defaultFlavor: "files", flavors };
}

export async function startStand(ledger: LedgerKind): Promise<SoakStand> {
  return ledger === "embedded" ? await startEmbedded() : await startShared();
}

async function startEmbedded(): Promise<SoakStand> {
  const berth = await Installation.start({ catalogue: soakCatalogue, settings: SETTINGS, tgt: true });
  const { tgtd } = berth;
  if (tgtd === null) throw new Error("the installation has no tgtd");
  const agents = [...berth.agents.values()];
  return {
    folder: berth.folder,
    tgtd,
    clients: [berth.client],
    victims: [
      programVictim("scheduler", berth.scheduler),
      ...agents.map((agent) => programVictim("agent", agent)),
      natsVictim("nats-server", berth.nats),
      tgtdVictim(tgtd),
    ],
    programs: [berth.scheduler, ...agents],
    [Symbol.asyncDispose]: () => berth[Symbol.asyncDispose](),
  };
}

async function startShared(): Promise<SoakStand> {
  await using parts = new AsyncDisposableStack();
  const tgtd = parts.use(await startTgtd());
  const settings = { ...SETTINGS, ...targetSettings(tgtd) };
  const berth = parts.use(
    await HaInstallation.start({ catalogue: soakCatalogue, settings, natsServers: 3, schedulers: 3 }),
  );
  const schedulers = berth.schedulers.map(({ program }) => program);
  const all = parts.move();
  return {
    folder: berth.folder,
    tgtd,
    clients: berth.schedulers.map(({ client }) => client),
    victims: [
      ...schedulers.map((program) => programVictim("scheduler", program)),
      ...berth.agents.map((agent) => programVictim("agent", agent)),
      ...berth.natsServers.map((server, index) =>
        natsVictim(`nats-server-${index + 1}`, server, berth.natsMonitorUrls[index]),
      ),
      tgtdVictim(tgtd),
    ],
    programs: [...schedulers, ...berth.agents],
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
