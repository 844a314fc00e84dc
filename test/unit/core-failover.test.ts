import { describe, expect, test } from "vitest";
import { backendState, openSide } from "#scheduler/core/sides.ts";
import type { Backend, Catalogue } from "#shared/model/catalogue.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import type { Volume } from "#shared/model/volume.ts";
import { PROTOCOL_VERSION } from "#shared/protocol/message.ts";
import { gibToBytes } from "#shared/units.ts";
import { backendOf, sampleCatalogue } from "#test/kit/catalogue.ts";
import { CHAP, CoreStand, measurementOf, ON } from "#test/kit/core-stand.ts";
import { ATTACHMENT_ID, HOST } from "#test/kit/object-states.ts";
import { uuid } from "#test/kit/records.ts";

const WHO = { userId: "operator", requestId: "req-9" };
const REPLICATED = measurementOf().capabilities;
const SNAPSHOT_ID = uuid(0x51);

function replicated(fields: Partial<Backend> = {}): Catalogue {
  const sample = sampleCatalogue();
  const target = { name: "dr", parameters: { capacity_gib: 100 } };
  const first = backendOf(1, {
    driver: "fake",
    parameters: { capacity_gib: 100 },
    replicationTargets: [target],
    ...fields,
  });
  return {
    ...sample,
    flavors: [
      ...sample.flavors.map((flavor) => (flavor.name === "gold" ? { ...flavor, backends: [1] } : flavor)),
      {
        id: uuid(0xf9),
        name: "mirrored",
        description: "",
        backends: [2, 1],
        extraSpecs: { replication_enabled: "<is> True" },
      },
    ],
    backends: sample.backends.map((backend) => (backend.id === 1 ? first : backend)),
  };
}

function standWith(): CoreStand {
  const stand = CoreStand.ready(replicated());
  stand.report(1, { capabilities: [...REPLICATED, "replication"] });
  return stand;
}

function listed(kind: "volume" | "snapshot", id: string): ListedObject {
  const facts = { volumeId: null, mark: null, whole: true, ageMs: null, providerId: null, properties: {} };
  return { kind, id, sizeBytes: gibToBytes(1), ...facts };
}

const sideOf = (stand: CoreStand) => backendState(stand.state, 1);

/** Until what stands there is asked for. */
function begin(stand: CoreStand, to: string | null): void {
  stand.send("backend.failover", { backendId: 1, to, ...WHO });
  stand.beat("north");
  stand.tick(1);
  stand.finish("backend-1");
}

function tell(stand: CoreStand, objects: readonly ListedObject[]): void {
  stand.send("backend.listed", { backendId: 1, token: sideOf(stand).changedSeq, objects });
}

function switchTo(stand: CoreStand, to: string | null, ...standing: readonly Volume[]): void {
  begin(stand, to);
  tell(
    stand,
    standing.map(({ id }) => listed("volume", id)),
  );
}

describe("a volume whose flavor asks for replication", () => {
  test("goes where it is to be had, and its driver is told", () => {
    const stand = standWith();
    const volume = stand.createVolume({ flavor: "mirrored" });
    expect(stand.placements.at(-1)?.verdicts.map(({ reason }) => reason)).toEqual(["spec-mismatch", null]);
    expect(volume).toMatchObject({ backendId: 1, replicationStatus: "enabled" });
    expect(stand.job(volume.id).operation).toMatchObject({ volume: { spec: { replication: true } } });
    expect(stand.availableVolume({ flavor: "gold" })).not.toHaveProperty("replicationStatus");
  });

  test("is usable on the target; others are put aside, and have their state again when their side is back", () => {
    const stand = standWith();
    const mirrored = stand.availableVolume({ flavor: "mirrored" });
    const behind = stand.availableVolume({ flavor: "mirrored" });
    const plain = stand.availableVolume({ flavor: "gold" });
    switchTo(stand, "dr", mirrored, plain);

    expect(stand.volume(mirrored.id)).toMatchObject({ status: "available", replicationStatus: "failed-over" });
    expect(stand.volume(behind.id)).toMatchObject({ status: "error", replicationStatus: "error" });
    expect(stand.volume(behind.id).lastError?.message).toContain("it is not on dr");
    // Whatever stands there under its id was not put there for it.
    expect(stand.volume(plain.id)).toMatchObject({ status: "error", aside: { side: null, status: "available" } });
    expect(stand.history.filter(({ operation }) => operation === "backend.failover")).toHaveLength(4);

    switchTo(stand, null, mirrored, behind, plain);
    for (const { id } of [mirrored, behind, plain]) {
      expect(stand.volume(id)).toMatchObject({ status: "available", lastError: null });
      expect(stand.volume(id)).not.toHaveProperty("aside");
    }
    expect(stand.volume(behind.id).replicationStatus).toBe("enabled");
    expect(sideOf(stand)).toMatchObject({ side: null, failover: null });
  });

  test("has its hosts let in anew on the other side, under the same attachment", () => {
    const stand = standWith();
    const { id } = stand.availableVolume({ flavor: "mirrored" });
    stand.send("attachment.connect", { ...ON(id), attachmentId: ATTACHMENT_ID, connector: HOST, chap: CHAP });
    stand.finish(ATTACHMENT_ID);
    switchTo(stand, "dr", stand.volume(id));
    expect(stand.volume(id).status).toBe("attaching");
    expect(stand.state.get("attachment", ATTACHMENT_ID)).toMatchObject({ connectionInfo: null });
    expect(stand.job(ATTACHMENT_ID)).toMatchObject({ side: "dr", dispatched: true });
    stand.finish(ATTACHMENT_ID);
    expect(stand.volume(id).status).toBe("in-use");
  });

  test("whose snapshot is not there keeps it for later", () => {
    const stand = standWith();
    const { id } = stand.availableVolume({ flavor: "mirrored" });
    const texts = { name: "", description: "", metadata: {} };
    stand.send("snapshot.create", {
      ...texts,
      id: SNAPSHOT_ID,
      scope: null,
      volumeId: id,
      force: false,
      userId: "u",
      requestId: "r",
    });
    stand.finish(SNAPSHOT_ID);
    switchTo(stand, "dr", stand.volume(id));
    expect(stand.state.get("snapshot", SNAPSHOT_ID)).toMatchObject({ status: "error", aside: { side: null } });
    begin(stand, null);
    tell(stand, [listed("volume", id), listed("snapshot", SNAPSHOT_ID)]);
    expect(stand.state.get("snapshot", SNAPSHOT_ID)).toMatchObject({ status: "available", lastError: null });
  });
});

