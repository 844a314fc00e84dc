import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
beforeEach(async () => {
  stand = await openApiStand();
});
afterEach(() => stand.api.close());

async function scrape(): Promise<string[]> {
  const answer = await stand.api.inject("/metrics");
  expect(answer.statusCode).toBe(200);
  expect(answer.headers["content-type"]).toContain("text/plain");
  return answer.body.split("\n");
}

async function create(size: number): Promise<string> {
  const answer = await stand.api.inject({ method: "POST", url: "/v3/p1/volumes", payload: { volume: { size } } });
  return answer.json().volume.id;
}

function settled(id: string, status: string): Promise<true> {
  return stand.engine.until("volume", id, () => stand.state.get("volume", id)?.status === status || undefined, 2_000);
}

test("what is there is counted as it is", async () => {
  await settled(await create(10), "available");
  await settled(await create(5000), "error");
  await stand.reportDown(3, "gone");
  stand.nowMs += 2500;
  const lines = await scrape();
  for (const line of [
    'berth_volumes{status="available"} 1',
    'berth_volumes{status="error"} 1',
    "berth_volumes_waiting 0",
    "berth_leading 1",
    "berth_snapshots 0",
    'berth_agents{zone="north",state="up"} 1',
    'berth_agents{zone="north",state="down"} 0',
    'berth_backend_up{backend="store-1",zone="north"} 1',
    'berth_backend_up{backend="store-3",zone="south"} 0',
    'berth_backend_report_age_seconds{backend="store-1",zone="north"} 2.5',
    'berth_backend_total_gib{backend="store-1",zone="north"} 100',
    'berth_backend_available_gib{backend="store-1",zone="north"} 90',
    'berth_jobs_in_hand{backend="store-1",zone="north"} 0',
    'berth_placements_total{result="placed"} 1',
    'berth_placements_total{result="none"} 1',
    'berth_placement_refusals_total{reason="not-enough-free"} 3',
    'berth_operations_total{operation="volume.create",outcome="done"} 1',
    'berth_operations_total{operation="volume.place",outcome="no-placement"} 1',
    'berth_http_request_duration_seconds_count{method="POST",route="/v3/:project/volumes",status="202"} 2',
    `berth_ledger_sequence ${stand.engine.durableSeq}`,
  ])
    expect(lines).toContain(line);
});

test("what is no more is no more", async () => {
  const id = await create(1);
  await settled(id, "available");
  expect(await scrape()).toContain('berth_volumes{status="available"} 1');
  await stand.api.inject({ method: "DELETE", url: `/v3/p1/volumes/${id}` });
  await stand.engine.until("volume", id, () => stand.state.get("volume", id) === undefined || undefined, 2_000);
  expect((await scrape()).filter((line) => line.startsWith("berth_volumes{"))).toEqual([]);
});

test("an infinite capacity has no number", async () => {
  await stand.report(1, { totalBytes: "infinite", freeBytes: "infinite" });
  expect((await scrape()).filter((line) => line.startsWith('berth_backend_total_gib{backend="store-1"'))).toEqual([]);
});

test("paths of users make no series of their own", async () => {
  for (const path of ["/v3/a/volumes/1", "/v3/b/volumes/2", "/nothing/at/all", "/nothing/else"])
    await stand.api.inject(path);
  const routes = (await scrape()).flatMap((line) => /_count\{.*route="([^"]+)"/.exec(line)?.[1] ?? []);
  expect(routes.sort()).toEqual(["/v3/:project/volumes/:id", "unknown"]);
});

test("every metric says what it is", async () => {
  const lines = await scrape();
  const names = new Set(lines.flatMap((line) => /^# TYPE (\S+)/.exec(line)?.[1] ?? []));
  expect(names.size).toBeGreaterThanOrEqual(16);
  for (const name of names) expect(lines.some((line) => line.startsWith(`# HELP ${name} `))).toBe(true);
});

test("of audits: when each backend was looked at, what was found, and what was put right", async () => {
  const inSeries = async () =>
    (await scrape()).filter((line) => /^berth_(audit|backend_(last|orph|miss|diff|expo))/.test(line)).sort();
  expect(await inSeries()).toEqual([]);
  const missing = await create(1);
  await settled(missing, "available");
  const mark = { projectId: "p", flavorName: "gold", name: "" };
  const facts = { sizeBytes: 1024 ** 3, mark, whole: true, ageMs: 7_200_000, providerId: null, properties: {} };
  const objects = [1, 2].map((n) => {
    const id = `00000000-0000-4000-8000-00000000000${n}`;
    return { kind: "volume" as const, id, volumeId: id, ...facts };
  });
  stand.listing = async () => ({ objects, foreign: [] });
  stand.agent = () => null;
  const payload = { olderThanMs: 0, ids: objects.map(({ id }) => id) };
  const repair = await stand.api.inject({ method: "POST", url: "/berth/v1/backends/store-1/audit/repair", payload });
  expect(repair.json().done.length).toBe(2);
  expect(await inSeries()).toEqual(
    [
      `berth_backend_last_audit_timestamp_seconds{backend="store-1",zone="north"} ${stand.nowMs / 1000}`,
      'berth_backend_orphans{backend="store-1",zone="north"} 2',
      'berth_backend_missing{backend="store-1",zone="north"} 1',
      'berth_backend_differing{backend="store-1",zone="north"} 0',
      'berth_backend_exposed{backend="store-1",zone="north"} 0',
      'berth_audit_orphans_removed_total{backend="store-1",zone="north"} 2',
    ].sort(),
  );
});
