/** The client of the system figures, a program of its own: does the tasks that its parent sends, one after another. */
import { Caller } from "./caller.ts";
import { type ClientResult, type ClientTask, clientTask } from "./client-task.ts";
import { type Amount, repeated } from "./measuring.ts";

const [origin = "", project = ""] = process.argv.slice(2);

process.on("message", (message) => {
  perform(clientTask.parse(message)).then(
    (result) => process.send?.(result),
    (error) => process.send?.({ failure: error instanceof Error ? error.message : String(error) }),
  );
});
process.on("disconnect", () => process.exit());

async function perform(task: ClientTask): Promise<ClientResult> {
  const callers = Array.from({ length: task.clients }, () => new Caller(origin, project));
  const ids: string[] = [];
  const { perSecond, timesMs } = await repeated(amountOf(task), callers.length, async (lane, number) => {
    const caller = callers[lane];
    const id = caller === undefined ? null : await act(caller, task, number);
    if (id !== null) ids.push(id);
  });
  await Promise.all(callers.map((caller) => caller.close()));
  const requests = callers.reduce((sum, caller) => sum + caller.requests, 0);
  return { perSecond, timesMs: [...timesMs], requests, bytes: callers[0]?.bytes ?? 0, ids };
}

/** Gives the id of the volume that it created, if it did. */
async function act(caller: Caller, task: ClientTask, number: number): Promise<string | null> {
  switch (task.kind) {
    case "create":
      return await caller.create(task.flavor, turn(task.zones, number), task.pollMs);
    case "post":
      return await caller.post(task.flavor, turn(task.zones, number));
    case "delete":
      await caller.remove(turn(task.ids, number), task.pollMs);
      return null;
    case "get":
      await caller.get(task.path);
      return null;
  }
}

function amountOf(task: ClientTask): Amount {
  switch (task.kind) {
    case "create":
      return { durationMs: task.durationMs };
    case "post":
      return { times: task.count };
    case "delete":
      return { times: task.ids.length };
    case "get":
      return { times: task.times };
  }
}

function turn(items: readonly string[], number: number): string {
  return items[number % items.length] ?? "";
}
