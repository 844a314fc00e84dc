import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { setAdmission } from "#scheduler/catalogue/edits.ts";
import { buriedUnder, resetGround } from "#scheduler/core/reset.ts";
import { backendState } from "#scheduler/core/sides.ts";
import { EVENT_TYPES } from "#shared/events/types.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import { gibToBytes } from "#shared/units.ts";
import { backendOf, sampleCatalogue } from "#test/kit/catalogue.ts";
import { CHAP, CoreStand, measurementOf, ON } from "#test/kit/core-stand.ts";
import {
  ATTACHMENT_ID,
  ENTER_ATTACHMENT,
  ENTER_GROUP,
  ENTER_GROUP_SNAPSHOT,
  ENTER_SNAPSHOT,
  ENTER_VOLUME,
  HOST,
  MEANS,
  offer,
  SNAPSHOT_ID,
  TRANSFER_ID,
} from "#test/kit/object-states.ts";
import { uuid } from "#test/kit/records.ts";

const WHO = { userId: "operator", requestId: "req-9" };
const TEXTS = { name: "other", description: "", metadata: {} };

const ENTER = {
  volume: ENTER_VOLUME,
  snapshot: ENTER_SNAPSHOT,
  attachment: ENTER_ATTACHMENT,
  group: ENTER_GROUP,
  "group snapshot": ENTER_GROUP_SNAPSHOT,
} as const;

const ENTRIES = Object.entries(ENTER).flatMap(([kind, states]) =>
  Object.entries(states).map(([state, enter]) => ({ kind, state, enter })),
);

function listed(kind: "volume" | "snapshot", id: string, fields: Partial<ListedObject> = {}): ListedObject {
  const facts = { volumeId: null, mark: null, whole: true, ageMs: null, providerId: null, properties: {} };
  return { kind, id, sizeBytes: gibToBytes(1), ...facts, ...fields };
}

/** Backend 1 has a target. */
function mirroredStand(): CoreStand {
  const sample = sampleCatalogue();
  const first = backendOf(1, {
    driver: "fake",
    replicationTargets: [{ name: "dr", parameters: { capacity_gib: 100 } }],
  });
  const stand = CoreStand.ready({ ...sample, backends: sample.backends.map((one) => (one.id === 1 ? first : one)) });
  stand.report(1, { capabilities: [...measurementOf().capabilities, "replication"] });
  return stand;
}

/** To a side, on which nothing stands unless it is said. */
function switchTo(stand: CoreStand, to: string | null, ...objects: readonly ListedObject[]): void {
  stand.send("backend.failover", { backendId: 1, to, ...WHO });
  stand.beat("north");
  stand.tick(1);
  stand.finish("backend-1");
  stand.send("backend.listed", { backendId: 1, token: backendState(stand.state, 1).changedSeq, objects });
}

