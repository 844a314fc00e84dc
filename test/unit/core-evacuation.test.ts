import { describe, expect, test } from "vitest";
import { setAdmission } from "#scheduler/catalogue/edits.ts";
import { volumesOn, whyItStays } from "#scheduler/core/evacuation.ts";
import { backendState } from "#scheduler/core/sides.ts";
import type { Admission } from "#shared/model/catalogue.ts";
import { CHAP, CoreStand, ON } from "#test/kit/core-stand.ts";
import { ATTACHMENT_ID, HOST } from "#test/kit/object-states.ts";
import { uuid } from "#test/kit/records.ts";

const WHO = { userId: "operator", requestId: "req-9" };
const DRAINING: Admission = { state: "draining", reason: "to be replaced" };

/** Who follows the effects of the core: gives it what it cannot make for the next moves. */
class Follower {
  readonly stand: CoreStand;
  #seen = 0;
  #made = 0x1000;

  constructor(stand: CoreStand) {
    this.stand = stand;
  }

  follow(): void {
    for (; this.#seen < this.stand.effects.length; this.#seen++) {
      const effect = this.stand.effects[this.#seen];
      if (effect?.kind !== "evacuate") continue;
      const means = Array.from({ length: effect.count }, () => {
        return { targetId: uuid(this.#made++), attachmentId: uuid(this.#made++), chap: CHAP };
      });
      this.stand.send("backend.evacuate-next", { backendId: effect.backendId, means });
    }
  }
}

function admit(stand: CoreStand, admission: Admission): void {
  stand.send("catalogue.changed", setAdmission(stand.state.catalogue.catalogue, { backendId: 1, admission }));
}

function begin(stand: CoreStand, atOnce = 2, requestId = WHO.requestId): Follower {
  admit(stand, DRAINING);
  const follower = new Follower(stand);
  stand.send("backend.evacuate", { backendId: 1, atOnce, bandwidthLimitBytesPerS: 7, ...WHO, requestId });
  follower.follow();
  return follower;
}

/** When it is looked again, with agents that live. */
function later(stand: CoreStand, follower: Follower): void {
  stand.tick(stand.state.settings.resendIntervalMs);
  stand.beat("north");
  for (const id of [1, 2])
    stand.report(id, { freeBytes: 50 * 1024 ** 3, provisioned: { scope: "pool", bytes: 50 * 1024 ** 3 } });
  follower.follow();
}

const evacuationOf = (stand: CoreStand) => backendState(stand.state, 1).evacuation;
const moving = (stand: CoreStand) => volumesOn(stand.state, 1).filter(({ move }) => move !== null);

/** An agent makes the target and copies. */
function moveOne(stand: CoreStand, id: string): void {
  stand.finish(id);
  stand.finish(id);
}

function whyAll(stand: CoreStand): Record<string, string | null> {
  const evacuation = evacuationOf(stand);
  if (evacuation === undefined) throw new Error("it is not evacuated");
  return Object.fromEntries(
    volumesOn(stand.state, 1).map((volume) => {
      const why = whyItStays(stand.state, volume, evacuation, stand.nowMs);
      return [volume.id, why === null ? null : `${why.code} ${why.message}`];
    }),
  );
}

describe("a drained backend is evacuated", () => {
  test("so many at once, each within its zone, until none is left; the history says how many", () => {
    const stand = CoreStand.ready();
    const ids = Array.from({ length: 5 }, () => stand.availableVolume().id);
    const follower = begin(stand);
    for (let left = 5; left > 0; left--) {
      expect(moving(stand)).toHaveLength(Math.min(2, left));
      const [next] = moving(stand);
      expect(next?.move).toMatchObject({ toBackendId: 2, bandwidthLimitBytesPerS: 7, requestId: WHO.requestId });
      moveOne(stand, next?.id ?? "");
      // At once, not with the next tick.
      follower.follow();
    }
    expect(ids.map((id) => stand.volume(id).backendId)).toEqual([2, 2, 2, 2, 2]);
    expect(evacuationOf(stand)).toMatchObject({ moved: 5, endedAtMs: null });
    stand.tick(1);
    expect(evacuationOf(stand)).toMatchObject({ moved: 5, endedAtMs: stand.nowMs });
    expect(stand.history.filter(({ objectId }) => objectId === "backend-1")).toMatchObject([
      { operation: "backend.evacuate", detail: "5 volumes moved away", userId: "operator", error: null },
    ]);
  });

  test("whoever dies: the tick finds how far it is, and no more are moved than may be at once", () => {
    const stand = CoreStand.ready();
    for (let n = 0; n < 4; n++) stand.availableVolume();
    admit(stand, DRAINING);
    stand.send("backend.evacuate", { backendId: 1, atOnce: 3, bandwidthLimitBytesPerS: null, ...WHO });
    // The scheduler died before it could do what that wanted; the one after it asks anew, and both come in the end.
    const late = new Follower(stand);
    stand.tick(1);
    stand.tick(1);
    late.follow();
    expect(moving(stand)).toHaveLength(3);
  });

  test("what cannot be moved says why and is looked at again; what failed is tried again when it is asked for", () => {
    const stand = CoreStand.ready();
    const connected = stand.availableVolume();
    stand.send("attachment.connect", { ...ON(connected.id), attachmentId: ATTACHMENT_ID, connector: HOST, chap: CHAP });
    stand.finish(ATTACHMENT_ID);
    const parent = stand.availableVolume();
    const texts = { name: "", description: "", metadata: {} };
    stand.send("snapshot.create", { id: uuid(0x51), scope: null, volumeId: parent.id, force: false, ...texts, ...WHO });
    stand.finish(uuid(0x51));
    const tooLarge = stand.availableVolume({ sizeGib: 60 });
    const failing = stand.availableVolume();
    stand.report(2, { freeBytes: 50 * 1024 ** 3, provisioned: { scope: "pool", bytes: 50 * 1024 ** 3 } });
    const follower = begin(stand);
    expect(moving(stand).map(({ id }) => id)).toEqual([failing.id]);
    stand.finish(failing.id, "not-done", "broken there");
    follower.follow();
    expect(whyAll(stand)).toEqual({
      [connected.id]: expect.stringMatching(/^E_WRONG_STATE .*is in-use/),
      [parent.id]: expect.stringMatching(/^E_HAS_DEPENDENTS /),
      [tooLarge.id]: expect.stringMatching(/^E_NO_PLACEMENT .*not-enough-free/),
      [failing.id]: expect.stringMatching(/broken there/),
    });
    later(stand, follower);
    expect(moving(stand)).toEqual([]);

    stand.send("attachment.disconnect", { ...ON(connected.id), connector: null });
    stand.finish(ATTACHMENT_ID);
    later(stand, follower);
    expect(moving(stand).map(({ id }) => id)).toEqual([connected.id]);
    begin(stand, 2, "req-again");
    expect(moving(stand).map(({ id }) => id)).toEqual([connected.id, failing.id]);
  });

  test("until it is enabled again: what is under way goes on, and nothing more begins", () => {
    const stand = CoreStand.ready();
    for (let n = 0; n < 3; n++) stand.availableVolume();
    const follower = begin(stand, 1);
    admit(stand, { state: "enabled" });
    stand.tick(1);
    expect(evacuationOf(stand)?.endedAtMs).toBe(stand.nowMs);
    const [under] = moving(stand);
    moveOne(stand, under?.id ?? "");
    follower.follow();
    stand.tick(1);
    follower.follow();
    expect(moving(stand)).toEqual([]);
    expect(volumesOn(stand.state, 1)).toHaveLength(2);
    expect(stand.history.at(-2)).toMatchObject({ operation: "backend.evacuate", error: { code: "E_CANCELLED" } });
  });

  test("not while it is frozen, and not one that is not drained", () => {
    const stand = CoreStand.ready();
    stand.availableVolume();
    const ask = () =>
      stand.send("backend.evacuate", { backendId: 1, atOnce: 1, bandwidthLimitBytesPerS: null, ...WHO });
    expect(ask).toThrow(expect.objectContaining({ code: "E_CONFLICT", message: expect.stringContaining("drain it") }));
    const follower = new Follower(stand);
    admit(stand, DRAINING);
    ask();
    stand.send("backend.freeze", { backendId: 1, reason: "firmware", ...WHO });
    follower.follow();
    expect(moving(stand)).toEqual([]);
    expect(ask).toThrow(expect.objectContaining({ code: "E_CONFLICT", message: expect.stringContaining("firmware") }));
    stand.send("backend.thaw", { backendId: 1, ...WHO });
    later(stand, follower);
    expect(moving(stand)).toHaveLength(1);
  });
});
