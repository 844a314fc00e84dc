import { describe, expect, test } from "vitest";
import { booksOf, compareBooks, type Exposed } from "#scheduler/core/audit.ts";
import { countByKey, sealedRecords } from "#scheduler/core/secrets.ts";
import type { Chap } from "#shared/model/chap.ts";
import type { Job } from "#shared/model/job.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import { gibToBytes } from "#shared/units.ts";
import { CoreStand, measurementOf, ON } from "#test/kit/core-stand.ts";
import { ATTACHMENT_ID, HOST, MEANS } from "#test/kit/object-states.ts";
import { uuid } from "#test/kit/records.ts";

const GIVES_ACCOUNTS = [...measurementOf().capabilities, "chap-at-creation" as const];
const FIRST: Chap = { username: "first", sealedSecret: "k1.first" };
const LATER: Chap = { username: "later", sealedSecret: "k1.later" };

/** Backend 1, the first of gold, gives its volumes an account from their creation on; 2 does not. */
function standing(): CoreStand {
  const stand = CoreStand.ready();
  stand.report(1, { capabilities: GIVES_ACCOUNTS });
  return stand;
}

const accountIn = ({ operation }: Job) => ("chap" in operation ? operation.chap : undefined);

function connect(stand: CoreStand, id: string, attachmentId = ATTACHMENT_ID): void {
  stand.send("attachment.connect", { ...ON(id), attachmentId, connector: HOST, chap: LATER });
}

function disconnect(stand: CoreStand, id: string): void {
  stand.send("attachment.disconnect", { ...ON(id), connector: null });
  stand.finish(ATTACHMENT_ID);
}

