import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { introduce } from "#deploy/dev/simulators.ts";
import { simulatorNames } from "#test/simulators/kit/kinds.ts";
import { BerthSystem, PROJECT } from "./berth-system.ts";
import { Caller } from "./caller.ts";
import { POLL_ALONE_MS } from "./create.ts";
import type { Figure } from "./figure.ts";
import { median, percentile, repeated } from "./measuring.ts";
import type { Plan, Run } from "./plan.ts";
import type { References } from "./reference.ts";
import { SimulatedArray } from "./simulated-array.ts";

const ZONE = "north";
const ZONES = [ZONE];
/** Of the two agents of the zone, so that the array has no more than four. */
const CALLS_AT_ONCE_EACH = 2;
const CALLS_AT_ONCE = 4;
/** What each call takes longer than the simulator itself needs, as an array would. */
const CALL_MS = 25;
/** A create waits for its turn far longer; looking more often would only take the processor from the work. */
const POLL_AMONG_MANY_MS = 50;
const AIM_OVERHEAD_MS = 10;

/** Of a backend that does nothing: what remains is Berth without any driver. */
const FAKE_FLAVOR = "gold";

/** One create until it was available, what the array did meanwhile, and a create on a fake right after it. */
interface Create {
  readonly wholeMs: number;
  readonly fakeMs: number;
  readonly arrayMs: number;
  readonly calls: number;
}

/** Creates on each simulated storage system, beside what the system itself takes for them. */
export async function driverFigures({ plan, folder, say }: Run, _references: References): Promise<Figure[]> {
  // Ended after Berth: agents would look for what is gone.
  await using arrays = new AsyncDisposableStack();
  await using system = await BerthSystem.start(folder);
  const figures: Figure[] = [];
  for (const name of simulatorNames()) {
    const home = join(folder, name);
    mkdirSync(home);
    const array = arrays.use(await SimulatedArray.start(name, home));
    await bring(system, array);
    await array.slowBy(CALL_MS);
    const task = { kind: "create", flavor: name, zones: ZONES, pollMs: POLL_AMONG_MANY_MS } as const;
    await system.client({ ...task, clients: plan.clients, durationMs: plan.warmUpMs });

    say(`creating on ${name} with one client`);
    const alone = await createsAlone(system, array, plan);
    say(`creating on ${name} with ${plan.clients} clients`);
    await array.countAnew();
    const { perSecond, timesMs } = await system.client({ ...task, clients: plan.clients, durationMs: plan.windowMs });
    const calls = await array.calls();
    if (calls.mostAtOnce > CALLS_AT_ONCE) throw new Error(`${name} had ${calls.mostAtOnce} calls at once`);
    const limit = (CALLS_AT_ONCE * 1000 * timesMs.length) / calls.totalMs;
    figures.push(...figuresAlone(name, alone), ...ratesOf(name, plan, perSecond, limit));
  }
  return figures;
}

async function bring(system: BerthSystem, { ready }: SimulatedArray): Promise<void> {
  const { name, backend } = ready;
  const parameters = { ...backend.parameters, max_concurrent_calls: CALLS_AT_ONCE_EACH };
  await introduce(`${system.origin}/berth/v1`, ZONE, { ...ready, backend: { ...backend, parameters } });
  await system.untilUp();
  await system.untilOpen(ZONE, `${ZONE}-${name}`);
}

/** One after another, with the array's count before and after each, by turns with those on a fake. */
async function createsAlone(system: BerthSystem, array: SimulatedArray, { windowMs }: Plan): Promise<Create[]> {
  const caller = new Caller(system.origin, PROJECT);
  const creates: Create[] = [];
  try {
    await repeated({ durationMs: windowMs }, 1, async () => {
      const before = await array.calls();
      const wholeMs = await timed(caller, array.ready.name);
      const after = await array.calls();
      const fakeMs = await timed(caller, FAKE_FLAVOR);
      creates.push({
        wholeMs,
        fakeMs,
        arrayMs: after.busyMs - before.busyMs,
        calls: after.count - before.count,
      });
    });
  } finally {
    await caller.close();
  }
  return creates;
}

async function timed(caller: Caller, flavor: string): Promise<number> {
  const startMs = performance.now();
  await caller.create(flavor, ZONE, POLL_ALONE_MS);
  return performance.now() - startMs;
}

function figuresAlone(name: string, creates: readonly Create[]): Figure[] {
  const of = (what: string, unit: string, value: number): Figure => ({ name: `drivers.${name}-${what}`, value, unit });
  const wholes = creates.map(({ wholeMs }) => wholeMs);
  const calls = median(creates.map((create) => create.calls));
  // Agents measure the array meanwhile: what it did for that is not in its time for creates.
  const undisturbed = creates.filter((create) => create.calls === calls);
  const overheads = undisturbed.map(({ wholeMs, arrayMs }) => wholeMs - arrayMs);
  const array = of("array-p50", "ms", median(undisturbed.map(({ arrayMs }) => arrayMs)));
  const fake = of("fake-p50", "ms", median(creates.map(({ fakeMs }) => fakeMs)));
  return [
    of("calls", "calls/volume", calls),
    array,
    fake,
    { ...of("create-p50", "ms", median(wholes)), boundedBy: array },
    { ...of("create-p95", "ms", percentile(wholes, 95)), boundedBy: array },
    { ...of("overhead-p50", "ms", median(overheads)), boundedBy: fake, aim: { atMost: AIM_OVERHEAD_MS } },
    { ...of("overhead-p95", "ms", percentile(overheads, 95)), boundedBy: fake },
  ];
}

/** `limit`: with always as many calls in the array as fit into it, at the time that each took there. */
function ratesOf(name: string, { clients }: Plan, perSecond: number, limit: number): Figure[] {
  const boundedBy = { name: `drivers.${name}-limit`, value: limit, unit: "volumes/s" };
  return [boundedBy, { name: `drivers.${name}-rate-${clients}`, value: perSecond, unit: "volumes/s", boundedBy }];
}
