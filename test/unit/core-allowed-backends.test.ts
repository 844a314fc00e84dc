import { expect, test } from "vitest";
import { removeBackend, setAdmission } from "#scheduler/catalogue/edits.ts";
import { BACKEND_ACTIONS, type BackendAction, type BackendStatus, backendStatuses } from "#scheduler/core/allowed.ts";
import { backendState } from "#scheduler/core/sides.ts";
import { BerthError } from "#shared/errors.ts";
import type { Admission, Catalogue } from "#shared/model/catalogue.ts";
import { gibToBytes } from "#shared/units.ts";
import { backendOf, sampleCatalogue } from "#test/kit/catalogue.ts";
import { CHAP, CoreStand, measurementOf, ON } from "#test/kit/core-stand.ts";
import { ATTACHMENT_ID, HOST, MEANS, manage } from "#test/kit/object-states.ts";
import { uuid } from "#test/kit/records.ts";

/**
 * What is asked of a backend, and of what is on it, in every state that it can be in and in all of them together, against
 * the declared table: by real commands, on a backend that was brought there by real commands.
 */

const WHO = { userId: "operator", requestId: "req-9" };
const TEXTS = { name: "", description: "", metadata: {} };
const SIDES = ["serving", "failing over", "failed over"] as const;
const ADMISSIONS = ["enabled", "disabled", "draining"] as const;

interface Situation {
  readonly side: (typeof SIDES)[number];
  readonly frozen: boolean;
  readonly admission: (typeof ADMISSIONS)[number];
}

/** On backend 1, which mirrors to `dr` and is alone behind gold: a volume at rest, one that is connected, and a snapshot. */
class BackendStand {
  readonly core = CoreStand.ready(mirrored());
  readonly volumeId: string;
  readonly connectedId: string;
  readonly snapshotId = uuid(0x51);

  constructor() {
    this.#report();
    this.volumeId = this.core.availableVolume().id;
    this.connectedId = this.core.availableVolume().id;
    this.core.send("attachment.connect", {
      ...ON(this.connectedId),
      attachmentId: ATTACHMENT_ID,
      connector: HOST,
      chap: CHAP,
    });
    this.core.finish(ATTACHMENT_ID);
    const of = { id: this.snapshotId, scope: null, volumeId: this.volumeId, force: false };
    this.core.send("snapshot.create", { ...of, ...TEXTS, ...WHO });
    this.core.finish(this.snapshotId);
  }

  bring({ side, frozen, admission }: Situation): void {
    if (side !== "serving") this.core.send("backend.failover", { backendId: 1, to: "dr", ...WHO });
    if (side === "failed over") this.#takeOver();
    if (frozen) this.core.send("backend.freeze", { backendId: 1, reason: "firmware", ...WHO });
    if (admission !== "enabled") this.admit({ state: admission, reason: "to be replaced" });
  }

  admit(admission: Admission): void {
    this.#catalogue((before) => setAdmission(before, { backendId: 1, admission }));
  }

  remove(): void {
    this.#catalogue((before) => removeBackend(before, 1));
  }

  /** Nothing is on it any more. */
  empty(): void {
    const { core } = this;
    core.send("attachment.disconnect", { ...ON(this.connectedId), connector: null });
    core.finish(ATTACHMENT_ID);
    core.send("snapshot.delete", ON(this.snapshotId));
    core.finish(this.snapshotId);
    for (const id of [this.volumeId, this.connectedId]) {
      core.send("volume.delete", ON(id));
      core.finish(id);
    }
  }

  #takeOver(): void {
    const { core } = this;
    core.beat("north");
    core.tick(1);
    core.finish("backend-1");
    const facts = { volumeId: null, mark: null, whole: true, ageMs: null, providerId: null, properties: {} };
    const standing = (kind: "volume" | "snapshot", id: string) => ({
      kind,
      id,
      sizeBytes: gibToBytes(1),
      ...facts,
    });
    const objects = [
      standing("volume", this.volumeId),
      standing("volume", this.connectedId),
      standing("snapshot", this.snapshotId),
    ];
    core.send("backend.listed", { backendId: 1, token: backendState(core.state, 1).changedSeq, objects });
    if (core.state.get("attachment", ATTACHMENT_ID) !== undefined) core.finish(ATTACHMENT_ID);
    this.#report("dr");
  }

  #report(side: string | null = null): void {
    const { core } = this;
    const { capabilities } = measurementOf();
    const measurement = measurementOf({ poolId: "pool-1", capabilities: [...capabilities, "replication"] });
    const report = { backendId: 1, asOf: core.seq, side, durationMs: 1, result: { state: "up" as const, measurement } };
    core.send("report.received", { agentId: "test", zone: "north", report });
  }

  #catalogue(change: (before: Catalogue) => Catalogue): void {
    this.core.send("catalogue.changed", change(this.core.state.catalogue.catalogue));
  }
}

