import { setTimeout as pause } from "node:timers/promises";
import { CallCounter } from "./calls.ts";
import { FaultBoard, type FaultDescription } from "./faults.ts";

const DEFAULT_DELAY_MS = 1_000;

/** What becomes of a call: an answer to send; the refusal of a busy system; the connection cut; or silence. */
export type Served<T> =
  | { readonly kind: "answer"; readonly value: T }
  | { readonly kind: "refused" | "cut" | "silence" };

/** Every call of a simulator's clients goes over its desk, where it is counted and where the common faults strike. */
export class Desk {
  readonly faults: FaultBoard;
  readonly calls = new CallCounter();

  constructor(ownFaults: readonly FaultDescription[] = []) {
    this.faults = new FaultBoard(ownFaults);
  }

  /** `method` is the vendor's name of the call. What `work` throws is the caller's. */
  async serve<T>(method: string, work: () => Promise<T> | T): Promise<Served<T>> {
    const leave = this.calls.enter(method);
    try {
      const slow = this.faults.take("slow", method);
      if (slow !== null) await pause(slow.delayMs ?? DEFAULT_DELAY_MS);
      if (this.faults.take("hang", method) !== null) return { kind: "silence" };
      if (this.faults.take("cut", method) !== null) return { kind: "cut" };
      if (this.faults.take("refuse", method) !== null || this.#tooMany(method)) return { kind: "refused" };
      const value = await work();
      if (this.faults.take("lost-answer", method) !== null) return { kind: "cut" };
      return { kind: "answer", value };
    } finally {
      leave();
    }
  }

  #tooMany(method: string): boolean {
    const limit = this.faults.take("limit", method)?.value;
    return typeof limit === "number" && this.calls.inFlight > limit;
  }
}
