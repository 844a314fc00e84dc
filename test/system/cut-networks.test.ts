import { describe, expect, it } from "vitest";
import { fake, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import type { HaInstallation, HaOptions, Scheduler } from "#test/kit/ha-installation.ts";
import { expectNothingLost, GOES_ON_BOUND_MS, secondsUntilAnswered, startHa } from "#test/kit/ha-users.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { type Host, Network, networksMissing } from "#test/kit/network.ts";
import { Stream } from "#test/kit/stream.ts";
import { until } from "#test/kit/until.ts";

const TEST_BOUND_MS = 120_000;
const USERS = 4;
/** When nats-servers must elect anew: 4 to 9 s by their own clocks, and once more if the two that are left vote for themselves. */
const ELECTION_BOUND_MS = 25_000;

/** Several schedulers, agents and nats-servers, each on a machine of its own as far as the network goes. */
class Machines implements AsyncDisposable {
  readonly berth: HaInstallation;
  readonly #hosts: ReadonlyMap<string, Host>;
  readonly #parts: AsyncDisposableStack;

  private constructor(berth: HaInstallation, hosts: ReadonlyMap<string, Host>, parts: AsyncDisposableStack) {
    this.berth = berth;
    this.#hosts = hosts;
    this.#parts = parts;
  }

  static async start(options: Partial<HaOptions> = {}): Promise<Machines> {
    await using parts = new AsyncDisposableStack();
    const network = parts.use(await Network.make());
    const hosts = new Map<string, Host>();
    const berth = parts.use(
      await startHa({
        catalogue: () => goldCatalogue(["north"], fake("slow", { slow_ms: 20, capacity_gib: 10_000 })),
        placeOf: async (name) => {
          const host = await network.host();
          hosts.set(name, host);
          return host;
        },
        ...options,
      }),
    );
    return new Machines(berth, hosts, parts.move());
  }

  host(name: string): Host {
    const found = this.#hosts.get(name);
    if (found === undefined) throw new Error(`there is no machine ${name}`);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }
}

/** Its users reach it, and it must not tell them what may be old. */
async function untilItRefuses({ client }: Scheduler): Promise<void> {
  await until("the one that was cut off answers nothing", async () => {
    await expect(client.volumes()).rejects.toMatchObject({ code: "E_NOT_LEADER", status: 503 });
    return true;
  });
}

async function untilItFollows({ client }: Scheduler): Promise<void> {
  await until("the one that was cut off follows", async () => {
    const { role, lagCommits } = await client.health();
    return role === "standby" && lagCommits < 50;
  });
}

async function expectWritesGoOn(stream: Stream, what: string, boundMs = GOES_ON_BOUND_MS): Promise<void> {
  const seconds = await secondsUntilAnswered(stream, USERS + 1);
  console.info(`writes went on ${seconds.toFixed(1)} s after ${what}`);
  expect(seconds * 1000).toBeLessThan(boundMs);
}

const cannot = natsServerMissing() ?? networksMissing();

describe.skipIf(cannot !== null)("when the network is cut", { timeout: TEST_BOUND_MS }, () => {
  it("the leader's cable is pulled: another leads, and the one cut off says nothing and follows later", async () => {
    await using machines = await Machines.start();
    const { berth } = machines;
    await using stream = new Stream(berth.client, USERS, ["north"]);
    await stream.goesOnBy(20);
    const leader = await berth.leader();
    await machines.host(leader.program.name).unplug();
    await expectWritesGoOn(stream, "the leader's cable was pulled");
    await untilItRefuses(leader);
    await stream.goesOnBy(20);
    await machines.host(leader.program.name).plug();
    await untilItFollows(leader);
    await stream.goesOnBy(20);
    await expectNothingLost(berth, await stream.end());
  });

  it.each(["to nats-server", "from nats-server"])("what goes %s is lost at the leader, without a word", async (way) => {
    await using machines = await Machines.start();
    const { berth } = machines;
    await using stream = new Stream(berth.client, USERS, ["north"]);
    await stream.goesOnBy(20);
    const leader = await berth.leader();
    const ends = [machines.host(leader.program.name), machines.host("nats-0")] as const;
    const [from, to] = way === "to nats-server" ? ends : [ends[1], ends[0]];
    await from.loseAllTo(to);
    await expectWritesGoOn(stream, `what goes ${way} is lost at the leader`);
    await untilItRefuses(leader);
    await from.reachAgain(to);
    await untilItFollows(leader);
    await stream.goesOnBy(20);
    await expectNothingLost(berth, await stream.end());
  });

  it("a nats-server that everybody is connected to is cut off from the other two", async () => {
    await using machines = await Machines.start({ natsServers: 3, schedulers: 2 });
    const { berth } = machines;
    await using stream = new Stream(berth.client, USERS, ["north"]);
    await stream.goesOnBy(10);
    const [first, ...others] = berth.natsServers;
    // One after another, so that a majority is there all the time: in the end all clients are with the first.
    for (const server of others) {
      await server.restart("SIGKILL");
      await stream.goesOnBy(10);
    }
    expect(first).toBeDefined();
    const alone = machines.host("nats-0");
    const rest = [machines.host("nats-1"), machines.host("nats-2")];
    for (const other of rest) {
      await alone.loseAllTo(other);
      await other.loseAllTo(alone);
    }
    await expectWritesGoOn(stream, "a nats-server was cut off from the others", ELECTION_BOUND_MS);
    await stream.goesOnBy(20);
    for (const other of rest) {
      await alone.reachAgain(other);
      await other.reachAgain(alone);
    }
    await stream.goesOnBy(20);
    await expectNothingLost(berth, await stream.end());
    for (const scheduler of berth.schedulers)
      await until("all are where the leader is", async () => (await scheduler.client.health()).lagCommits === 0);
  });

  it("an agent's cable is pulled: another one of its zone does its jobs, and its own come to no harm", async () => {
    await using machines = await Machines.start({ schedulers: 1 });
    const { berth } = machines;
    await using stream = new Stream(berth.client, USERS, ["north"]);
    await stream.goesOnBy(20);
    await machines.host("north-1").unplug();
    await expectWritesGoOn(stream, "an agent's cable was pulled");
    await until("it is taken for down", async () => {
      const agents = await berth.client.agents();
      return agents.some(({ id, state }) => id === "north-1" && state === "down");
    });
    const before = await stream.end();
    // All is done without it.
    await expectNothingLost(berth, before);
    await machines.host("north-1").plug();
    await until("it is up again", async () => (await berth.client.agents()).every(({ state }) => state === "up"));
    await expectNothingLost(berth, before);
  });
});
