import { BerthSystem, ZONES } from "./berth-system.ts";
import type { ClientTask } from "./client-task.ts";
import type { Figure } from "./figure.ts";
import { percentile } from "./measuring.ts";
import type { Run } from "./plan.ts";
import type { References } from "./reference.ts";

/** One client looks as often as its timer allows: about half of this is in its times. */
export const POLL_ALONE_MS = 1;
/** Among many the first look finds most volumes available (2.0 requests a volume); looking sooner would only take the processor from the work. */
export const POLL_AMONG_MANY_MS = 5;

const GOLD = { flavor: "gold", zones: ZONES };

/** Volumes over HTTP until `available` and until gone, all processes and the client on this machine. */
export async function createFigures({ plan, folder, say }: Run, references: References): Promise<Figure[]> {
  const { windowMs, clients } = plan;
  const parts = await references.createParts();
  const publishes = await references.jetstreamPublishes(32);
  await using system = await BerthSystem.start(folder);
  const many = { ...GOLD, clients, pollMs: POLL_AMONG_MANY_MS };
  say("warming up");
  await system.client({ kind: "create", ...many, durationMs: plan.warmUpMs });

  say("creating with one client");
  const alone = { kind: "create", ...GOLD, clients: 1, pollMs: POLL_ALONE_MS } as const;
  const one = await system.client({ ...alone, durationMs: windowMs });

  say(`creating with ${clients} clients`);
  const created = await measured(system, { kind: "create", ...many, durationMs: windowMs });
  say(`deleting with ${clients} clients`);
  const deleted = await measured(system, { kind: "delete", clients, pollMs: POLL_AMONG_MANY_MS, ids: created.ids });
  return [
    {
      name: "create.p50-1-client",
      value: percentile(one.timesMs, 50),
      unit: "ms",
      boundedBy: parts,
      aim: { atMost: 6 },
    },
    { name: "create.p99-1-client", value: percentile(one.timesMs, 99), unit: "ms", boundedBy: parts },
    {
      name: `create.rate-${clients}-clients`,
      value: created.perSecond,
      unit: "volumes/s",
      boundedBy: publishes,
      aim: { atLeast: 800 },
    },
    { name: `create.p50-${clients}-clients`, value: percentile(created.timesMs, 50), unit: "ms", boundedBy: parts },
    { name: `create.p99-${clients}-clients`, value: percentile(created.timesMs, 99), unit: "ms", boundedBy: parts },
    ...created.processor.map(([program, ms]) => ({
      name: `create.processor-${program}`,
      value: ms / created.timesMs.length,
      unit: "ms/volume",
    })),
    { name: `delete.rate-${clients}-clients`, value: deleted.perSecond, unit: "volumes/s", boundedBy: publishes },
    { name: `delete.p50-${clients}-clients`, value: percentile(deleted.timesMs, 50), unit: "ms", boundedBy: parts },
  ];
}

/** With the processor time that each program used meanwhile. */
async function measured(system: BerthSystem, task: ClientTask) {
  const before = system.processorMs();
  const result = await system.client(task);
  const processor = [...system.processorMs()].map(([program, ms]): [string, number] => [
    program,
    ms - (before.get(program) ?? 0),
  ]);
  return { ...result, processor };
}
