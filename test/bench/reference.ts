import { jetstream, jetstreamManager, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "nats";
import { Type } from "typebox";
import { Client } from "undici";
import { parser } from "#shared/schema.ts";
import { startNatsServer } from "#test/kit/nats-server.ts";
import { Child } from "./child.ts";
import { commitsPerSecond, flushesPerSecond } from "./disk.ts";
import type { Figure } from "./figure.ts";
import { repeated } from "./measuring.ts";
import type { Run } from "./plan.ts";

const ECHO_SUBJECT = "bench.echo";
const MANY = 32;
/** About what a job message, a result or the body of a volume weighs. */
const PAYLOAD = "x".repeat(700);

const peerAddress = parser(Type.Object({ port: Type.Integer() }), "the raw peer's address");

/** The raw figures of this run: each is measured when a group first asks for it, and told once. */
export class References implements AsyncDisposable {
  readonly #run: Run;
  readonly #tell: (figure: Figure) => void;
  readonly #known = new Map<string, Promise<Figure>>();
  readonly #stack = new AsyncDisposableStack();
  #world: Promise<World> | null = null;

  constructor(run: Run, tell: (figure: Figure) => void) {
    this.#run = run;
    this.#tell = tell;
  }

  async all(): Promise<Figure[]> {
    return [
      await this.natsRoundTrips(1),
      await this.natsRoundTrips(MANY),
      await this.jetstreamPublishes(1),
      await this.jetstreamPublishes(MANY),
      await this.commits(),
      await this.flushes(),
      await this.httpRequests(),
      await this.createParts(),
    ];
  }

  /** Requests through nats-server to another process and back. */
  natsRoundTrips(inFlight: 1 | 32): Promise<Figure> {
    return this.#rate(`raw.nats-round-trips-${inFlight}`, "/s", async (windowMs) => {
      const { connection } = await this.#open();
      return await repeated({ durationMs: windowMs }, inFlight, () =>
        connection.request(ECHO_SUBJECT, PAYLOAD, { timeout: 5000 }),
      );
    });
  }

  /** Messages stored in a work queue's file, each acknowledged by the server. */
  jetstreamPublishes(inFlight: 1 | 32): Promise<Figure> {
    return this.#rate(`raw.jetstream-publishes-${inFlight}`, "/s", async (windowMs) => {
      const { connection } = await this.#open();
      const client = jetstream(connection);
      return await repeated({ durationMs: windowMs }, inFlight, () => client.publish("bench.queue.job", PAYLOAD));
    });
  }

  /** Transactions of one small record on disk one by one, as the ledger is set (WAL, synchronous=FULL). */
  commits(): Promise<Figure> {
    return this.#rate("raw.sqlite-commits", "/s", async (windowMs) => ({
      perSecond: commitsPerSecond(this.#run.folder, windowMs, PAYLOAD),
    }));
  }

  /** 4 KiB appended to a file and flushed to the disk. */
  flushes(): Promise<Figure> {
    return this.#rate("raw.fsyncs", "/s", async (windowMs) => ({
      perSecond: flushesPerSecond(this.#run.folder, windowMs),
    }));
  }

  /** POSTs to node:http in another process, whose body comes back; keep-alive, one at a time. */
  httpRequests(): Promise<Figure> {
    return this.#rate("raw.http-requests-1", "/s", async (windowMs) => {
      const { http } = await this.#open();
      return await repeated({ durationMs: windowMs }, 1, async () => {
        const { body } = await http.request({ method: "POST", path: "/", body: PAYLOAD });
        await body.text();
      });
    });
  }

  /** Fetching so many bytes that stand ready in another process: what a list's answer costs before anyone made it. */
  httpBytes(what: string, bytes: number): Promise<Figure> {
    return this.#once(`raw.http-get-of-${what}`, async (name) => {
      const { http } = await this.#open();
      const { perSecond } = await repeated({ durationMs: this.#run.plan.shortWindowMs }, 1, async () => {
        const { body } = await http.request({ method: "GET", path: `/${bytes}` });
        await body.text();
      });
      return { name, value: 1000 / perSecond, unit: "ms" };
    });
  }

  /** What a create cannot be without, one after another: POST and GET, two commits, one publish, one result by request. */
  createParts(): Promise<Figure> {
    return this.#once("raw.create-parts", async (name) => {
      const timeMs = (rate: Figure): number => 1000 / rate.value;
      const value =
        2 * timeMs(await this.httpRequests()) +
        2 * timeMs(await this.commits()) +
        timeMs(await this.jetstreamPublishes(1)) +
        timeMs(await this.natsRoundTrips(1));
      return { name, value, unit: "ms" };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  #rate(name: string, unit: string, measure: (windowMs: number) => Promise<{ perSecond: number }>): Promise<Figure> {
    return this.#once(name, async () => {
      const { shortWindowMs } = this.#run.plan;
      await measure(shortWindowMs / 3);
      const { perSecond } = await measure(shortWindowMs);
      return { name, value: perSecond, unit };
    });
  }

  #once(name: string, measure: (name: string) => Promise<Figure>): Promise<Figure> {
    let figure = this.#known.get(name);
    if (figure === undefined) {
      this.#run.say(`measuring ${name}`);
      figure = measure(name);
      this.#known.set(name, figure);
      void figure.then(this.#tell, () => undefined);
    }
    return figure;
  }

  #open(): Promise<World> {
    this.#world ??= openWorld(this.#stack);
    return this.#world;
  }
}

interface World {
  readonly connection: NatsConnection;
  readonly http: Client;
}

/** A nats-server, a connection to it, and a peer in a process of its own. */
async function openWorld(stack: AsyncDisposableStack): Promise<World> {
  const server = stack.use(await startNatsServer());
  const connection = await connect({ servers: server.url });
  stack.defer(() => connection.close());
  const manager = await jetstreamManager(connection);
  await manager.streams.add({
    name: "BENCH",
    subjects: ["bench.queue.>"],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
  });
  const peer = stack.use(new Child("raw-peer.ts", [server.url, ECHO_SUBJECT]));
  const { port } = await peer.next(peerAddress);
  const http = new Client(`http://127.0.0.1:${port}`);
  stack.defer(() => http.destroy());
  return { connection, http };
}
