import { connect } from "nats";
import { Type } from "typebox";
import { parser } from "#shared/schema.ts";
import { fake, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { HaInstallation } from "#test/kit/ha-installation.ts";
import type { NatsServer } from "#test/kit/nats-server.ts";
import { Stream, type StreamClient } from "#test/kit/stream.ts";
import { until } from "#test/kit/until.ts";
import type { Figure } from "./figure.ts";
import { median } from "./measuring.ts";
import type { Run } from "./plan.ts";
import type { References } from "./reference.ts";
import { killedAtTheEnd } from "./scratch.ts";

const USERS = 4;
/** Of the way back to whole: an election or two, on a busy machine. */
const WHOLE_BOUND_MS = 120_000;

const streamInfo = parser(
  Type.Object({
    cluster: Type.Object({ leader: Type.String(), replicas: Type.Array(Type.Object({ current: Type.Boolean() })) }),
  }),
  "nats-server's word on the ledger's stream",
);

/** What is done to it, and how it is made whole again. */
interface Outage {
  /** Whom users ask meanwhile; without it whoever answers. */
  readonly asked?: StreamClient;
  begin(): Promise<void>;
  end(): Promise<void>;
}

/**
 * For how long users are without an answer when a part is killed: three schedulers, three nats-servers, two agents. Of an
 * agent: until all that was under way when it died is done.
 */
export async function outageFigures({ plan, say }: Run, _references: References): Promise<Figure[]> {
  await using berth = await HaInstallation.start({
    catalogue: () => goldCatalogue(["north"], fake("slow", { slow_ms: 20, capacity_gib: 1_000_000 })),
    natsServers: 3,
  });
  const registered = killedAtTheEnd({ kill: () => void berth[Symbol.asyncDispose]() });
  const figures: Figure[] = [];
  for (const [name, choose] of Object.entries(KINDS)) {
    say(`${name}, ${plan.outages} times`);
    const seconds: number[] = [];
    for (let n = 0; n < plan.outages; n++) {
      const lasted = await secondsWithout(berth, await choose(berth), name);
      say(`  ${lasted.toFixed(1)} s`);
      seconds.push(lasted);
    }
    figures.push(
      { name: `outages.${name}-median`, value: median(seconds), unit: "s" },
      { name: `outages.${name}-worst`, value: Math.max(...seconds), unit: "s" },
    );
  }
  registered.ended();
  return figures;
}

const KINDS: Readonly<Record<string, (berth: HaInstallation) => Promise<Outage>>> = {
  "kill-leader": async (berth) => {
    const { program } = await berth.leader();
    return { begin: async () => void (await program.kill("SIGKILL")), end: async () => program.start() };
  },
  "stop-leader": async (berth) => {
    const { program } = await berth.leader();
    // Whoever asked the stopped process itself waits as long as his own patience lasts.
    const asked = berth.schedulers.find((scheduler) => scheduler.program !== program)?.client ?? berth.client;
    return { asked, begin: async () => program.signal("SIGSTOP"), end: async () => program.signal("SIGCONT") };
  },
  "kill-stream-leader": async (berth) => killOf(await serverThat(berth, true)),
  "kill-nats-server": async (berth) => killOf(await serverThat(berth, false)),
  "kill-agent": async ({ agents }) => {
    const agent = agents[0];
    return { begin: async () => void (await agent?.kill("SIGKILL")), end: async () => agent?.start() };
  },
};

function killOf(server: NatsServer): Outage {
  return { begin: () => server.kill("SIGKILL"), end: () => server.restart() };
}

async function secondsWithout(berth: HaInstallation, outage: Outage, name: string): Promise<number> {
  let seconds: number;
  {
    await using stream = new Stream(outage.asked ?? berth.client, USERS, ["north"]);
    await stream.goesOnBy(20);
    const underWay = new Set(name === "kill-agent" ? await unsettled(berth) : []);
    const beganMs = performance.now();
    await outage.begin();
    // So many that at least one was asked for afterwards.
    await stream.goesOnBy(USERS + 1);
    if (name === "kill-agent")
      await until("what was under way is done", async () => (await unsettled(berth)).every((id) => !underWay.has(id)));
    seconds = (performance.now() - beganMs) / 1000;
    await outage.end();
    await stream.goesOnBy(20);
  }
  await untilWhole(berth).catch((error: unknown) => {
    berth.tellLogs();
    throw error;
  });
  return seconds;
}

async function unsettled(berth: HaInstallation): Promise<string[]> {
  const { client } = await berth.leader();
  return (await client.volumes()).filter(({ status }) => status !== "available").map(({ id }) => id);
}

/** Who was killed must be back in its place before the next one goes. */
async function untilWhole(berth: HaInstallation): Promise<void> {
  await until(
    "all is whole again",
    async () => {
      const { cluster } = await ledgerStream(berth);
      const healths = await Promise.all(berth.schedulers.map(({ client }) => client.health()));
      const agents = await berth.client.agents();
      return (
        cluster.replicas.length === 2 &&
        cluster.replicas.every(({ current }) => current) &&
        healths.filter(({ role }) => role === "leader").length === 1 &&
        healths.every(({ lagCommits }) => lagCommits < 50) &&
        agents.every(({ state }) => state === "up")
      );
    },
    WHOLE_BOUND_MS,
  );
  // Nothing but what is measured grows: each round begins with a few volumes.
  const { client } = await berth.leader();
  for (const { id } of await client.volumes()) await client.deleteVolume(id).catch(() => undefined);
}

/** The nats-server that leads the ledger's stream, or another one. */
async function serverThat(berth: HaInstallation, leads: boolean): Promise<NatsServer> {
  const { cluster } = await ledgerStream(berth);
  const found = berth.natsServers.find((_, index) => (cluster.leader === `server-${index}`) === leads);
  if (found === undefined) throw new Error(`nobody knows who leads the stream: ${cluster.leader}`);
  return found;
}

async function ledgerStream(berth: HaInstallation) {
  const connection = await connect({ servers: berth.natsServers.map(({ url }) => url) });
  try {
    const answer = await connection.request("$JS.API.STREAM.INFO.BERTH_LEDGER", "", { timeout: 5_000 });
    return streamInfo.parse(answer.json());
  } finally {
    await connection.close();
  }
}
