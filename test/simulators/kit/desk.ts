import { setTimeout as pause } from "node:timers/promises";
import { CallCounter } from "./calls.ts";
import { FaultBoard, type FaultDescription } from "./faults.ts";

const DEFAULT_DELAY_MS = 1_000;

/** What becomes of a call: an answer to send; the refusal of a busy system; the connection cut; or silence. */
export type Served<T, Refused = { readonly kind: "refused" }> =
  | { readonly kind: "answer"; readonly value: T }
  | { readonly kind: "cut" }
  | { readonly kind: "silence" }
  | Refused;

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
      if (this.#strikes("black-hole", method) || this.#strikes("hang", method)) return { kind: "silence" };
      if (this.#strikes("cut", method)) return { kind: "cut" };
      if (this.#strikes("refuse", method) || this.#tooMany(method)) return { kind: "refused" };
      const value = await work();
      if (this.#strikes("lost-answer", method)) return { kind: "cut" };
      return { kind: "answer", value };
    } finally {
      leave();
    }
  }

  #strikes(fault: string, method: string): boolean {
    return this.faults.take(fault, method) !== null;
  }

  #tooMany(method: string): boolean {
    const limit = this.faults.take("limit", method)?.value;
    return typeof limit === "number" && this.calls.inFlight > limit;
  }
}
