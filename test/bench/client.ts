/** The client of the system figures, a program of its own: does the tasks that its parent sends, one after another. */
import { setTimeout as pause } from "node:timers/promises";
import { Type } from "typebox";
import { Client } from "undici";
import { parser } from "#shared/schema.ts";
import { type ClientResult, type ClientTask, clientTask } from "./client-task.ts";
import { type Amount, repeated } from "./measuring.ts";

const [origin = "", project = ""] = process.argv.slice(2);
const VOLUMES = `/v3/${project}/volumes`;

const volumeAnswer = parser(
  Type.Object({ volume: Type.Object({ id: Type.String(), status: Type.String() }) }),
  "the API's answer",
);

interface Answer {
  readonly status: number;
  readonly text: string;
}

class Caller {
  readonly #connection = new Client(origin, { pipelining: 1, keepAliveTimeout: 60_000 });
  requests = 0;
  bytes = 0;

  async get(path: string): Promise<void> {
    expectStatus(200, await this.#ask("GET", path));
  }

  async post(flavor: string, zone: string): Promise<string> {
    const volume = { size: 1, name: "bench", volume_type: flavor, availability_zone: zone };
    const { text } = expectStatus(202, await this.#ask("POST", VOLUMES, JSON.stringify({ volume })));
    return volumeAnswer.parse(JSON.parse(text)).volume.id;
  }

  async create(flavor: string, zone: string, pollMs: number): Promise<string> {
    const id = await this.post(flavor, zone);
    for (;;) {
      await pause(pollMs);
      const { text } = expectStatus(200, await this.#ask("GET", `${VOLUMES}/${id}`));
      const { status } = volumeAnswer.parse(JSON.parse(text)).volume;
      if (status === "available") return id;
      if (status !== "creating") throw new Error(`volume ${id} is ${status}`);
    }
  }

  async remove(id: string, pollMs: number): Promise<void> {
    expectStatus(202, await this.#ask("DELETE", `${VOLUMES}/${id}`));
    do await pause(pollMs);
    while ((await this.#ask("GET", `${VOLUMES}/${id}`)).status !== 404);
  }

  close(): Promise<void> {
    return this.#connection.destroy();
  }

  async #ask(method: "GET" | "POST" | "DELETE", path: string, content?: string): Promise<Answer> {
    this.requests += 1;
    const { statusCode, body } = await this.#connection.request({
      method,
      path,
      ...(content === undefined ? {} : { body: content, headers: { "content-type": "application/json" } }),
    });
    const text = await body.text();
    this.bytes = Buffer.byteLength(text);
    return { status: statusCode, text };
  }
}

process.on("message", (message) => {
  perform(clientTask.parse(message)).then(
    (result) => process.send?.(result),
    (error) => process.send?.({ failure: error instanceof Error ? error.message : String(error) }),
  );
});
process.on("disconnect", () => process.exit());

async function perform(task: ClientTask): Promise<ClientResult> {
  const callers = Array.from({ length: task.kind === "get" ? 1 : task.clients }, () => new Caller());
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

function expectStatus(expected: number, answer: Answer): Answer {
  if (answer.status !== expected) throw new Error(`the API answered ${answer.status} ${answer.text.slice(0, 500)}`);
  return answer;
}
