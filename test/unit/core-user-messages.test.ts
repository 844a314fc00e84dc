import { describe, expect, test } from "vitest";
import { findMessage, messagesOf } from "#scheduler/core/messages.ts";
import { MESSAGES_KEPT, type Message } from "#shared/model/message.ts";
import { recordParsers } from "#shared/model/records.ts";
import { CoreStand, ON } from "#test/kit/core-stand.ts";
import { ENTER_ATTACHMENT, ENTER_SNAPSHOT, ENTER_VOLUME, SNAPSHOT_ID } from "#test/kit/object-states.ts";

/** The last one; each is by its schema. */
function lastMessage(stand: CoreStand): Message {
  const message = messagesOf(stand.state, null).at(-1);
  return recordParsers.message.parse(message);
}

describe("user messages", () => {
  test("a create without room says so in the field's words, with our verdicts", () => {
    const stand = CoreStand.ready();
    const { id } = stand.createVolume({ sizeGib: 1_000, projectId: "acme", requestId: "req-make" });
    expect(lastMessage(stand)).toEqual({
      id: expect.any(String),
      projectId: "acme",
      requestId: "req-make",
      resourceType: "VOLUME",
      resourceId: id,
      eventId: "VOLUME_VOLUME_001_003",
      detailId: "003",
      userMessage: expect.stringMatching(
        /^schedule allocate volume:Could not find any available weighted backend\. No storage could be allocated for this volume request: no backend of flavor gold fits \(backend-1: not-enough-free, .*\)\. You may be able to try another size or volume type\.$/,
      ),
      level: "ERROR",
      createdAtMs: stand.nowMs,
      guaranteedUntilMs: stand.nowMs + stand.state.settings.messageTtlMs,
    });
  });

  test.each<readonly [string, (stand: CoreStand) => unknown, string, RegExp]>([
    ["a create", ENTER_VOLUME.error, "VOLUME_VOLUME_008_012", /^create volume from backend storage:Driver failed to/],
    ["an extend", ENTER_VOLUME.error_extending, "VOLUME_VOLUME_007_010", /^extend volume:Volume Driver failed to/],
    ["an attach", ENTER_ATTACHMENT.error_attaching, "VOLUME_VOLUME_002_021", /^attach volume:Failed to attach/],
    ["a detach", ENTER_ATTACHMENT.error_detaching, "VOLUME_VOLUME_004_022", /^update attachment:Failed to detach/],
    [
      "a delete",
      ENTER_VOLUME.error_deleting,
      "VOLUME_VOLUME_901_001",
      /^delete volume:An unknown error occurred\. vol/,
    ],
    ["letting go", ENTER_VOLUME.error_unmanaging, "VOLUME_VOLUME_006_001", /^unmanage volume:An unknown error/],
    ["taking over", ENTER_VOLUME.error_managing, "VOLUME_VOLUME_905_001", /^manage volume:/],
    [
      "a snapshot",
      ENTER_SNAPSHOT.error,
      "VOLUME_VOLUME_SNAPSHOT_009_013",
      /^create snapshot:Snapshot failed to create/,
    ],
    [
      "its delete",
      ENTER_SNAPSHOT.error_deleting,
      "VOLUME_VOLUME_SNAPSHOT_010_016",
      /^delete snapshot:Snapshot failed to/,
    ],
  ])("%s that fails has its own", (_what, enter, eventId, text) => {
    const stand = CoreStand.ready();
    enter(stand);
    const message = lastMessage(stand);
    expect(message).toMatchObject({ eventId, detailId: eventId.slice(-3), userMessage: text });
    expect(message.resourceType).toBe(eventId.includes("SNAPSHOT") ? "VOLUME_SNAPSHOT" : "VOLUME");
    if (message.resourceType === "VOLUME_SNAPSHOT") expect(message.resourceId).toBe(SNAPSHOT_ID);
    expect(messagesOf(stand.state, null)).toHaveLength(1);
  });

  test("what works, what is called back and what is refused leaves none", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    expect(() => stand.send("volume.extend", { ...ON(id), newSizeGib: 1_000 })).toThrow();
    const moving = CoreStand.ready();
    moving.send("volume.cancel-move", ON(ENTER_VOLUME.maintenance(moving)));
    const given = CoreStand.ready();
    given.send("volume.delete", ON(given.createVolume().id));
    for (const one of [stand, moving, given]) expect(messagesOf(one.state, null)).toEqual([]);
  });

  test("are one's own project's, found and deleted by id, and go with time", () => {
    const stand = CoreStand.ready();
    stand.createVolume({ sizeGib: 1_000, projectId: "acme" });
    const { id } = lastMessage(stand);
    stand.createVolume({ sizeGib: 1_000, projectId: "other" });
    expect(messagesOf(stand.state, "acme").map((message) => message.id)).toEqual([id]);
    expect(findMessage(stand.state, id, "acme").id).toBe(id);
    expect(() => findMessage(stand.state, id, "other")).toThrow(/Message .* could not be found/);
    const who = { userId: "u", requestId: "r" };
    expect(() => stand.send("message.delete", { id, scope: "other", ...who })).toThrow(/could not be found/);
    stand.send("message.delete", { id, scope: "acme", ...who });
    expect(messagesOf(stand.state, null).map(({ projectId }) => projectId)).toEqual(["other"]);
    stand.tick(stand.state.settings.messageTtlMs - 1);
    expect(messagesOf(stand.state, null)).toHaveLength(1);
    stand.tick(1);
    expect(messagesOf(stand.state, null)).toEqual([]);
  });

  test("of one project are only so many, the last ones", () => {
    const stand = CoreStand.ready();
    stand.createVolume({ sizeGib: 1_000, projectId: "other" });
    const ids = Array.from({ length: MESSAGES_KEPT + 2 }, () => {
      stand.createVolume({ sizeGib: 1_000, projectId: "acme" });
      return lastMessage(stand).id;
    });
    expect(new Set(ids).size).toBe(ids.length);
    expect(messagesOf(stand.state, "acme").map(({ id }) => id)).toEqual(ids.slice(2));
    expect(messagesOf(stand.state, "other")).toHaveLength(1);
  });
});
