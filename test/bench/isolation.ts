import { join } from "node:path";
import type { Backend, Catalogue } from "#shared/model/catalogue.ts";
import { BerthSystem, ZONES } from "./berth-system.ts";
import { POLL_AMONG_MANY_MS } from "./create.ts";
import type { Figure } from "./figure.ts";
import { median } from "./measuring.ts";
import type { Run } from "./plan.ts";
import type { References } from "./reference.ts";

const FLAVOR = "hanging";
/** More than a backend's limit of jobs in hand, so that some wait in the ledger too. */
const STUCK_VOLUMES = 200;
const TURNS = 8;

/**
 * Creates on healthy backends while one in the same zone never answers. Two systems stand side by side, one of them
 * with creates that hang, and are measured by turns: what else the machine does then falls on both alike.
 */
export async function isolationFigures({ plan, folder, say }: Run, _references: References): Promise<Figure[]> {
  await using healthy = await BerthSystem.start(join(folder, "healthy"), withHangingBackend);
  await using beset = await BerthSystem.start(join(folder, "beset"), withHangingBackend);
  const { clients } = plan;
  const task = { kind: "create", flavor: "gold", zones: ZONES, clients, pollMs: POLL_AMONG_MANY_MS } as const;
  for (const system of [healthy, beset]) await system.client({ ...task, durationMs: plan.warmUpMs });

  say(`creating while ${STUCK_VOLUMES} creates hang on another backend, and while none does, by turns`);
  await beset.client({ kind: "post", flavor: FLAVOR, zones: ["north"], clients, count: STUCK_VOLUMES });
  const rates = new Map<BerthSystem, number[]>([healthy, beset].map((system) => [system, []]));
  for (let turn = 0; turn < TURNS; turn++) {
    // Who is first in a turn is second in the next.
    for (const [system, found] of turn % 2 === 0 ? rates : [...rates].reverse())
      found.push((await system.client({ ...task, durationMs: (2 * plan.windowMs) / TURNS })).perSecond);
  }
  const stuck = await beset.countInStatus("creating");
  if (stuck !== STUCK_VOLUMES) throw new Error(`${stuck} creates hang in place of ${STUCK_VOLUMES}`);
  const alone: Figure = { name: "isolation.rate-alone", value: median(rates.get(healthy) ?? []), unit: "volumes/s" };
  return [
    alone,
    {
      name: "isolation.rate-beside-hanging",
      value: median(rates.get(beset) ?? []),
      unit: "volumes/s",
      boundedBy: alone,
    },
  ];
}

/** A backend of zone north whose operations never end, alone behind a flavor. */
function withHangingBackend(catalogue: Catalogue): Catalogue {
  const id = catalogue.nextBackendId;
  const model = catalogue.backends.find(({ zone }) => zone === "north");
  if (model === undefined) throw new Error("the catalogue of the fakes has no backend in zone north");
  const hanging: Backend = { ...model, id, name: FLAVOR, parameters: { capacity_gib: "infinite", hang: true } };
  return {
    ...catalogue,
    nextBackendId: id + 1,
    flavors: [...catalogue.flavors, { id: crypto.randomUUID(), name: FLAVOR, description: "", backends: [id] }],
    backends: [...catalogue.backends, hanging],
  };
}
