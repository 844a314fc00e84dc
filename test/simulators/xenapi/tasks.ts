import { setTimeout as pause } from "node:timers/promises";
import { XenFailure } from "./failure.ts";
import { type Method, method, str, type Xapi } from "./method.ts";
import type { Typed } from "./typed.ts";
import { EPOCH, NULL_REF, now, text } from "./values.ts";
import { printXmlValue } from "./xml-rpc.ts";

const STEPS = 4;
const STEP_MS = 10;
const KEPT_MS = 3_900_000;

/** Work under way, as objects that clients watch. */
export class Tasks {
  readonly #xapi: Xapi;

  constructor(xapi: Xapi) {
    this.#xapi = xapi;
  }

  /** Begins the work and gives its task. What fails is in the task. */
  begin(name: string, work: () => Promise<Typed>, isVoid: boolean): string {
    const { database, desk } = this.#xapi;
    const ref = this.#create(`Async.${name}`, "");
    if (desk.faults.take("task-stuck", name) !== null) return ref;
    const run = async (): Promise<void> => {
      for (let step = 1; step < STEPS; step++) {
        await pause(STEP_MS);
        if (database.find("task", ref)?.status !== "pending") return;
        database.update("task", ref, { progress: step / STEPS });
      }
      if (desk.faults.take("task-cancelled", name) !== null) {
        this.#end(ref, { status: "cancelled", error_info: ["TASK_CANCELLED", ref] });
        return;
      }
      try {
        const value = await work();
        this.#end(ref, { status: "success", progress: 1, result: isVoid ? "" : printXmlValue(value) });
      } catch (error) {
        const failure = error instanceof XenFailure ? error : new XenFailure("INTERNAL_ERROR", String(error));
        this.#end(ref, { status: "failure", progress: 1, error_info: failure.description });
      }
      if (desk.faults.take("task-vanished", name) !== null) database.remove("task", ref);
    };
    void run();
    return ref;
  }

  methods(): Method[] {
    const { database } = this.#xapi;
    const alone = { async: false } as const;
    return [
      method(
        "task.create",
        ["string", "string"],
        "ref",
        (_caller, args) => this.#create(str(args, 0), str(args, 1)),
        alone,
      ),
      method(
        "task.destroy",
        ["ref"],
        "void",
        (_caller, args) => {
          database.get("task", str(args, 0));
          database.remove("task", str(args, 0));
          return "";
        },
        alone,
      ),
      method(
        "task.cancel",
        ["ref"],
        "void",
        (_caller, args) => {
          const ref = str(args, 0);
          if (text(database.get("task", ref), "status") !== "pending")
            throw new XenFailure("OPERATION_NOT_ALLOWED", "the task is finished");
          this.#end(ref, { status: "cancelled", error_info: ["TASK_CANCELLED", ref] });
          return "";
        },
        alone,
      ),
      method(
        "task.set_status",
        ["ref", "string"],
        "void",
        (_caller, args) => {
          database.update("task", str(args, 0), { status: str(args, 1) });
          return "";
        },
        alone,
      ),
      method(
        "task.set_progress",
        ["ref", "float"],
        "void",
        (_caller, args) => {
          database.update("task", str(args, 0), { progress: args[1] ?? 0 });
          return "";
        },
        alone,
      ),
    ];
  }

  #create(label: string, description: string): string {
    const { database } = this.#xapi;
    this.#forget();
    const [pool] = database.table("pool").values();
    return database.add("task", {
      name_label: label,
      name_description: description,
      created: now(),
      finished: EPOCH,
      status: "pending",
      resident_on: pool === undefined ? NULL_REF : text(pool, "master"),
      type: "<none/>",
      allowed_operations: ["cancel", "destroy"],
    });
  }

  #end(ref: string, fields: { readonly [field: string]: string | number | string[] }): void {
    const { database } = this.#xapi;
    if (database.find("task", ref)?.status !== "pending") return;
    database.update("task", ref, { ...fields, finished: now() });
  }

  #forget(): void {
    const { database } = this.#xapi;
    const before = now(Date.now() - KEPT_MS);
    for (const [ref, row] of [...database.table("task")])
      if (row.status !== "pending" && text(row, "finished") < before) database.remove("task", ref);
  }
}