/** What no state leads to. */
const HISTORIES: Readonly<Record<string, () => CoreStand>> = {
  updates: () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    stand.send("volume.update", { ...ON(id), texts: { name: "other" } });
    stand.send("volume.flag", { ...ON(id), flags: { readOnly: true } });
    stand.send("snapshot.create", { ...ON(SNAPSHOT_ID), volumeId: id, ...TEXTS, force: false });
    stand.finish(SNAPSHOT_ID);
    stand.send("snapshot.update", { ...ON(SNAPSHOT_ID), texts: { name: "another" } });
    const group = stand.createGroup();
    const member = stand.availableVolume();
    stand.send("group.update", { ...ON(group.id), texts: {}, addVolumes: [member.id], removeVolumes: [] });
    return stand;
  },
  resets: () => {
    const stand = CoreStand.ready();
    const snapshotId = ENTER_SNAPSHOT.available(stand);
    const snapshot = stand.state.get("snapshot", snapshotId);
    if (snapshot === undefined) throw new Error("there is no snapshot");
    const because = { to: "error" as const, by: "ann", reason: "I know" };
    const evidence = { snapshot, buried: buriedUnder(stand.state, snapshotId), found: null };
    stand.send("snapshot.reset", { ...ON(snapshotId), ...because, evidence });
    const { id } = stand.availableVolume();
    const ground = resetGround(stand.state, stand.volume(id));
    stand.send("volume.reset", { ...ON(id), ...because, evidence: { ...ground, found: [] } });
    const groupSnapshotId = ENTER_GROUP_SNAPSHOT.available(stand);
    stand.send("group-snapshot.reset", { ...ON(groupSnapshotId), to: "error" });
    const groupId = stand.state.get("group-snapshot", groupSnapshotId)?.groupId ?? "";
    stand.send("group.reset", { ...ON(groupId), to: "error" });
    return stand;
  },
  transfers: () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    offer(stand, id);
    stand.send("transfer.delete", ON(TRANSFER_ID));
    const { keyHash } = offer(stand, id);
    stand.send("transfer.accept", { id: TRANSFER_ID, projectId: "other", keyHash, userId: "u", requestId: "r" });
    return stand;
  },
  adoption: () => {
    const stand = CoreStand.ready();
    const mark = { projectId: "p1", flavorName: "gold", name: "found" };
    const volume = listed("volume", uuid(0xb1), { mark });
    const snapshot = listed("snapshot", uuid(0xb2), { mark, volumeId: volume.id });
    stand.send("audit.adopt", { backendId: 1, objects: [volume, snapshot], requestId: "req-1" });
    return stand;
  },
  "hosts of a snapshot": () => {
    const stand = CoreStand.ready();
    const id = ENTER_SNAPSHOT.available(stand);
    const connect = (n: number): string =>
      stand.send("snapshot.connect", { ...ON(id), attachmentId: uuid(0xa0 + n), connector: HOST, chap: CHAP }).id;
    stand.finish(connect(1), "not-done");
    stand.finish(uuid(0xa1));
    stand.finish(connect(2));
    stand.send("snapshot.disconnect", { ...ON(id), connector: null });
    stand.tick(stand.state.settings.operationDeadlineMs);
    stand.finish(uuid(0xa2));
    return stand;
  },
  "sides of a backend": () => {
    const stand = mirroredStand();
    const id = ENTER_SNAPSHOT.available(stand);
    const volumeId = stand.state.get("snapshot", id)?.volumeId ?? "";
    switchTo(stand, "dr");
    switchTo(stand, null, listed("volume", volumeId), listed("snapshot", id));
    stand.send("backend.failover", { backendId: 1, to: "dr", ...WHO });
    stand.tick(stand.state.settings.operationDeadlineMs);
    return stand;
  },
  "freeze and thaw": () => {
    const stand = CoreStand.ready();
    stand.send("backend.freeze", { backendId: 1, reason: "new disks", ...WHO });
    stand.send("backend.thaw", { backendId: 1, ...WHO });
    return stand;
  },
  evacuations: () => {
    const stand = CoreStand.ready();
    stand.availableVolume();
    const { catalogue } = stand.state.catalogue;
    const admit = (state: "draining" | "enabled"): void => {
      const admission = state === "enabled" ? { state } : { state, reason: "" };
      stand.send("catalogue.changed", setAdmission(catalogue, { backendId: 1, admission }));
    };
    const begin = (requestId: string): void => {
      const asked = { atOnce: 1, bandwidthLimitBytesPerS: null, ...WHO, requestId };
      stand.send("backend.evacuate", { backendId: 1, ...asked });
    };
    admit("draining");
    begin("req-1");
    admit("enabled");
    stand.tick(stand.state.settings.resendIntervalMs);
    stand.beat("north");
    for (const id of [1, 2]) stand.report(id);
    admit("draining");
    begin("req-2");
    const { targetId, attachmentId, chap } = MEANS;
    stand.send("backend.evacuate-next", { backendId: 1, means: [{ targetId, attachmentId, chap }] });
    stand.answerAll("done");
    stand.tick(stand.state.settings.resendIntervalMs);
    if (backendState(stand.state, 1).evacuation?.moved !== 1) throw new Error("the volume has not left");
    return stand;
  },
  "what is up": () => {
    const stand = CoreStand.ready();
    stand.reportDown(1, "the disk is gone");
    stand.report(1);
    stand.tick(60_000);
    return stand;
  },
};