function mirrored(): Catalogue {
  const sample = sampleCatalogue();
  const first = backendOf(1, {
    driver: "fake",
    parameters: { capacity_gib: 100 },
    replicationTargets: [{ name: "dr", parameters: {} }],
  });
  return {
    ...sample,
    flavors: sample.flavors.map((flavor) =>
      flavor.name === "gold"
        ? { ...flavor, backends: [1, 2], extraSpecs: { replication_enabled: "<is> True" } }
        : { ...flavor, backends: [1, 2, 3], extraSpecs: { replication_enabled: "<is> True" } },
    ),
    backends: [first, ...sample.backends.slice(1)],
  };
}

type Ask = (stand: BackendStand) => unknown;
const extend: Ask = ({ core, volumeId }) => core.send("volume.extend", { ...ON(volumeId), newSizeGib: 2 });
const revert: Ask = ({ core, volumeId, snapshotId }) => core.send("volume.revert", { ...ON(volumeId), snapshotId });
const snapshot: Ask = ({ core, volumeId }) =>
  core.send("snapshot.create", { id: uuid(0x52), scope: null, volumeId, force: false, ...TEXTS, ...WHO });
const groupSnapshot: Ask = ({ core, volumeId }) => {
  const { id } = core.createGroup();
  core.state.put("volume", { ...core.volume(volumeId), groupId: id });
  return core.createGroupSnapshot(id);
};
/** A new volume that finds no place is told so by its verdict. */
const newVolume: Ask = ({ core }) => {
  core.createVolume();
  const verdict = core.placements.at(-1)?.verdicts.find(({ backendId }) => backendId === 1);
  if (verdict?.fits !== true)
    throw new BerthError("E_CONFLICT", `backend-1 is ${verdict?.reason}`, {
      details: { status: verdict?.reason, way: verdict?.detail },
    });
};
const unmanage: Ask = (stand) => {
  stand.core.state.remove("snapshot", stand.snapshotId);
  return stand.core.send("volume.unmanage", ON(stand.volumeId));
};
const retype: Ask = ({ core, volumeId }) =>
  core.send("volume.retype", { ...ON(volumeId), ...MEANS, flavor: "silver", policy: "never" });
const migrate: Ask = (stand) => {
  const { core, volumeId } = stand;
  core.state.remove("snapshot", stand.snapshotId);
  core.report(2, { capabilities: [...measurementOf().capabilities, "replication"] });
  return core.send("volume.migrate", { ...ON(volumeId), ...MEANS, to: { backend: "2", zone: null }, forceCopy: false });
};

const ASK: Readonly<Record<BackendAction, readonly Ask[]>> = {
  "failover to a target": [({ core }) => core.send("backend.failover", { backendId: 1, to: "dr", ...WHO })],
  "failover to default": [({ core }) => core.send("backend.failover", { backendId: 1, to: null, ...WHO })],
  freeze: [({ core }) => core.send("backend.freeze", { backendId: 1, reason: "again", ...WHO })],
  thaw: [({ core }) => core.send("backend.thaw", { backendId: 1, ...WHO })],
  enable: [(stand) => stand.admit({ state: "enabled" })],
  disable: [(stand) => stand.admit({ state: "disabled", reason: "new" })],
  drain: [(stand) => stand.admit({ state: "draining", reason: "new" })],
  remove: [(stand) => stand.remove()],
  "new volumes, manage": [newVolume, ({ core }) => manage(core)],
  "extend, snapshot, revert": [extend, snapshot, revert, groupSnapshot],
  "delete, unmanage, retype": [
    ({ core, snapshotId }) => core.send("snapshot.delete", ON(snapshotId)),
    unmanage,
    retype,
    (stand) => {
      stand.core.state.remove("snapshot", stand.snapshotId);
      return stand.core.send("volume.delete", ON(stand.volumeId));
    },
  ],
  "move volumes away": [migrate],
  "connect, disconnect": [
    ({ core, volumeId }) =>
      core.send("attachment.connect", { ...ON(volumeId), attachmentId: uuid(0xab), connector: HOST, chap: CHAP }),
    ({ core, connectedId }) => core.send("attachment.disconnect", { ...ON(connectedId), connector: null }),
  ],
};

