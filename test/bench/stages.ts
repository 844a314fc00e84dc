import { connect, type Msg, type NatsConnection } from "nats";
import { Type } from "typebox";
import { Client } from "undici";
import { parser } from "#shared/schema.ts";
import { BerthSystem, PROJECT, ZONES } from "./berth-system.ts";
import { POLL_ALONE_MS, POLL_AMONG_MANY_MS } from "./create.ts";
import type { Figure } from "./figure.ts";
import { median } from "./measuring.ts";
import type { Run } from "./plan.ts";
import type { References } from "./reference.ts";

const answerForm = parser(Type.Object({ volume: Type.Object({ id: Type.String(), status: Type.String() }) }), "answer");
const VOLUME_ID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

/** The stations of one create, in the order of its road. Each figure is the time from the one before. */
const STATIONS = ["job-sent", "job-delivered", "result-sent", "result-committed", "seen-available"] as const;
type Station = (typeof STATIONS)[number];
type Times = Partial<Record<Station | "posted" | "answered", number>>;

/**
 * Where a create's time goes with one client: told by who listens to all of NATS. Client and listener are one process,
 * so that there is one clock; listening costs the server some of its speed.
 */
export async function stageFigures({ plan, folder }: Run, _references: References): Promise<Figure[]> {
  await using system = await BerthSystem.start(folder);
  const many = {
    kind: "create",
    flavor: "gold",
    zones: ZONES,
    clients: plan.clients,
    pollMs: POLL_AMONG_MANY_MS,
  } as const;
  await system.client({ ...many, durationMs: plan.warmUpMs });

  const listener = new Listener(await connect({ servers: system.natsUrl }));
  const http = new Client(system.origin);
  const creates: Times[] = [];
  const endMs = performance.now() + plan.windowMs;
  try {
    while (performance.now() < endMs) creates.push(await create(http, listener));
  } finally {
    await listener.close();
    await http.destroy();
  }
  return [
    stage("answered", creates, "posted", "answered"),
    ...STATIONS.map((station, n) => stage(station, creates, n === 0 ? "posted" : STATIONS[n - 1], station)),
    stage("whole", creates, "posted", "seen-available"),
  ];
}

function stage(name: string, creates: readonly Times[], from: keyof Times = "posted", to: keyof Times): Figure {
  const took = creates.flatMap(({ [from]: begin, [to]: end }) =>
    begin === undefined || end === undefined ? [] : [end - begin],
  );
  return { name: `stages.${name}`, value: median(took), unit: "ms" };
}

async function create(http: Client, listener: Listener): Promise<Times> {
  const volume = { size: 1, name: "bench", volume_type: "gold", availability_zone: ZONES[0] };
  const postedMs = performance.now();
  const { id } = await ask(http, "POST", "", JSON.stringify({ volume }));
  const answeredMs = performance.now();
  let status = "";
  while (status !== "available") {
    await new Promise((resolve) => setTimeout(resolve, POLL_ALONE_MS));
    ({ status } = await ask(http, "GET", `/${id}`));
    if (status === "error") throw new Error(`volume ${id} is in error`);
  }
  const times = { posted: postedMs, answered: answeredMs, "seen-available": performance.now() };
  return { ...listener.take(id), ...times };
}

async function ask(http: Client, method: "GET" | "POST", tail: string, content?: string) {
  const { body } = await http.request({
    method,
    path: `/v3/${PROJECT}/volumes${tail}`,
    ...(content === undefined ? {} : { body: content, headers: { "content-type": "application/json" } }),
  });
  return answerForm.parse(await body.json()).volume;
}

/** Hears every message and notes when a volume's passed. */
class Listener {
  readonly #connection: NatsConnection;
  readonly #times = new Map<string, Times>();
  /** Where the answer to a result will come, and whose it is. */
  readonly #answers = new Map<string, string>();

  constructor(connection: NatsConnection) {
    this.#connection = connection;
    connection.subscribe(">", { callback: (_error, message) => this.#hear(message) });
  }

  take(id: string): Times {
    const times = this.#times.get(id) ?? {};
    this.#times.delete(id);
    return times;
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #hear({ subject, reply = "", data }: Msg): void {
    const answered = this.#answers.get(subject);
    if (answered !== undefined) {
      this.#answers.delete(subject);
      this.#note(answered, "result-committed");
    } else if (subject.startsWith("berth.job.")) {
      // Delivered under the same subject, with an address to acknowledge to.
      const delivered = reply.startsWith("$JS.ACK.");
      this.#note(VOLUME_ID.exec(subject)?.[0], delivered ? "job-delivered" : "job-sent");
    } else if (subject.startsWith("berth.result.")) {
      const id = VOLUME_ID.exec(new TextDecoder().decode(data))?.[0];
      if (id !== undefined) this.#answers.set(reply, id);
      this.#note(id, "result-sent");
    }
  }

  #note(id: string | undefined, station: Station): void {
    if (id === undefined) return;
    this.#times.set(id, { ...this.#times.get(id), [station]: performance.now() });
  }
}
