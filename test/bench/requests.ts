import { Type } from "typebox";
import { firstCatalogue } from "#deploy/dev/catalogue.ts";
import { LOOPBACK } from "#deploy/dev/settings.ts";
import { parser } from "#shared/schema.ts";
import { BerthSystem, PROJECT, ZONES } from "./berth-system.ts";
import { Child } from "./child.ts";
import { type ClientTask, clientResult } from "./client-task.ts";
import type { Figure } from "./figure.ts";
import { fillLedger } from "./ledger-fill.ts";
import { percentile } from "./measuring.ts";
import type { Run } from "./plan.ts";

const PAGE = 1000;
/** A show may cost this many times the bare answer. */
const SHOW_AIM = 2;

const port = parser(Type.Object({ port: Type.Integer() }));
const ready = parser(Type.Object({ ready: Type.Literal(true) }));
const volumeList = parser(Type.Object({ volumes: Type.Array(Type.Object({ id: Type.String() })) }));

interface Measured {
  readonly perSecond: number;
  readonly timesMs: readonly number[];
}

/** A fastify beside, told what to answer, and a client for it. */
class Bare implements AsyncDisposable {
  readonly #server = new Child("bare-fastify.ts", []);
  #client: Child | null = null;

  async does(task: ClientTask, status: number, answer: unknown): Promise<Measured> {
    if (this.#client === null)
      this.#client = new Child("client.ts", [`http://${LOOPBACK}:${(await this.#server.next(port)).port}`, PROJECT]);
    this.#server.send({ status, answer });
    await this.#server.next(ready);
    this.#client.send(task);
    const result = await this.#client.next(clientResult);
    if ("failure" in result) throw new Error(`the client failed: ${result.failure}`);
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client?.[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }
}

/** Requests by 32 connections, and the same answers from a bare fastify in the same run. */
export async function requestFigures(run: Run): Promise<Figure[]> {
  await using bare = new Bare();
  const { plan } = run;
  return [
    ...(await read(run, bare, plan.fewVolumes, true)),
    ...(await read(run, bare, plan.manyVolumes, false)),
    ...(await create(run, bare)),
  ];
}

/** Only nats-server and the scheduler run. */
async function read({ plan, folder, say }: Run, bare: Bare, count: number, withShow: boolean): Promise<Figure[]> {
  await using system = await BerthSystem.prepare(`${folder}/${count}`);
  say(`filling a ledger with ${count} volumes`);
  await fillLedger(system.ledgerFile, firstCatalogue(system.settings.dataPath, true), PROJECT, count);
  system.run((program) => program === "nats-server" || program === "scheduler");
  await system.answers();
  const { clients } = plan;
  const path = `/v3/${PROJECT}/volumes/detail?limit=${PAGE}`;
  const answer: unknown = await (await fetch(`${system.origin}${path}`)).json();
  const figures = await compared(`requests.list-${PAGE}-of-${count}`, {
    kind: "get",
    clients,
    path,
    times: plan.listRequests,
  });
  if (!withShow) return figures;
  const [{ id = "" } = {}] = volumeList.parse(answer).volumes;
  const show = `/v3/${PROJECT}/volumes/${id}`;
  return [
    ...(await compared("requests.show", { kind: "get", clients, path: show, times: plan.requests }, SHOW_AIM)),
    ...figures,
  ];

  async function compared(name: string, task: Extract<ClientTask, { kind: "get" }>, most?: number): Promise<Figure[]> {
    say(name);
    const told: unknown = await (await fetch(`${system.origin}${task.path}`)).json();
    await system.client({ ...task, times: Math.ceil(plan.requests / 20) });
    const ours = await system.client(task);
    const theirs = await bare.does(task, 200, told);
    return figuresOf(name, ours, theirs, most);
  }
}

/** Accepted; what agents make of it goes on beside. */
async function create({ plan, folder, say }: Run, bare: Bare): Promise<Figure[]> {
  await using system = await BerthSystem.start(`${folder}/create`);
  const task = { kind: "post", flavor: "gold", zones: ZONES, clients: plan.clients, count: plan.requests / 4 } as const;
  say("requests.create");
  await system.client({ ...task, count: plan.requests / 20 });
  const [answer] = volumeList.parse(
    await (await fetch(`${system.origin}/v3/${PROJECT}/volumes/detail?limit=1`)).json(),
  ).volumes;
  const ours = await system.client(task);
  const theirs = await bare.does(task, 202, { volume: { ...answer, status: "creating" } });
  return figuresOf("requests.create", ours, theirs);
}

function figuresOf(name: string, ours: Measured, theirs: Measured, most?: number): Figure[] {
  const rate: Figure = { name: `${name}.bare-rate`, value: theirs.perSecond, unit: "/s" };
  const late: Figure = { name: `${name}.bare-p99`, value: percentile(theirs.timesMs, 99), unit: "ms" };
  return [
    {
      name: `${name}.rate`,
      value: ours.perSecond,
      unit: "/s",
      boundedBy: rate,
      ...(most === undefined ? {} : { aim: { atLeast: theirs.perSecond / most } }),
    },
    { name: `${name}.p99`, value: percentile(ours.timesMs, 99), unit: "ms", boundedBy: late },
  ];
}
