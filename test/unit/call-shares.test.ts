import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CallShares } from "#agent/call-shares.ts";
import { CallLimit } from "#agent/transport/call-limit.ts";
import { createLog } from "#shared/log.ts";
import type { MessageType } from "#shared/protocol/message.ts";
import { type Presence, presenceMessage } from "#shared/protocol/presence.ts";
import { Random } from "#test/simulation/random.ts";

const INTERVAL_MS = 1_000;
const AT_ONCE = 8;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Agents of one zone that hear each other after a while, and a storage system that counts their calls. */
class Zone {
  readonly agents = new Set<Agent>();
  readonly random: Random;
  underWay = 0;
  most = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  add(id: string): Agent {
    const agent = new Agent(this, id);
    this.agents.add(agent);
    agent.shares.start();
    return agent;
  }

  /** What one says is heard in the order in which it was said. */
  carry(from: Agent, told: Presence): void {
    if (from.isCut) return;
    for (const agent of this.agents) {
      const heardMs = Math.max(from.heardMs.get(agent) ?? 0, performance.now() + this.random.between(0, 40));
      from.heardMs.set(agent, heardMs);
      setTimeout(() => !agent.isCut && this.agents.has(agent) && agent.hear(told), heardMs - performance.now());
    }
  }
}

class Agent {
  readonly shares: CallShares;
  readonly limit: CallLimit;
  readonly #zone: Zone;
  readonly #hearers = new Set<(told: Presence) => void>();
  readonly heardMs = new Map<Agent, number>();
  isCut = false;