describe("on a backend that gives accounts from creation on", () => {
  test("the creation brings the account, the first host is told it, and each after it one of its own", () => {
    const stand = standing();
    const { id } = stand.createVolume({ chap: FIRST });
    expect(accountIn(stand.job(id))).toEqual(FIRST);
    stand.finish(id);
    expect(stand.volume(id).chap).toEqual(FIRST);
    connect(stand, id);
    expect(accountIn(stand.job(ATTACHMENT_ID))).toEqual(FIRST);
    stand.finish(ATTACHMENT_ID);
    disconnect(stand, id);
    expect(stand.volume(id).chap).toBeNull();
    connect(stand, id);
    expect(accountIn(stand.job(ATTACHMENT_ID))).toEqual(LATER);
  });

  test("so do copies, and each volume of a group that is copied", () => {
    const stand = standing();
    const group = stand.createGroup();
    const one = stand.availableVolume({ groupId: group.id });
    const two = stand.availableVolume({ groupId: group.id });
    const clone = stand.createVolume({ source: { kind: "volume", volumeId: one.id }, chap: FIRST });
    expect(accountIn(stand.job(clone.id))).toEqual(FIRST);
    stand.finish(clone.id);
    const newMembers = [0x31, 0x32].map((n) => ({
      id: uuid(n),
      chap: { username: `member-${n}`, sealedSecret: `k1.${n}` },
    }));
    stand.createGroup({ source: { kind: "group", groupId: group.id }, newMembers });
    expect(newMembers.map(({ id }) => accountIn(stand.job(id)))).toEqual(newMembers.map(({ chap }) => chap));
    expect([one, two].map(({ chap }) => chap)).not.toContain(null);
  });

  test("a try that comes again, by whichever agent, brings the same", () => {
    const stand = standing();
    const { id } = stand.createVolume({ chap: FIRST });
    stand.finish(id, "unknown");
    stand.tick(60_000);
    for (const name of ["north", "south"]) stand.beat(name);
    expect(stand.job(id).attempt).toBe(2);
    expect(accountIn(stand.job(id))).toEqual(FIRST);
  });

  test("where it goes on to a backend that does not, it has none until it is connected", () => {
    const stand = standing();
    const { id } = stand.createVolume({ chap: FIRST });
    stand.finish(id, "no-space");
    expect([stand.volume(id).backendId, accountIn(stand.job(id))]).toEqual([2, undefined]);
    stand.finish(id);
    expect(stand.volume(id).chap).toBeNull();
    connect(stand, id);
    expect(accountIn(stand.job(ATTACHMENT_ID))).toEqual(LATER);
  });

  test("a volume that waited to be placed has it yet; one that came to nothing does not", () => {
    const stand = standing();
    stand.reportDown(1, "away");
    stand.reportDown(2, "away");
    const { id } = stand.createVolume({ chap: FIRST });
    expect(stand.volume(id).backendId).toBeNull();
    stand.report(1, { capabilities: GIVES_ACCOUNTS });
    stand.tick(1);
    expect(accountIn(stand.job(id))).toEqual(FIRST);
    stand.tick(stand.state.settings.operationDeadlineMs);
    expect(stand.volume(id)).toMatchObject({ status: "error", chap: null });
  });

  test("what is reserved and let go of keeps it, for no host was told; by force, it is forgotten at once", () => {
    const stand = standing();
    const { id } = stand.availableVolume({ chap: FIRST });
    const wish = { attachmentId: ATTACHMENT_ID, access: "rw", instanceId: null, mountpoint: null } as const;
    stand.send("attachment.reserve", { ...ON(id), ...wish, announced: true });
    stand.send("volume.announce", { ...ON(id), what: "unreserve" });
    stand.send("attachment.disconnect", { ...ON(id), connector: null });
    expect(stand.volume(id)).toMatchObject({ status: "available", chap: FIRST });
    connect(stand, id);
    stand.finish(ATTACHMENT_ID);
    stand.send("attachment.disconnect", { ...ON(id), connector: null, force: true });
    expect(stand.volume(id)).toMatchObject({ status: "available", chap: null });
  });

  test("another key seals it anew, with the volume and in jobs that nobody has in hand", () => {
    const stand = new CoreStand();
    stand.report(1, { capabilities: GIVES_ACCOUNTS });
    // No agent: it waits, and its job is in nobody's hand when one comes.
    const { id } = stand.createVolume({ chap: FIRST });
    stand.beat("north");
    stand.tick(1);
    const anew = [...sealedRecords(stand.state)].map(({ kind, id: of, sealedSecret: from }) => ({
      ...{ kind, id: of, from },
      to: from.replace("k1", "k2"),
    }));
    stand.send("secrets.reseal", { secrets: anew });
    const job = stand.job(id);
    expect(accountIn(job)?.sealedSecret).toBe(job.dispatched ? "k1.first" : "k2.first");
    stand.finish(id);
    expect(stand.volume(id).chap).toEqual({ ...FIRST, sealedSecret: "k2.first" });
    expect(countByKey(stand.state).size).toBe(1);
  });

  test("a volume that was moved away gets one where it is when it is connected there", () => {
    const stand = standing();
    const { id } = stand.availableVolume({ chap: FIRST });
    stand.send("volume.migrate", { ...ON(id), ...MEANS, to: { backend: "2", zone: null }, forceCopy: true });
    for (let step = 0; step < 6 && stand.volume(id).move !== null; step++) stand.finish(id);
    expect(stand.volume(id)).toMatchObject({ backendId: 2, chap: null });
  });

  test("a creation that came again when its volume had another account cuts nobody off for long", () => {
    const stand = standing();
    const { id } = stand.createVolume({ chap: FIRST });
    const creation = stand.job(id);
    stand.finish(id);
    connect(stand, id);
    stand.finish(ATTACHMENT_ID);
    disconnect(stand, id);
    connect(stand, id);
    stand.finish(ATTACHMENT_ID);
    stand.answer(creation, "done");
    expect(stand.job(ATTACHMENT_ID).operation).toMatchObject({ kind: "attachment.connect", chap: LATER });
  });
});

describe("who is let in by a secret, as an audit sees it", () => {
  function exposed(stand: CoreStand, id: string, account: string): Exposed["letIn"][] {
    const sizeBytes = gibToBytes(1);
    const told = { sizeBytes, mark: null, whole: true, ageMs: null, providerId: null, properties: {} };
    const object: ListedObject = { kind: "volume", id, volumeId: id, ...told, account };
    const books = booksOf(stand.state, 1);
    const { exposed: found } = compareBooks(stand.state, 1, books, { objects: [object], foreign: [] }, books);
    return found.map(({ letIn }) => letIn);
  }

  test("the account of who is connected, and the first one, are as they should be; an older one is not", () => {
    const stand = standing();
    const { id } = stand.availableVolume({ chap: FIRST });
    expect(exposed(stand, id, "first")).toEqual([]);
    connect(stand, id);
    stand.finish(ATTACHMENT_ID);
    disconnect(stand, id);
    expect(exposed(stand, id, "first")).toEqual([[null]]);
    connect(stand, id);
    stand.finish(ATTACHMENT_ID);
    expect(exposed(stand, id, "later")).toEqual([]);
    expect(exposed(stand, id, "first")).toEqual([[null]]);
  });
});
