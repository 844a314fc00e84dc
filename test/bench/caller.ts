import { setTimeout as pause } from "node:timers/promises";
import { Type } from "typebox";
import { Client } from "undici";
import { parser } from "#shared/schema.ts";

const volumeAnswer = parser(
  Type.Object({ volume: Type.Object({ id: Type.String(), status: Type.String() }) }),
  "the API's answer",
);

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** One client of the API: one connection, kept alive, and one request on it at a time. */
export class Caller {
  readonly #connection: Client;
  readonly #volumes: string;
  /** All that were sent. */
  requests = 0;
  /** Of the last answer's body. */
  bytes = 0;

  constructor(origin: string, project: string) {
    this.#connection = new Client(origin, { pipelining: 1, keepAliveTimeout: 60_000 });
    this.#volumes = `/v3/${project}/volumes`;
  }

  async get(path: string): Promise<void> {
    expectStatus(200, await this.#ask("GET", path));
  }

  async post(flavor: string, zone: string): Promise<string> {
    const volume = { size: 1, name: "bench", volume_type: flavor, availability_zone: zone };
    const { text } = expectStatus(202, await this.#ask("POST", this.#volumes, JSON.stringify({ volume })));
    return volumeAnswer.parse(JSON.parse(text)).volume.id;
  }

  /** Until it is available; looks every `pollMs`, and gives its id. */
  async create(flavor: string, zone: string, pollMs: number): Promise<string> {
    const id = await this.post(flavor, zone);
    for (;;) {
      await pause(pollMs);
      const { text } = expectStatus(200, await this.#ask("GET", `${this.#volumes}/${id}`));
      const { status } = volumeAnswer.parse(JSON.parse(text)).volume;
      if (status === "available") return id;
      if (status !== "creating") throw new Error(`volume ${id} is ${status}`);
    }
  }

  /** Until it is gone. */
  async remove(id: string, pollMs: number): Promise<void> {
    expectStatus(202, await this.#ask("DELETE", `${this.#volumes}/${id}`));
    do await pause(pollMs);
    while ((await this.#ask("GET", `${this.#volumes}/${id}`)).status !== 404);
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

function expectStatus(expected: number, answer: Answer): Answer {
  if (answer.status !== expected) throw new Error(`the API answered ${answer.status} ${answer.text.slice(0, 500)}`);
  return answer;
}
