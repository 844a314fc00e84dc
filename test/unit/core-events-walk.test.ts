import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CHAP, CoreStand, ON } from "#test/kit/core-stand.ts";
import { HOST, MEANS } from "#test/kit/object-states.ts";
import { uuid } from "#test/kit/records.ts";

const TEXTS = { name: "other", description: "", metadata: {} };

/** What users, agents and time may do, in any order; what is refused is refused. */
const STEP = fc.record({
  what: fc.constantFrom(
    ...(["create", "delete", "extend", "attach", "detach", "force", "snapshot", "unsnapshot", "revert"] as const),
    ...(["migrate", "cancel", "unmanage", "answer", "late", "tick", "group", "ungroup"] as const),
  ),
  which: fc.nat(5),
  outcome: fc.constantFrom("done" as const, "not-done" as const, "no-space" as const, "unknown" as const),
});

type Step = typeof STEP extends fc.Arbitrary<infer T> ? T : never;

class Walk {
  readonly stand = CoreStand.ready();
  readonly #volumes: string[] = [];
  readonly #snapshots: string[] = [];
  #nextId = 0x10_000;

  take(step: Step): void {
    try {
      this.#take(step);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "BerthError") throw error;
    }
  }

  #take({ what, which, outcome }: Step): void {
    const { stand } = this;
    const id = this.#volumes[which % Math.max(1, this.#volumes.length)] ?? uuid(1);
    const snapshotId = this.#snapshots[which % Math.max(1, this.#snapshots.length)] ?? uuid(2);
    const made = uuid(this.#nextId++);
    switch (what) {
      case "create":
        this.#volumes.push(stand.createVolume({ id: made, sizeGib: which === 5 ? 1_000 : 1 }).id);
        return;
      case "delete":
        stand.send("volume.delete", ON(id));
        return;
      case "extend":
        stand.send("volume.extend", { ...ON(id), newSizeGib: (stand.state.get("volume", id)?.sizeGib ?? 0) + 1 });
        return;
      case "attach":
        stand.send("attachment.connect", { ...ON(id), attachmentId: made, connector: HOST, chap: CHAP });
        return;
      case "detach":
      case "force":
        stand.send("attachment.disconnect", { ...ON(id), connector: null, force: what === "force" });
        return;
      case "snapshot":
        stand.send("snapshot.create", { ...ON(made), volumeId: id, ...TEXTS, force: true });
        this.#snapshots.push(made);
        return;
      case "unsnapshot":
        stand.send("snapshot.delete", ON(snapshotId));
        return;
      case "revert":
        stand.send("volume.revert", { ...ON(id), snapshotId });
        return;
      case "migrate": {
        const means = { ...MEANS, targetId: made, attachmentId: uuid(this.#nextId++) };
        stand.send("volume.migrate", { ...ON(id), ...means, to: { backend: "2", zone: null }, forceCopy: false });
        return;
      }
      case "cancel":
        stand.send("volume.cancel-move", ON(id));
        return;
      case "unmanage":
        stand.send("volume.unmanage", ON(id));
        return;
      case "answer": {
        const jobs = [...stand.state.table("job").values()].filter(({ dispatched }) => dispatched);
        const job = jobs[which % Math.max(1, jobs.length)];
        if (job !== undefined) stand.answer(job, outcome);
        return;
      }
      case "late":
      case "tick":
        stand.tick(what === "late" ? stand.state.settings.operationDeadlineMs : 1_000);
        for (const zone of ["north", "south"]) stand.beat(zone);
        for (const backendId of [1, 2, 3]) stand.report(backendId);
        return;
      case "group":
        this.#volumes.push(stand.availableVolume({ id: made, groupId: stand.createGroup().id }).id);
        return;
      case "ungroup": {
        const groupId = stand.state.get("volume", id)?.groupId ?? null;
        if (groupId !== null) stand.send("group.delete", { ...ON(groupId), deleteVolumes: true });
        return;
      }
    }
  }
}

describe("events of any history", () => {
  test("fit together, tell what there is, and leave nothing open once all is at rest", () => {
    fc.assert(
      fc.property(fc.array(STEP, { minLength: 5, maxLength: 60 }), (steps) => {
        const walk = new Walk();
        for (const step of steps) walk.take(step);
        const { stand } = walk;
        for (let rounds = 0; rounds < 5; rounds++) {
          stand.tick(stand.state.settings.retryMaxMs);
          for (const zone of ["north", "south"]) stand.beat(zone);
          stand.answerAll("done");
        }
        expect([...stand.state.table("job").keys()]).toEqual([]);
        expect(stand.eventBook.open).toEqual([]);
        const made = new Set<string>();
        for (const { type, object } of stand.events) {
          if (type === "volume.create.start" || type === "snapshot.create.start") made.add(object.id);
          const isGone = type.endsWith(".delete.end") || type === "volume.unmanage.end";
          if (isGone && (object.kind === "volume" || object.kind === "snapshot")) made.delete(object.id);
        }
        const standing = [...stand.state.table("volume").keys(), ...stand.state.table("snapshot").keys()];
        expect([...made].sort()).toEqual(standing.sort());
      }),
      { numRuns: 150 },
    );
  });
});
