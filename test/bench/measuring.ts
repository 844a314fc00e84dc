/** Nearest rank: a value that was really measured. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length));
  const found = sorted[rank - 1];
  if (found === undefined) throw new Error("nothing was measured");
  return found;
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Runs `step` over and over, and gives steps per second. The clock is looked at once in `batch` steps. */
export function stepsPerSecond(durationMs: number, batch: number, step: () => void): number {
  const startMs = performance.now();
  for (let steps = 0; ; ) {
    for (let n = 0; n < batch; n++) step();
    steps += batch;
    const elapsedMs = performance.now() - startMs;
    if (elapsedMs >= durationMs) return (steps / elapsedMs) * 1000;
  }
}

/** When to begin no more steps: after a time, or a number of them. */
export type Amount = { readonly durationMs: number } | { readonly times: number };

export interface Repeated {
  readonly perSecond: number;
  /** How long each step took, in the order in which they ended. */
  readonly timesMs: readonly number[];
}

/** The same for what is waited for, on so many lanes at once. `step` gets its lane and its own number, both from 0. */
export async function repeated(
  amount: Amount,
  lanes: number,
  step: (lane: number, number: number) => Promise<unknown>,
): Promise<Repeated> {
  const timesMs: number[] = [];
  const startMs = performance.now();
  let begun = 0;
  const mayBegin = (nowMs: number): boolean =>
    "times" in amount ? begun < amount.times : nowMs - startMs < amount.durationMs;
  const run = async (lane: number): Promise<void> => {
    for (let nowMs = performance.now(); mayBegin(nowMs); ) {
      await step(lane, begun++);
      const thenMs = performance.now();
      timesMs.push(thenMs - nowMs);
      nowMs = thenMs;
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, lane) => run(lane)));
  return { perSecond: (timesMs.length / (performance.now() - startMs)) * 1000, timesMs };
}