  constructor(zone: Zone, agentId: string) {
    this.#zone = zone;
    const bus = {
      publish: <T>(_subject: string, _type: MessageType<T>, body: T) =>
        presenceMessage.body.check(body) && zone.carry(this, body),
      subscribe: <T>(_subject: string, type: MessageType<T>, handler: (body: T, subject: string) => void) => {
        const hear = (told: Presence): void => handler(type.body.parse(told), "");
        this.#hearers.add(hear);
        return { stop: async () => void this.#hearers.delete(hear) };
      },
      onReconnect: () => () => undefined,
    };
    const nowMs = () => performance.now();
    const log = createLog("test", "silent");
    this.shares = new CallShares({ bus, agentId, zone: "north", intervalMs: INTERVAL_MS, nowMs, log });
    this.limit = new CallLimit(AT_ONCE, this.shares);
  }

  hear(told: Presence): void {
    for (const hear of this.#hearers) hear(told);
  }

  async call(ms: number): Promise<void> {
    await this.limit.run(AbortSignal.timeout(3_600_000), async () => {
      this.#zone.underWay += 1;
      this.#zone.most = Math.max(this.#zone.most, this.#zone.underWay);
      await new Promise((resolve) => setTimeout(resolve, ms));
      this.#zone.underWay -= 1;
    });
  }

  /** Its last call is over by then. */
  async leave(): Promise<void> {
    while (this.limit.running > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await this.shares.stop();
    this.#zone.agents.delete(this);
  }
}

/** So many that nobody ever lacks one. */
function keepBusy(agent: Agent, until: { done: boolean }): void {
  for (let n = 0; n < AT_ONCE; n++)
    void (async () => {
      while (!until.done) await agent.call(150);
    })().catch(() => undefined);
}

const rest = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

describe("agents of a zone that share a limit of calls", () => {
  test("one has all of it, two a half each, and who comes waits for its part", async () => {
    const zone = new Zone(1);
    const until = { done: false };
    const first = zone.add("a");
    keepBusy(first, until);
    await rest(INTERVAL_MS);
    expect(first.limit.running).toBe(0);
    await rest(INTERVAL_MS);
    expect(first.limit.running).toBe(AT_ONCE);
    const second = zone.add("b");
    keepBusy(second, until);
    await rest(INTERVAL_MS);
    expect([first.limit.running, second.limit.running]).toEqual([AT_ONCE / 2, 0]);
    await rest(INTERVAL_MS);
    expect([first.limit.running, second.limit.running]).toEqual([AT_ONCE / 2, AT_ONCE / 2]);
    expect(zone.most).toBe(AT_ONCE);
    until.done = true;
  });

  test("a newcomer waits for calls that take long", async () => {
    const zone = new Zone(2);
    const first = zone.add("a");
    await rest(2 * INTERVAL_MS);
    for (let n = 0; n < AT_ONCE; n++) void first.call(30_000);
    const second = zone.add("b");
    const called = second.call(10).then(() => "called");
    await rest(29_000);
    expect([first.limit.running, second.limit.running]).toEqual([AT_ONCE, 0]);
    await rest(3 * INTERVAL_MS);
    expect(await called).toBe("called");
    expect(zone.most).toBe(AT_ONCE);
  });

  test("what one had that left, or died, goes to the others", async () => {
    const zone = new Zone(3);
    const until = { done: false };
    const [first, second, third] = [zone.add("a"), zone.add("b"), zone.add("c")];
    await rest(2 * INTERVAL_MS);
    keepBusy(first, until);
    await rest(INTERVAL_MS);
    expect(first.limit.running).toBe(2);
    void second.leave();
    await rest(INTERVAL_MS);
    expect(first.limit.running).toBe(4);
    zone.agents.delete(third);
    third.isCut = true;
    await rest(2 * INTERVAL_MS);
    expect(first.limit.running).toBe(4);
    await rest(3 * INTERVAL_MS);
    expect(first.limit.running).toBe(AT_ONCE);
    until.done = true;
  });

  test("who is cut off stops by itself before the others count without it, and listens anew when it is back", async () => {
    const zone = new Zone(4);
    const until = { done: false };
    const [first, second] = [zone.add("a"), zone.add("b")];
    await rest(2 * INTERVAL_MS);
    for (const agent of [first, second]) keepBusy(agent, until);
    second.isCut = true;
    await rest(6 * INTERVAL_MS);
    expect([first.limit.running, second.limit.running]).toEqual([AT_ONCE, 0]);
    second.isCut = false;
    await rest(4 * INTERVAL_MS);
    expect([first.limit.running, second.limit.running]).toEqual([4, 4]);
    expect(zone.most).toBe(AT_ONCE);
    until.done = true;
  });

  test("more agents than calls have one each, as nobody may have none", async () => {
    const zone = new Zone(5);
    const agents = Array.from({ length: AT_ONCE + 2 }, (_, n) => zone.add(`a${n}`));
    await rest(3 * INTERVAL_MS);
    expect(agents.map(({ shares }) => shares.of(AT_ONCE))).toEqual(agents.map(() => 1));
  });

  test("however they come, go and lose each other, all together keep to it", { timeout: 60_000 }, async () => {
    for (let seed = 1; seed <= 16; seed++) {
      const zone = new Zone(seed);
      const { random } = zone;
      const busy = new Map<Agent, { done: boolean }>();
      let count = 0;
      const add = (): void => {
        const until = { done: false };
        const agent = zone.add(`agent-${count++}`);
        busy.set(agent, until);
        keepBusy(agent, until);
      };
      add();
      for (let step = 0; step < 60; step++) {
        const one = random.pick([...busy.keys()]);
        if (random.chance(0.3) && busy.size < 5) add();
        else if (one !== undefined && random.chance(0.3)) one.isCut = !one.isCut;
        else if (one !== undefined && random.chance(0.2)) {
          const until = busy.get(one);
          busy.delete(one);
          if (until !== undefined) until.done = true;
          void one.leave();
        }
        await rest(random.between(1, 2 * INTERVAL_MS));
      }
      for (const agent of busy.keys()) agent.isCut = false;
      await rest(12 * INTERVAL_MS);
      expect(zone.most, `seed ${seed}`).toBeLessThanOrEqual(AT_ONCE);
      const part = Math.max(1, Math.floor(AT_ONCE / busy.size));
      expect(
        [...busy.keys()].map(({ limit }) => limit.running),
        `seed ${seed}`,
      ).toEqual([...busy].map(() => part));
      for (const until of busy.values()) until.done = true;
      for (const agent of busy.keys()) await agent.shares.stop();
      vi.clearAllTimers();
    }
  });
});