describe("the fence", () => {
  test("holds every job back until those in hand have ended, and gives none to the side that was left", () => {
    const stand = standWith();
    const plain = stand.availableVolume({ flavor: "gold" });
    const mirrored = stand.availableVolume({ flavor: "mirrored" });
    stand.send("volume.extend", { ...ON(plain.id), newSizeGib: 2 });
    const inHand = stand.job(plain.id);
    expect(inHand.dispatched).toBe(true);
    stand.send("backend.failover", { backendId: 1, to: "dr", ...WHO });
    expect(openSide(sideOf(stand))).toEqual({ side: null, open: false });
    stand.send("volume.delete", ON(mirrored.id));
    stand.tick(1);
    expect(sideOf(stand).failover?.phase).toBe("closing");
    stand.answer(inHand, "unknown");
    stand.tick(1);
    expect(openSide(sideOf(stand))).toEqual({ side: "dr", open: true });
    const sentBefore = stand.sent.length;
    stand.finish("backend-1");
    tell(stand, [listed("volume", mirrored.id)]);
    stand.tick(120_000);
    // The delete goes to the new side; the extension waits for its own, as long as that takes.
    const later = stand.sent.slice(sentBefore);
    expect(later.every((job) => job.side === "dr")).toBe(true);
    expect(later.some(({ operation }) => operation.kind === "volume.delete")).toBe(true);
    expect(stand.volume(plain.id)).toMatchObject({ status: "error", aside: { status: "extending" } });
    stand.finish(mirrored.id);

    switchTo(stand, null, stand.volume(plain.id));
    expect(stand.volume(plain.id).status).toBe("extending");
    stand.tick(120_000);
    stand.finish(plain.id);
    expect(stand.volume(plain.id)).toMatchObject({ status: "available", sizeGib: 2 });
    expect(stand.state.table("job").size).toBe(0);
  });

  test("waits for agents that have it open, and for an agent at all", () => {
    const stand = standWith();
    const beat = (state: "open" | "failed") =>
      stand.send("agent.heartbeat", {
        version: PROTOCOL_VERSION,
        agentId: "north-1",
        zone: "north",
        host: "host-1",
        pid: 1,
        program: "test",
        startedAtMs: 0,
        backends: [{ id: 1, state, error: null }],
        jobsInHand: 0,
        leaving: false,
      });
    beat("open");
    stand.send("backend.failover", { backendId: 1, to: "dr", ...WHO });
    stand.tick(1);
    expect(sideOf(stand).failover?.phase).toBe("closing");
    beat("failed");
    stand.tick(1);
    expect(sideOf(stand).failover?.phase).toBe("switching");
  });

  test("takes no report of another side", () => {
    const stand = standWith();
    switchTo(stand, "dr");
    stand.report(1);
    expect(stand.state.fleet.reports.has(1)).toBe(false);
  });

  test("what was being made there, and not to be mirrored, is made elsewhere", () => {
    const stand = CoreStand.ready({
      ...replicated(),
      flavors: replicated().flavors.map((flavor) => ({ ...flavor, backends: [1, 2] })),
    });
    const volume = stand.createVolume({ flavor: "gold" });
    stand.send("backend.failover", { backendId: 1, to: "dr", ...WHO });
    stand.finish(volume.id, "unknown");
    stand.tick(1);
    stand.finish("backend-1");
    tell(stand, []);
    expect(stand.volume(volume.id)).toMatchObject({ status: "creating", backendId: 2 });
    const [leftover] = stand.state.table("leftover").values();
    // What it may have left waits until its side is back.
    stand.tick(120_000);
    expect(stand.job(leftover?.id ?? "").dispatched).toBe(false);
    switchTo(stand, null);
    expect(stand.job(leftover?.id ?? "").dispatched).toBe(true);
  });
});

