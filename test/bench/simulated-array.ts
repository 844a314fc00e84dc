import { Type } from "typebox";
import { Client } from "undici";
import { type ReadyLine, readyLine } from "#deploy/dev/simulators.ts";
import { parser } from "#shared/schema.ts";
import { Child } from "./child.ts";

/** More than is ever created here. */
const CAPACITY_GIB = 100_000;

const callsReport = parser(
  Type.Object({
    total: Type.Integer(),
    busyMs: Type.Number(),
    timesByMethod: Type.Record(Type.String(), Type.Object({ totalMs: Type.Number() })),
    highWater: Type.Integer(),
  }),
  "a simulator's calls",
);

/** What a simulator was asked since it was told to count anew. */
export interface Calls {
  readonly count: number;
  /** How long they took, all together. */
  readonly totalMs: number;
  /** How long at least one of them was with it. */
  readonly busyMs: number;
  readonly mostAtOnce: number;
}

/** A simulator in a process of its own. */
export class SimulatedArray implements AsyncDisposable {
  readonly ready: ReadyLine;
  readonly #program: Child;
  readonly #control: Client;

  private constructor(ready: ReadyLine, program: Child) {
    this.ready = ready;
    this.#program = program;
    this.#control = new Client(ready.control, { keepAliveTimeout: 60_000 });
  }

  static async start(name: string, folder: string): Promise<SimulatedArray> {
    const program = new Child("array-program.ts", [name, folder, String(CAPACITY_GIB)]);
    try {
      return new SimulatedArray(await program.next(readyLine), program);
    } catch (error) {
      await program[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** From now on each call takes so much longer. */
  async slowBy(delayMs: number): Promise<void> {
    await this.#ask("PUT", "/faults/slow", JSON.stringify({ delayMs }));
  }

  async calls(): Promise<Calls> {
    const { total, busyMs, timesByMethod, highWater } = callsReport.parse(await this.#ask("GET", "/calls"));
    const totalMs = Object.values(timesByMethod).reduce((sum, times) => sum + times.totalMs, 0);
    return { count: total, totalMs, busyMs, mostAtOnce: highWater };
  }

  async countAnew(): Promise<void> {
    await this.#ask("DELETE", "/calls");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#control.destroy();
    await this.#program[Symbol.asyncDispose]();
  }

  async #ask(method: "GET" | "PUT" | "DELETE", path: string, content?: string): Promise<unknown> {
    const { statusCode, body } = await this.#control.request({
      method,
      path,
      ...(content === undefined ? {} : { body: content }),
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`the simulator answered ${statusCode} ${text.slice(0, 500)}`);
    return JSON.parse(text);
  }
}
