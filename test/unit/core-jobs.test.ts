import { describe, expect, it } from "vitest";
import { backendOf, sampleCatalogue } from "#test/kit/catalogue.ts";
import { CoreStand, ON } from "#test/kit/core-stand.ts";
import { uuid } from "#test/kit/records.ts";

function standWithLimit(maxConcurrent: number): CoreStand {
  const settings = { ...backendOf(1).settings, maxConcurrent };
  return CoreStand.ready(
    sampleCatalogue({ backends: [backendOf(1, { settings }), backendOf(2), backendOf(3, { zone: "south" })] }),
  );
}

describe("jobs of a backend", () => {
  it("are in hand up to its limit; the rest waits in the ledger and follows in order", () => {
    const stand = standWithLimit(2);
    const volumes = Array.from({ length: 4 }, () => stand.createVolume());
    expect(stand.sent.map((job) => job.owner.id)).toEqual(volumes.slice(0, 2).map(({ id }) => id));
    stand.finish(volumes[1]?.id ?? "");
    expect(stand.sent.at(-1)?.owner.id).toBe(volumes[2]?.id);
    expect(stand.state.queues.of(1).waitingCount).toBe(1);
  });

  it("let attaching go first", () => {
    const stand = standWithLimit(1);
    const ready = stand.availableVolume();
    const [inHand] = [stand.createVolume(), stand.createVolume()];
    const connector = { host: "h", ip: null, initiator: null, multipath: false };
    const chap = { username: "u", sealedSecret: "s" };
    stand.send("attachment.connect", { ...ON(ready.id), attachmentId: uuid(1), connector, chap });
    stand.finish(inHand.id);
    expect(stand.sent.at(-1)?.operation.kind).toBe("attachment.connect");
  });

  it("of one volume run one after another: a snapshot waits for the extend", () => {
    const stand = standWithLimit(16);
    const { id } = stand.availableVolume();
    const texts = { name: "", description: "", metadata: {} };
    for (const snapshotId of [uuid(1), uuid(2)])
      stand.send("snapshot.create", {
        id: snapshotId,
        scope: null,
        userId: "u",
        volumeId: id,
        ...texts,
        force: false,
        requestId: "r",
      });
    expect(stand.job(uuid(2)).dispatched).toBe(false);
    stand.finish(uuid(1));
    expect(stand.job(uuid(2)).dispatched).toBe(true);
  });

  it("in their back-off take no slot from others, and come again later and later, up to a bound", () => {
    const stand = standWithLimit(1);
    const [failing, other] = [stand.createVolume(), stand.createVolume()];
    stand.finish(failing.id, "unknown");
    expect(stand.sent.at(-1)?.owner.id).toBe(other.id);
    stand.finish(other.id);
    const waits: number[] = [];
    for (let n = 0; n < 12; n++) {
      const { notBeforeMs } = stand.job(failing.id);
      waits.push(notBeforeMs - stand.nowMs);
      stand.tick(Math.max(0, notBeforeMs - stand.nowMs));
      if (stand.state.get("volume", failing.id)?.status !== "creating") break;
      stand.finish(failing.id, "unknown");
    }
    expect(waits.slice(0, 4)).toEqual([500, 1_000, 2_000, 4_000]);
    expect(Math.max(...waits)).toBeLessThanOrEqual(stand.state.settings.retryMaxMs);
  });

  it("that are in hand are offered again after a restart, and from time to time", () => {
    const stand = standWithLimit(2);
    const volumes = Array.from({ length: 3 }, () => stand.createVolume());
    stand.sent.length = 0;
    stand.send("resume", {});
    expect(stand.sent.map((job) => job.owner.id)).toEqual(volumes.slice(0, 2).map(({ id }) => id));
    stand.sent.length = 0;
    stand.tick(1);
    expect(stand.sent).toEqual([]);
    stand.tick(stand.state.settings.resendIntervalMs);
    expect(stand.sent).toHaveLength(2);
  });

  it("of a hanging backend hold up no other", () => {
    const stand = standWithLimit(2);
    for (let n = 0; n < 20; n++) stand.createVolume();
    const elsewhere = stand.createVolume({ flavor: "silver", zone: "north" });
    expect(stand.job(elsewhere.id)).toMatchObject({ backendId: 2, dispatched: true });
  });

  it("are not sent by a decision that is refused: it changes nothing at all", () => {
    const stand = standWithLimit(2);
    const before = JSON.stringify([...stand.state.table("volume").values()]);
    expect(() => stand.createVolume({ flavor: "platinum" })).toThrow(/platinum.*gold, silver/);
    expect(() => stand.createVolume({ zone: "east" })).toThrow(/zones are: north, south/);
    expect(JSON.stringify([...stand.state.table("volume").values()])).toBe(before);
    expect([stand.sent.length, stand.state.table("job").size, stand.seq]).toEqual([0, 0, 0]);
  });
});

describe("agents", () => {
  it("are down after three silent heartbeats, and their zone's volumes wait", () => {
    const stand = standWithLimit(2);
    const { heartbeatIntervalMs, missedHeartbeats } = stand.state.settings;
    stand.tick(heartbeatIntervalMs * missedHeartbeats);
    expect(stand.state.fleet.agents.get("north-1")?.up).toBe(true);
    stand.tick(1);
    expect(stand.state.fleet.agents.get("north-1")?.up).toBe(false);
    expect(stand.effects.at(-1)).toMatchObject({ kind: "agent-down" });
    expect(stand.createVolume({ zone: "north" })).toMatchObject({ status: "creating", backendId: null });
    stand.beat("north");
    expect(stand.state.fleet.agents.get("north-1")?.up).toBe(true);
  });

  it("that say good-bye are gone at once", () => {
    const stand = standWithLimit(2);
    stand.beat("north", "north-1", "host-1", true);
    expect(stand.state.fleet.agents.has("north-1")).toBe(false);
  });

  it("of a zone that the catalogue does not know are refused", () => {
    const stand = standWithLimit(2);
    const heartbeat = { ...(stand.state.fleet.agents.get("north-1")?.heartbeat ?? never()), zone: "east" };
    expect(stand.send("agent.heartbeat", heartbeat).refusal).toMatch(/no zone east.*north, south/);
  });

  it("cannot report backends of another zone, nor what is not durable yet", () => {
    const stand = new CoreStand();
    const result = { state: "down" as const, code: "E", message: "m" };
    const report = { backendId: 1, asOf: 0, durationMs: 1, result };
    stand.send("report.received", { agentId: "a", zone: "south", report });
    stand.send("report.received", { agentId: "a", zone: "north", report: { ...report, asOf: 5 } });
    expect(stand.state.fleet.reports.size).toBe(0);
  });
});

function never(): never {
  throw new Error("the agent is not there");
}
