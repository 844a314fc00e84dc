import { createHash } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { FakeParameters } from "#shared/drivers/fake.ts";
import { abortedError, assertMayChange, assertNotAborted } from "../../transport/changing.ts";
import { type CallContext, DriverError } from "../driver.ts";

type Told = Pick<FakeParameters, "slow_ms" | "fail_chance" | "lose_answer_chance" | "dead" | "hang" | "seed">;

/** Makes a fake's operations as slow, failing, lossy or hanging as it was told. What it was not told costs nothing. */
export class Misbehaviour {
  readonly #told: Told;
  /** How often a call on an object was tried; gone again when it succeeds. */
  readonly #tries = new Map<string, number>();

  constructor(told: Told) {
    this.#told = told;
  }

  /** `call` and `id` say which operation this is: with one seed the same tries of the same operations fail. */
  async around<T>(context: CallContext, call: string, id: string, work: () => T): Promise<T> {
    const { slow_ms, dead, hang, fail_chance, lose_answer_chance } = this.#told;
    assertNotAborted(context);
    if (hang === true) await endOf(context);
    if (slow_ms !== undefined) await pause(context, slow_ms);
    if (dead === true) throw new DriverError("not-done", "this fake backend was told to be dead");

    const operation = `${call} ${id}`;
    if (this.#happens(operation, "fail", fail_chance))
      throw new DriverError("not-done", "this fake backend was told to fail");
    assertMayChange(context);
    const answer = work();
    if (this.#happens(operation, "lose", lose_answer_chance))
      throw new DriverError("unknown", "this fake backend was told to lose the answer");
    return answer;
  }

  #happens(operation: string, what: string, chance: number | undefined): boolean {
    if (chance === undefined || chance === 0) return false;
    const key = `${what} ${operation}`;
    const tries = (this.#tries.get(key) ?? 0) + 1;
    const hash = createHash("sha256")
      .update(`${this.#told.seed ?? 0} ${key} ${tries}`)
      .digest();
    const happens = hash.readUInt32BE(0) / 2 ** 32 < chance;
    if (happens) this.#tries.set(key, tries);
    else this.#tries.delete(key);
    return happens;
  }
}

async function pause(context: CallContext, ms: number): Promise<void> {
  try {
    await wait(ms, undefined, { signal: context.signal });
  } catch {
    throw abortedError(context.signal);
  }
}

/** Never ends by itself: only with the job's time. */
function endOf(context: CallContext): Promise<never> {
  return new Promise((_, reject) => {
    context.signal.addEventListener("abort", () => reject(abortedError(context.signal)), { once: true });
  });
}
