import { pino } from "pino";
import { describe, expect, it } from "vitest";
import type { CreateVolume } from "#scheduler/core/commands.ts";
import type { Effect } from "#scheduler/core/effects.ts";
import { Engine } from "#scheduler/engine.ts";
import type { Ledger } from "#scheduler/ledger/ledger.ts";
import { BerthError } from "#shared/errors.ts";
import type { Change } from "#shared/model/records.ts";
import { CoreStand } from "#test/kit/core-stand.ts";
import { uuid } from "#test/kit/records.ts";
import { until } from "#test/kit/until.ts";

/** A ledger whose commits end when the test says so. */
class HeldLedger implements Ledger {
  readonly commits: { readonly seq: number; readonly changes: readonly Change[] }[] = [];
  readonly #ends: PromiseWithResolvers<void>[] = [];

  async load() {
    return { seq: 0, changes: [] };
  }
  async commit(seq: number, changes: readonly Change[]): Promise<void> {
    this.commits.push({ seq, changes });
    const end = Promise.withResolvers<void>();
    this.#ends.push(end);
    await end.promise;
  }
  async readDetails() {
    return [];
  }
  async close() {}

  async endNext(error: Error | null = null): Promise<void> {
    const end = await until("a commit is under way", () => this.#ends.shift());
    if (error === null) end.resolve();
    else end.reject(error);
  }
}

function request(n: number): CreateVolume {
  return {
    id: uuid(n),
    projectId: "p",
    userId: "u",
    name: "",
    description: "",
    metadata: {},
    sizeGib: 1,
    flavor: "gold",
    zone: null,
    source: { kind: "blank" },
    idempotency: null,
    chap: { username: "u", sealedSecret: "sealed" },
    requestId: "r",
  };
}

function stand(): { engine: Engine; ledger: HeldLedger; effects: Effect[] } {
  const ledger = new HeldLedger();
  const engine = new Engine(CoreStand.ready().state, ledger, 0, pino({ level: "silent" }), {
    nowMs: () => 1_000_000,
  });
  const effects: Effect[] = [];
  engine.onEffect((effect) => effects.push(effect));
  return { engine, ledger, effects };
}

describe("write, then act:", () => {
  it("no reply and no job leaves before the commit that holds it is durable", async () => {
    const { engine, ledger, effects } = stand();
    let replied = false;
    const reply = engine.submit("volume.create", request(1)).then(() => {
      replied = true;
    });
    await until("the commit is under way", () => ledger.commits.length === 1);
    expect([replied, effects, engine.durableSeq]).toEqual([false, [], 0]);
    await ledger.endNext();
    await reply;
    expect(effects.map(({ kind }) => kind)).toContain("send-job");
    expect(engine.durableSeq).toBe(1);
  });

  it("who waits is sent away when this one may be followed, and what is taken all the same takes effect", async () => {
    const { engine, ledger, effects } = stand();
    const committing = engine.submit("volume.create", request(1));
    await until("the commit is under way", () => ledger.commits.length === 1);
    const gathered = engine.submit("volume.create", request(2));
    const why = new BerthError("E_NOT_LEADER", "elsewhere");
    engine.sendAway(why);
    await expect(committing).rejects.toBe(why);
    await expect(gathered).rejects.toBe(why);
    await ledger.endNext();
    await ledger.endNext();
    await engine.drained();
    expect(effects.filter(({ kind }) => kind === "send-job")).toHaveLength(2);
    expect(engine.durableSeq).toBe(2);
  });

  it("what is decided together is one commit, and what comes meanwhile is the next", async () => {
    const { engine, ledger } = stand();
    const first = [engine.submit("volume.create", request(1)), engine.submit("volume.create", request(2))];
    await until("the commit is under way", () => ledger.commits.length === 1);
    const later = engine.submit("volume.create", request(3));
    await ledger.endNext();
    await Promise.all(first);
    await ledger.endNext();
    await later;
    const made = ledger.commits.map(({ seq, changes }) => [
      seq,
      changes.filter(({ kind }) => kind === "volume").length,
    ]);
    expect(made).toEqual([
      [1, 2],
      [2, 1],
    ]);
  });

  it("a refusal answers at once and commits nothing", async () => {
    const { engine, ledger } = stand();
    await expect(engine.submit("volume.create", { ...request(1), flavor: "tin" })).rejects.toThrow(/tin/);
    expect(ledger.commits).toEqual([]);
  });

  it("after a commit that failed nothing is answered, sent or accepted any more", async () => {
    const { engine, ledger, effects } = stand();
    const failures: string[] = [];
    engine.onFailure(({ code }) => failures.push(code));
    const reply = engine.submit("volume.create", request(1));
    const failed = expect(reply).rejects.toThrow(/did not take a commit/);
    await ledger.endNext(new Error("disk full"));
    await failed;
    await expect(engine.submit("volume.create", request(2))).rejects.toThrow(/did not take a commit/);
    expect([effects, failures]).toEqual([[], ["E_LEDGER"]]);
  });
});

describe("events", () => {
  it("are in the commit that they follow from, and told once it is durable", async () => {
    const { engine, ledger } = stand();
    const created = engine.submit("volume.create", request(1));
    await until("the commit is under way", () => ledger.commits.length === 1);
    const written = ledger.commits[0]?.changes.find(({ kind }) => kind === "event");
    expect(written).toMatchObject({
      id: "events/1",
      record: { seq: 1, first: 1, events: [{ type: "volume.create.start", object: { id: uuid(1) } }] },
    });
    expect(engine.events.behind(null, 10).events).toEqual([]);
    await ledger.endNext();
    await created;
    expect(engine.events.behind(null, 10).events.map(({ id, type }) => `${id} ${type}`)).toEqual([
      "1-1 volume.create.start",
    ]);
  });

  it("of a commit that failed are never told", async () => {
    const { engine, ledger } = stand();
    const created = engine.submit("volume.create", request(1));
    await ledger.endNext(new Error("the disk is full"));
    await expect(created).rejects.toThrow();
    expect(engine.events.behind(null, 10).events).toEqual([]);
  });

  it("without a changed record have a commit of their own", async () => {
    const { engine, ledger } = stand();
    const backendId = 1;
    const result = { state: "down" as const, code: "E_DOWN", message: "the disk is gone" };
    const report = { backendId, asOf: 0, durationMs: 1, result };
    const told = engine.submit("report.received", { agentId: "a", zone: "north", report });
    await until("the commit is under way", () => ledger.commits.length === 1);
    expect(ledger.commits[0]?.changes.map(({ kind }) => kind)).toEqual(["event"]);
    await ledger.endNext();
    await told;
    expect(engine.events.end).toEqual({ seq: 1, n: 1 });
  });
});
