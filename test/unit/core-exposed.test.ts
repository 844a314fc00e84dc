import { describe, expect, test } from "vitest";
import { booksOf, compareBooks, type Exposed } from "#scheduler/core/audit.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import type { Volume } from "#shared/model/volume.ts";
import { gibToBytes } from "#shared/units.ts";
import { CoreStand, ON } from "#test/kit/core-stand.ts";
import { uuid } from "#test/kit/records.ts";

const [A, B] = ["iqn.2026-01.test:a", "iqn.2026-01.test:b"];

/** What an audit of the volume's backend says of who is let in, in the midst of which `meanwhile` happens. */
function exposed(
  stand: CoreStand,
  { id }: Volume,
  letIn: ListedObject["letIn"],
  meanwhile = () => {},
): Exposed["letIn"][] {
  const object: ListedObject = {
    kind: "volume",
    id,
    volumeId: id,
    sizeBytes: gibToBytes(1),
    mark: null,
    whole: true,
    ageMs: null,
    providerId: null,
    properties: {},
    ...(letIn === undefined ? {} : { letIn }),
  };
  const before = booksOf(stand.state, 1);
  meanwhile();
  const listing = { objects: [object], foreign: [] };
  const { exposed: found } = compareBooks(stand.state, 1, before, listing, booksOf(stand.state, 1));
  return found.map((one) => one.letIn);
}

function connect(stand: CoreStand, { id }: Volume, initiator: string, attachmentId: string): void {
  const connector = { initiator, host: null, ip: null, multipath: false };
  const chap = { username: "user", sealedSecret: "sealed" };
  stand.send("attachment.connect", { ...ON(id), attachmentId, connector, chap });
}

function disconnect(stand: CoreStand, { id }: Volume, attachmentId: string): void {
  stand.send("attachment.disconnect", { ...ON(id), connector: null });
  stand.finish(attachmentId);
}

/** A volume that A had, and has no more. */
function left(stand: CoreStand): Volume {
  const volume = stand.availableVolume({ zone: "north" });
  connect(stand, volume, A, uuid(0xa));
  stand.finish(uuid(0xa));
  disconnect(stand, volume, uuid(0xa));
  return volume;
}

const close = (stand: CoreStand, { id }: Volume, initiator: string | null) =>
  stand.send("audit.close", {
    backendId: 1,
    hosts: [{ objectId: id, initiator, attachmentId: uuid(0xc) }],
    requestId: "req-sweep",
  });

describe("a host that is let in again after it was sent away", () => {
  test("is found, and shut out by a disconnect like any other", () => {
    const stand = CoreStand.ready();
    const volume = left(stand);
    expect(exposed(stand, volume, undefined)).toEqual([]);
    expect(exposed(stand, volume, [A])).toEqual([[A]]);
    // Whoever it is: all who may are known since.
    expect(exposed(stand, volume, [null])).toEqual([[null]]);
    expect(exposed(stand, volume, [])).toEqual([[]]);
    expect(close(stand, volume, A)).toEqual({ done: [volume.id], passed: [] });
    expect(stand.job(uuid(0xc)).operation).toMatchObject({
      kind: "attachment.disconnect",
      connector: { initiator: A },
      last: true,
    });
    expect(exposed(stand, stand.volume(volume.id), [A])).toEqual([]);
    stand.finish(uuid(0xc));
    expect(stand.volume(volume.id).status).toBe("available");
    expect(stand.state.attachmentsOf(volume.id)).toEqual([]);
  });

  test("refuses nobody: what users ask meanwhile is done in its turn, and the same host may come back", () => {
    const stand = CoreStand.ready();
    const volume = left(stand);
    close(stand, volume, A);
    expect(stand.volume(volume.id).status).toBe("available");
    stand.send("volume.extend", { ...ON(volume.id), newSizeGib: 2 });
    expect(stand.job(volume.id).serialKeys).toEqual(stand.job(uuid(0xc)).serialKeys);
    stand.finish(uuid(0xc));
    stand.finish(volume.id);
    close(stand, volume, A);
    connect(stand, volume, A, uuid(0xb));
    // What shuts it out must leave up what lets it in again.
    expect(stand.job(uuid(0xc)).operation).toMatchObject({ kind: "attachment.disconnect", last: false });
    stand.finish(uuid(0xc));
    stand.finish(uuid(0xb));
    expect(stand.volume(volume.id)).toMatchObject({ status: "in-use", sizeGib: 2 });
  });

  test("is shut out beside the one that has the volume now, which stays", () => {
    const stand = CoreStand.ready();
    const volume = left(stand);
    connect(stand, volume, B, uuid(0xb));
    stand.finish(uuid(0xb));
    expect(exposed(stand, volume, [B])).toEqual([]);
    expect(exposed(stand, volume, [A, B])).toEqual([[A]]);
    expect(close(stand, volume, B).passed).toEqual([{ id: volume.id, why: "it is connected there" }]);
    expect(close(stand, volume, A).done).toEqual([volume.id]);
    expect(stand.job(uuid(0xc)).operation).toMatchObject({ connector: { initiator: A }, last: false });
    stand.finish(uuid(0xc));
    expect(stand.volume(volume.id).status).toBe("in-use");
    expect(stand.state.attachmentsOf(volume.id).map(({ id }) => id)).toEqual([uuid(0xb)]);
  });

  test("is nothing to be sure of while the volume is being connected or was meanwhile", () => {
    const stand = CoreStand.ready();
    const volume = left(stand);
    const attached = () => stand.finish(uuid(0xb));
    connect(stand, volume, B, uuid(0xb));
    expect(exposed(stand, volume, [A, B])).toEqual([]);
    expect(exposed(stand, volume, [A, B], attached)).toEqual([]);
    expect(exposed(stand, volume, [A, B], () => disconnect(stand, volume, uuid(0xb)))).toEqual([]);
    const whole = () => {
      connect(stand, volume, B, uuid(0xd));
      stand.finish(uuid(0xd));
      disconnect(stand, volume, uuid(0xd));
    };
    expect(exposed(stand, volume, [B], whole)).toEqual([]);
    expect(exposed(stand, volume, [B])).toEqual([[B]]);
  });

  test("is left alone where the ledger may have lost who was connected, and while a job is at work", () => {
    const stand = CoreStand.ready();
    const never = stand.availableVolume({ zone: "north" });
    expect(exposed(stand, never, [A])).toEqual([]);
    const volume = left(stand);
    stand.send("volume.extend", { ...ON(volume.id), newSizeGib: 2 });
    expect(close(stand, volume, A).passed).toEqual([{ id: volume.id, why: "a job is at work on it" }]);
    stand.finish(volume.id);
    stand.send("volume.delete", ON(volume.id));
    stand.finish(volume.id);
    expect(close(stand, volume, A).passed).toEqual([{ id: volume.id, why: "it is not there any more" }]);
  });
});
