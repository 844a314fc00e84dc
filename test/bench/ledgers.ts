import { join } from "node:path";
import { BerthSystem, ZONES } from "./berth-system.ts";
import { POLL_ALONE_MS, POLL_AMONG_MANY_MS } from "./create.ts";
import type { Figure } from "./figure.ts";
import { percentile } from "./measuring.ts";
import type { Run } from "./plan.ts";
import type { References } from "./reference.ts";

const TURNS = 4;

interface Measured {
  readonly timesMs: number[];
  readonly perSecond: number[];
}

/**
 * Creates with the records on nats-server, and in the embedded ledger. Two systems stand side by side and are measured by
 * turns: what else the machine does then falls on both alike.
 */
export async function ledgerFigures({ plan, folder, say }: Run, _references: References): Promise<Figure[]> {
  await using embedded = await BerthSystem.start(join(folder, "embedded"));
  await using nats = await BerthSystem.start(join(folder, "nats"), undefined, { BERTH_LEDGER: "nats" });
  const systems = { embedded, nats };
  const figures: Figure[] = [];
  for (const clients of [1, plan.clients]) {
    say(`creating with ${clients} clients, with both ledgers by turns`);
    const pollMs = clients === 1 ? POLL_ALONE_MS : POLL_AMONG_MANY_MS;
    const task = { kind: "create", flavor: "gold", zones: ZONES, clients, pollMs } as const;
    for (const system of [embedded, nats]) await system.client({ ...task, durationMs: plan.warmUpMs });
    const results = { embedded: nothing(), nats: nothing() };
    for (let turn = 0; turn < TURNS; turn++)
      // Who is first in a turn is second in the next.
      for (const name of turn % 2 === 0 ? (["embedded", "nats"] as const) : (["nats", "embedded"] as const)) {
        const { timesMs, perSecond } = await systems[name].client({ ...task, durationMs: plan.windowMs / TURNS });
        results[name].timesMs.push(...timesMs);
        results[name].perSecond.push(perSecond);
      }
    figures.push(...figuresOf(clients, results));
  }
  return figures;
}

/** Those with the embedded ledger first, for the others are told as a part of them. */
function figuresOf(clients: number, { embedded, nats }: Readonly<Record<"embedded" | "nats", Measured>>): Figure[] {
  const of = (which: string, { timesMs, perSecond }: Measured): Figure[] => [
    {
      name: `ledgers.${which}-rate-${clients}`,
      value: perSecond.reduce((sum, rate) => sum + rate, 0) / perSecond.length,
      unit: "volumes/s",
    },
    { name: `ledgers.${which}-p50-${clients}`, value: percentile(timesMs, 50), unit: "ms" },
    { name: `ledgers.${which}-p99-${clients}`, value: percentile(timesMs, 99), unit: "ms" },
  ];
  const bounds = of("embedded", embedded);
  return [...bounds, ...of("nats", nats).map((figure, index) => ({ ...figure, ...boundedBy(bounds[index]) }))];
}

function boundedBy(figure: Figure | undefined): Pick<Figure, "boundedBy"> {
  return figure === undefined ? {} : { boundedBy: figure };
}

function nothing(): Measured {
  return { timesMs: [], perSecond: [] };
}
