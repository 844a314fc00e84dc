import { firstCatalogue } from "#deploy/dev/catalogue.ts";
import { BerthSystem, PROJECT } from "./berth-system.ts";
import { readRecordsMs } from "./disk.ts";
import type { Figure } from "./figure.ts";
import { fillLedger } from "./ledger-fill.ts";
import { median } from "./measuring.ts";
import type { Run } from "./plan.ts";
import type { References } from "./reference.ts";

type Ending = ReturnType<BerthSystem["run"]>;

const PAGE = 1000;
const BYTES_PER_MB = 1e6;

/** Listing, starting and memory with many volumes. Only nats-server and the scheduler run: no agent is part of these. */
export async function listFigures(run: Run, references: References): Promise<Figure[]> {
  const { plan } = run;
  const few = await measured(run, references, plan.fewVolumes);
  const many = await measured(run, references, plan.manyVolumes);
  return [
    { ...few.listing, aim: { atMost: 50 } },
    many.listing,
    { ...many.start, aim: { atMost: 5000 } },
    { ...many.memory, aim: { atMost: 500 } },
    many.peakMemory,
  ];
}

async function measured({ plan, folder, say }: Run, references: References, count: number) {
  await using system = await BerthSystem.prepare(`${folder}/${count}`);
  say(`filling a ledger with ${count} volumes`);
  const catalogue = firstCatalogue(system.settings.dataPath, true);
  await fillLedger(system.ledgerFile, catalogue, PROJECT, count);
  const raw: Figure = { name: `raw.read-${count}-records`, value: readRecordsMs(system.ledgerFile), unit: "ms" };

  system.run((program) => program === "nats-server");
  say(`starting the scheduler with ${count} volumes`);
  const startsMs: number[] = [];
  for (let scheduler: Ending | null = null; startsMs.length < plan.starts; ) {
    await scheduler?.end();
    const beginMs = performance.now();
    scheduler = system.run((program) => program === "scheduler");
    await system.answers();
    startsMs.push(performance.now() - beginMs);
  }

  say(`listing ${PAGE} of ${count} volumes`);
  const path = `/v3/${PROJECT}/volumes/detail?limit=${PAGE}`;
  await system.client({ kind: "get", clients: 1, path, times: 5 });
  const lists = await system.client({ kind: "get", clients: 1, path, times: plan.listings });
  const what = `${PAGE}-of-${count}`;
  const { nowBytes, peakBytes } = system.memoryOf("scheduler");
  return {
    listing: {
      name: `list.${what}`,
      value: median(lists.timesMs),
      unit: "ms",
      boundedBy: await references.httpBytes(what, lists.bytes),
    },
    start: { name: `start.with-${count}-volumes`, value: median(startsMs), unit: "ms", boundedBy: raw },
    memory: { name: `memory.with-${count}-volumes`, value: nowBytes / BYTES_PER_MB, unit: "MB" },
    peakMemory: { name: `memory.peak-with-${count}-volumes`, value: peakBytes / BYTES_PER_MB, unit: "MB" },
  };
}