describe("events of histories", () => {
  test.each(ENTRIES)("of what becomes of a $kind in $state fit together, and none is left open", ({ enter }) => {
    for (const outcome of ["done", "not-done"] as const) {
      const stand = CoreStand.ready();
      enter(stand);
      stand.answerAll(outcome);
      const passing = stand.eventBook.open.filter((key) => !key.startsWith("volume.attach"));
      expect(passing, outcome).toEqual([]);
    }
  });

  test("every type is told by some history, and stands in the page", () => {
    const seen = new Set<string>();
    for (const { enter } of ENTRIES)
      for (const outcome of ["done", "not-done"] as const) {
        const stand = CoreStand.ready();
        enter(stand);
        stand.answerAll(outcome);
        for (const { type } of stand.events) seen.add(type);
      }
    for (const history of Object.values(HISTORIES)) for (const { type } of history().events) seen.add(type);
    // Told by whoever reads too late (`event-log.test.ts`).
    seen.add("events.gap");
    expect([...seen].sort()).toEqual(Object.keys(EVENT_TYPES).sort());

    const page = readFileSync(resolve(import.meta.dirname, "../../shared/events/README.md"), "utf8");
    const rows = [...page.matchAll(/^\| `([a-z_.]+)` \| (.*) \|$/gm)].map(([, type, text]) => [type, text]);
    expect(rows).toEqual(Object.entries(EVENT_TYPES));
  });

  test("a life of a volume is told with who asked, and without its secrets", () => {
    const stand = CoreStand.ready();
    const { id } = stand.createVolume({ name: "data", projectId: "acme", userId: "ada", requestId: "req-make" });
    stand.finish(id);
    stand.report(1);
    stand.send("volume.extend", { ...ON(id), newSizeGib: 2 });
    stand.finish(id);
    stand.send("attachment.connect", { ...ON(id), attachmentId: ATTACHMENT_ID, connector: HOST, chap: CHAP });
    stand.finish(ATTACHMENT_ID);
    stand.send("attachment.disconnect", { ...ON(id), connector: null });
    stand.finish(ATTACHMENT_ID);
    stand.send("volume.delete", { ...ON(id), userId: "ben" });
    stand.finish(id);
    expect(stand.eventsOf(id)).toEqual([
      "volume.create.start",
      "volume.create.end",
      "volume.resize.start",
      "volume.resize.end",
      "volume.attach.start",
      "volume.attach.end",
      "volume.detach.start",
      "volume.detach.end",
      "volume.delete.start",
      "volume.delete.end",
    ]);
    expect(stand.events.find(({ type }) => type === "volume.create.end")).toEqual({
      type: "volume.create.end",
      atMs: 1_000_000,
      projectId: "acme",
      userId: "ada",
      requestId: "req-make",
      object: {
        kind: "volume",
        ...{ id, name: "data", status: "available", sizeGib: 1, backendId: 1, groupId: null, zone: "north" },
        flavorId: stand.state.catalogue.catalogue.flavors[0]?.id,
      },
      error: null,
    });
    expect(stand.events.find(({ type }) => type === "volume.resize.start")?.object).toMatchObject({ newSizeGib: 2 });
    expect(stand.events.at(-1)).toMatchObject({ userId: "ben", requestId: "req-2", object: { status: "deleting" } });
    expect(JSON.stringify(stand.events)).not.toContain("sealed");
  });

  test("a create without room is told with the verdict; one that is deleted meanwhile, as given up", () => {
    const stand = CoreStand.ready();
    const { id } = stand.createVolume({ sizeGib: 1_000 });
    expect(stand.eventsOf(id)).toEqual(["volume.create.start", "volume.create.error"]);
    expect(stand.events.at(-1)?.error).toMatchObject({ code: "E_NO_PLACEMENT", message: /not-enough-free/ });
    const other = stand.createVolume();
    stand.send("volume.delete", ON(other.id));
    stand.finish(other.id);
    stand.finish(other.id);
    expect(stand.eventsOf(other.id)).toEqual([
      "volume.create.start",
      "volume.create.error",
      "volume.delete.start",
      "volume.delete.end",
    ]);
  });

  test("what is refused, and what changes nothing that is told, is no event", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    const told = stand.events.length;
    expect(() => stand.send("volume.extend", { ...ON(id), newSizeGib: 1 })).toThrow();
    stand.report(1);
    stand.tick(1_000);
    stand.send("attachment.reserve", {
      ...{ ...ON(id), attachmentId: ATTACHMENT_ID, access: "rw", instanceId: null, mountpoint: null },
      announced: false,
    });
    expect(stand.events.slice(told)).toEqual([]);
  });

  test("a catalogue's edit names what it changed", () => {
    const stand = CoreStand.ready();
    const { catalogue } = stand.state.catalogue;
    const [first, ...others] = catalogue.flavors;
    if (first === undefined) throw new Error("there is no flavor");
    const flavors = [{ ...first, description: "new" }, ...others];
    stand.send("catalogue.changed", { ...catalogue, flavors, backends: [...catalogue.backends, backendOf(4)] });
    expect(stand.events.at(-1)).toMatchObject({
      type: "catalogue.changed",
      projectId: null,
      object: {
        changes: [
          { kind: "backend", name: "backend-4", what: "added" },
          { kind: "flavor", name: "gold", what: "changed" },
        ],
      },
    });
  });
});
