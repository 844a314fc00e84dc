import { describe, expect, test } from "vitest";
import { booksOf, compareBooks } from "#scheduler/core/audit.ts";
import { Sweeper } from "#scheduler/dispatch/sweeper.ts";
import { BerthError } from "#shared/errors.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import { openApiStand } from "#test/kit/api-stand.ts";
import { silent } from "#test/kit/driver-context.ts";
import { until } from "#test/kit/until.ts";

function listed(id: string, letIn?: string[]): ListedObject {
  const mark = { projectId: "p", flavorName: "gold", name: "" };
  const common = { sizeBytes: 1024 ** 3, mark, whole: true, ageMs: 0, providerId: null, properties: {} };
  return { kind: "volume", id, volumeId: id, ...common, ...(letIn === undefined ? {} : { letIn }) };
}

describe("the sweep", () => {
  test("asks only where something was deleted, removes only what was, and survives a backend that fails", async () => {
    const stand = await openApiStand();
    const make = async (zone: string): Promise<string> => {
      const body = { volume: { size: 1, availability_zone: zone } };
      const answer = await stand.api.inject({ method: "POST", url: "/v3/p/volumes", payload: body });
      const { volume }: { volume: { id: string } } = JSON.parse(answer.payload);
      return volume.id;
    };
    const [kept, north, south] = [await make("north"), await make("north"), await make("south")];
    await until("they are made", () => [...stand.state.table("job").values()].length === 0);
    for (const id of [north, south]) await stand.api.inject({ method: "DELETE", url: `/v3/p/volumes/${id}` });
    await until("they are deleted", () => stand.state.table("volume").size === 1);

    const unknown = "00000000-0000-4000-8000-00000000dead";
    const standing = new Map([[1, [listed(north), listed(kept), listed(unknown)]]]);
    const asked: number[] = [];
    const removed: string[] = [];
    stand.agent = (job) => {
      removed.push(job.operation.kind === "volume.delete" ? job.operation.volume.id : job.operation.kind);
      standing.set(1, [listed(kept), listed(unknown)]);
      return { outcome: "done" };
    };
    const sweeper = new Sweeper({
      engine: stand.engine,
      auditor: {
        async audit(backendId) {
          asked.push(backendId);
          if (backendId === 3) throw new BerthError("E_TIMEOUT", "no answer");
          const books = booksOf(stand.state, backendId);
          const objects = standing.get(backendId) ?? [];
          return compareBooks(stand.state, backendId, books, { objects, foreign: [] }, books);
        },
      },
      intervalMs: 3_600_000,
      log: silent,
    });
    await sweeper.sweep();
    await until("it is removed", () => stand.state.table("leftover").size === 0);
    await sweeper.sweep();
    expect(asked).toEqual([1, 3, 1, 3]);
    expect(removed).toEqual([north]);
    sweeper.stop();
    await sweeper.sweep();
    expect(asked.length).toBe(4);
    await stand.api.close();
  });

  test("shuts out who was let in again after it was sent away, for as long as a late call is looked for", async () => {
    const stand = await openApiStand();
    const initiator = "iqn.2026-01.test:a";
    const payload = { volume: { size: 1, availability_zone: "north" } };
    const made = JSON.parse((await stand.api.inject({ method: "POST", url: "/v3/p/volumes", payload })).payload);
    const { id }: { id: string } = made.volume;
    await until("it is made", () => stand.state.get("volume", id)?.status === "available");
    const act = async (action: object) =>
      await stand.api.inject({ method: "POST", url: `/v3/p/volumes/${id}/action`, payload: action });
    const connector = { initiator, host: "h1", multipath: false };
    expect((await act({ "os-initialize_connection": { connector } })).statusCode).toBe(200);
    expect((await act({ "os-terminate_connection": { connector } })).statusCode).toBe(202);
    await until("it is disconnected", () => stand.state.get("volume", id)?.status === "available");

    let [asked, nowMs] = [0, Date.now()];
    const sent: unknown[] = [];
    let letIn = [initiator];
    stand.agent = ({ operation }) => {
      if (operation.kind === "attachment.disconnect") sent.push(operation.connector.initiator);
      letIn = [];
      return { outcome: "done" };
    };
    const sweeper = new Sweeper({
      engine: stand.engine,
      auditor: {
        async audit(backendId) {
          asked += 1;
          const books = booksOf(stand.state, backendId);
          return compareBooks(stand.state, backendId, books, { objects: [listed(id, letIn)], foreign: [] }, books);
        },
      },
      intervalMs: 3_600_000,
      log: silent,
      nowMs: () => nowMs,
    });
    await sweeper.sweep();
    await until("it is shut out", () => stand.state.table("attachment").size === 0);
    expect(sent).toEqual([initiator]);
    nowMs += stand.state.settings.tombstoneTtlMs + 60_000;
    await sweeper.sweep();
    expect(asked).toBe(1);
    await stand.api.close();
  });
});
