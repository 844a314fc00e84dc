import { afterEach, beforeEach, expect, test } from "vitest";
import { failoverAnswers } from "#scheduler/api/operator/failover-schemas.ts";
import { checkCatalogue } from "#scheduler/catalogue/check.ts";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";
import { backendOf, sampleCatalogue } from "#test/kit/catalogue.ts";

let stand: ApiStand;
beforeEach(async () => {
  stand = await openApiStand();
});
afterEach(() => stand.api.close());

async function ask(method: "GET" | "POST" | "PUT" | "PATCH", url: string, payload?: object) {
  const answer = await stand.api.inject({ method, url, ...(payload === undefined ? {} : { payload }) });
  return { status: answer.statusCode, body: answer.body === "" ? null : answer.json() };
}

const host = (): string => `berth@${stand.state.backend(1)?.name}`;
const service = async () => (await ask("GET", `/v3/p1/os-services?host=${host()}`)).body.services[0];

test("freezes and thaws a backend in both APIs' words", async () => {
  const frozen = await ask("POST", "/berth/v1/backends/1/freeze", { reason: "firmware" });
  expect(frozen.status).toBe(200);
  expect(failoverAnswers.parse(frozen.body)).toMatchObject({ side: "default", frozen: { reason: "firmware" } });
  expect(await service()).toMatchObject({ frozen: true, active_backend_id: null, replication_status: "disabled" });
  expect((await ask("PUT", "/v3/p1/os-services/thaw", { host: host() })).status).toBe(200);
  expect(await service()).toMatchObject({ frozen: false });
  expect((await ask("GET", "/berth/v1/backends/1/history")).body.entries).toMatchObject([
    { operation: "backend.freeze", result: "done" },
    { operation: "backend.thaw", result: "done" },
  ]);
});

test("refuses a failover where there is nothing to go to", async () => {
  const refused = await ask("POST", "/berth/v1/backends/1/failover", { to: "dr" });
  expect(refused).toMatchObject({ status: 409, body: { error: { code: "E_CONFLICT" } } });
  expect((await ask("PUT", "/v3/p1/os-services/failover_host", { host: host() })).status).toBe(400);
  const unknown = await ask("PUT", "/v3/p1/os-services/failover_host", { host: "berth@nobody", backend_id: "dr" });
  expect([unknown.status, unknown.body.badRequest.message]).toEqual([400, "Host 'berth@nobody' not found."]);
});

test("targets are checked with the catalogue, by the driver's own schema", () => {
  const faultsOf = (driver: string, parameters: Record<string, string>) => {
    const sample = sampleCatalogue();
    const own = driver === "fake" ? { driver, parameters: { capacity_gib: 1 } } : {};
    const first = { ...backendOf(1, own), replicationTargets: [{ name: "dr", parameters }] };
    return checkCatalogue({ ...sample, backends: [first, ...sample.backends.slice(1)] });
  };
  expect(faultsOf("file", {})).toMatchObject([{ path: "/backends/0/replicationTargets" }]);
  expect(faultsOf("file", {})[0]?.message).toContain("cannot mirror");
  expect(faultsOf("fake", { statepath: "/srv/dr" })).toMatchObject([
    { path: "/backends/0/replicationTargets/0/parameters/statepath", message: expect.stringContaining("state_path") },
  ]);
  expect(faultsOf("fake", { state_path: "/srv/dr" })).toEqual([]);
});