describe("a failover", () => {
  test("that lasts too long says so and goes on; it can be asked back at any time", () => {
    const stand = standWith();
    const { id } = stand.availableVolume({ flavor: "gold" });
    stand.send("backend.failover", { backendId: 1, to: "dr", ...WHO });
    stand.tick(1);
    stand.finish("backend-1", "not-done", "the other site is away");
    stand.tick(stand.state.settings.operationDeadlineMs);
    expect(sideOf(stand)).toMatchObject({ failover: { overdue: true }, lastError: { code: "E_DEADLINE" } });
    expect(sideOf(stand).lastError?.message).toContain("the other site is away");
    stand.send("backend.failover", { backendId: 1, to: null, ...WHO });
    stand.answer(stand.job("backend-1"), "unknown");
    stand.tick(120_000);
    stand.beat("north");
    stand.tick(1);
    expect(stand.job("backend-1")).toMatchObject({ operation: { to: null }, dispatched: true });
    stand.finish("backend-1");
    tell(stand, [listed("volume", id)]);
    expect(sideOf(stand)).toMatchObject({ side: null, failover: null, lastError: null });
    expect(stand.volume(id).status).toBe("available");
  });

  test("asked twice is one; what was listed for an earlier change counts no more", () => {
    const stand = standWith();
    begin(stand, "dr");
    const token = sideOf(stand).changedSeq;
    expect(stand.send("backend.failover", { backendId: 1, to: "dr", ...WHO })).toBe(sideOf(stand));
    stand.send("backend.failover", { backendId: 1, to: null, ...WHO });
    stand.tick(1);
    stand.finish("backend-1");
    stand.send("backend.listed", { backendId: 1, token, objects: [] });
    expect(sideOf(stand).failover?.phase).toBe("looking");
  });

  test.each([
    [{ backendId: 1, to: "mars" }, "E_NOT_FOUND", "dr, default"],
    [{ backendId: 1, to: null }, "E_WRONG_STATE", "is serving"],
    [{ backendId: 2, to: "dr" }, "E_CONFLICT", "(replication)"],
    [{ backendId: 99, to: "dr" }, "E_NOT_FOUND", "99"],
  ])("%o is refused", (asked, code, words) => {
    const stand = standWith();
    expect(() => stand.send("backend.failover", { ...asked, ...WHO })).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(words) }),
    );
  });

  test("ends new volumes there until it is back, and keeps the backend in the catalogue", () => {
    const stand = standWith();
    switchTo(stand, "dr");
    stand.report(1);
    const volume = stand.createVolume({ flavor: "gold" });
    expect(volume.status).toBe("error");
    expect(stand.placements.at(-1)?.verdicts[0]).toMatchObject({ reason: "failed-over" });
    const { catalogue } = stand.state.catalogue;
    const without = { ...catalogue, backends: catalogue.backends.filter(({ id }) => id !== 1) };
    const flavors = without.flavors.map((flavor) => ({ ...flavor, backends: [2] }));
    expect(() => stand.send("catalogue.changed", { ...without, flavors })).toThrow("backend 1");
    expect(() =>
      stand.send("catalogue.changed", {
        ...catalogue,
        backends: catalogue.backends.map((backend) =>
          backend.id === 1 ? { ...backend, replicationTargets: [] } : backend,
        ),
      }),
    ).toThrow("dr");
  });
});

test("a frozen backend is not changed, and lets hosts in and out", () => {
  const stand = standWith();
  const { id } = stand.availableVolume({ flavor: "gold" });
  stand.send("backend.freeze", { backendId: 1, reason: "firmware", ...WHO });
  for (const ask of [
    () => stand.send("volume.delete", ON(id)),
    () => stand.send("volume.extend", { ...ON(id), newSizeGib: 2 }),
  ])
    expect(ask).toThrow(expect.objectContaining({ code: "E_CONFLICT", message: expect.stringContaining("firmware") }));
  stand.createVolume({ flavor: "gold" });
  expect(stand.placements.at(-1)?.verdicts[0]).toMatchObject({ reason: "frozen", detail: "firmware" });
  stand.send("attachment.connect", { ...ON(id), attachmentId: ATTACHMENT_ID, connector: HOST, chap: CHAP });
  stand.finish(ATTACHMENT_ID);
  stand.send("attachment.disconnect", { ...ON(id), connector: null });
  stand.finish(ATTACHMENT_ID);
  stand.send("backend.thaw", { backendId: 1, ...WHO });
  stand.send("volume.delete", ON(id));
  expect(stand.history.filter(({ objectId }) => objectId === "backend-1").map(({ operation }) => operation)).toEqual([
    "backend.freeze",
    "backend.thaw",
  ]);
});
