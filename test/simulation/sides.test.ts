import { expect, it } from "vitest";
import { buriedObject } from "#scheduler/core/audit.ts";
import { objectIdOf } from "#scheduler/core/refs.ts";
import { SidesWorld } from "./sides.ts";

/** Many histories on a machine that may be busy: a bound for what hangs. */
const LONG = { timeout: 180_000 };

function runHistory(seed: number): { readonly switches: number; readonly moved: SidesWorld["moved"] } {
  const world = new SidesWorld(seed);
  let switches = 0;
  try {
    for (let step = 0, side = world.record.side; step < 600; step++) {
      world.step();
      if (world.record.side !== side) switches += 1;
      side = world.record.side;
    }
    comeHome(world);
  } catch (cause) {
    throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  return { switches, moved: world.moved };
}

/** All is well from now on: back on its own side, nobody is stuck, and nothing that was usable once is lost. */
function comeHome(world: SidesWorld): void {
  world.calm = true;
  for (let round = 0; round < 400; round++) {
    world.failOver(null);
    world.settle();
    world.checkUsable();
    const { side, failover } = world.record;
    if (side === null && failover === null && world.state.table("job").size === 0) break;
  }
  expect(world.record).toMatchObject({ side: null, failover: null });
  expect([...world.state.table("job").values()]).toEqual([]);
  for (const id of world.kept) expect(world.state.get("volume", id)?.status, id).toBe("available");
  const recorded = [...world.state.table("volume").values()].filter(({ backendId }) => backendId !== null);
  const standing = [...world.storage.own.keys(), ...world.storage.elsewhere.keys()];
  const names = recorded.map((volume) => objectIdOf(volume));
  for (const name of names) expect(standing).toContain(name);
  // What a job made that ran once more when it was over is the sweep's: it bears the id of a tombstone.
  const buried = new Set([...world.state.table("tombstone").values()].map((one) => buriedObject(one)));
  const known = new Set(names);
  for (const name of standing) if (!known.has(name)) expect([...buried], name).toContain(name);
}

it("a backend changes sides at random: nothing is written where it should not be, and all come home", LONG, () => {
  let switches = 0;
  const moved = { there: 0, here: 0, stayed: 0 };
  for (let seed = 1; seed <= 200; seed++) {
    const history = runHistory(seed);
    switches += history.switches;
    for (const way of ["there", "here", "stayed"] as const) moved[way] += history.moved[way];
  }
  expect(switches).toBeGreaterThan(300);
  for (const count of Object.values(moved)) expect(count, JSON.stringify(moved)).toBeGreaterThan(30);
});