const SITUATIONS: readonly Situation[] = SIDES.flatMap((side) =>
  [false, true].flatMap((frozen) => ADMISSIONS.map((admission) => ({ side, frozen, admission }))),
);

function known(name: string): BackendAction {
  const action = Object.keys(BACKEND_ACTIONS).find((one): one is BackendAction => one === name);
  if (action === undefined) throw new Error(`the table does not know ${name}`);
  return action;
}

const WALK = Object.entries(ASK).flatMap(([action, asks]) =>
  asks.flatMap((ask, n) =>
    SITUATIONS.map((at) => ({ name: `${action} #${n + 1}`, action: known(action), ask, at, told: JSON.stringify(at) })),
  ),
);

test.each(WALK)("$name in $told", ({ action, ask, at }) => {
  const stand = new BackendStand();
  if (action === "remove") stand.empty();
  stand.bring(at);
  const { core } = stand;
  const backend = core.state.backend(1);
  if (backend === undefined) throw new Error("there is no backend");
  const statuses = backendStatuses(backend, backendState(core.state, 1));
  expect(new Set(statuses)).toEqual(
    new Set([at.side, ...(at.frozen ? ["frozen"] : []), ...(at.admission === "enabled" ? [] : [at.admission])]),
  );
  const row: Partial<Record<BackendStatus, string>> = BACKEND_ACTIONS[action];
  const refusing = statuses.filter((status) => row[status] === undefined);
  const before = { seq: core.seq, jobs: [...core.state.table("job").keys()] };
  const refusal = outcomeOf(() => ask(stand));
  if (refusing.length === 0) {
    expect(refusal?.message ?? null).toBeNull();
    return;
  }
  // With the state, and what would be needed.
  expect(["E_CONFLICT", "E_WRONG_STATE", "E_IN_USE"]).toContain(refusal?.code);
  expect(refusal?.message).toMatch(/ is |is not on its own side/);
  if (refusal?.code !== "E_IN_USE")
    expect(refusal?.details).toMatchObject({ status: expect.any(String), way: expect.anything() });
  expect([...core.state.table("job").keys()]).toEqual(before.jobs);
});

test("a backend with anything on it is not removed, whatever it is", () => {
  for (const at of SITUATIONS) {
    const stand = new BackendStand();
    stand.bring(at);
    expect(outcomeOf(() => stand.remove())?.code).toBe("E_IN_USE");
  }
});

test("what has a part in a frozen group snapshot stays, and a mark waits until it is thawed", () => {
  const stand = new BackendStand();
  const { core, volumeId } = stand;
  const { id: groupId } = core.createGroup();
  core.state.put("volume", { ...core.volume(volumeId), groupId });
  const taken = core.createGroupSnapshot(groupId);
  core.finish(taken.id);
  stand.bring({ side: "serving", frozen: true, admission: "enabled" });
  expect(outcomeOf(() => core.send("group-snapshot.delete", ON(taken.id)))?.message).toContain("firmware");
  core.report(1, { capabilities: [...measurementOf().capabilities, "marks"] });
  core.send("volume.update", { ...ON(volumeId), texts: { name: "renamed" } });
  core.tick(60_000);
  expect(core.job(volumeId)).toMatchObject({ owner: { kind: "mark" }, dispatched: false });
  core.send("backend.thaw", { backendId: 1, ...WHO });
  expect(core.job(volumeId)).toMatchObject({ owner: { kind: "mark" }, dispatched: true });
});

function outcomeOf(ask: () => unknown): BerthError | null {
  try {
    ask();
    return null;
  } catch (error) {
    if (error instanceof BerthError) return error;
    throw error;
  }
}
