import { afterEach, beforeEach, expect, test } from "vitest";
import type { Job } from "#shared/model/job.ts";
import { SealingKey } from "#shared/sealed.ts";
import { Secret } from "#shared/secret.ts";
import { type ApiStand, CONNECTION, DONE, openApiStand } from "#test/kit/api-stand.ts";

const HOST = { initiator: "iqn.1993-08.org.debian:01:abc", host: "node-1", ip: "10.0.0.7" };

let stand: ApiStand;
let id: string;
beforeEach(async () => {
  stand = await openApiStand({ connectTimeoutMs: 100 });
  const made = await stand.ask({ method: "POST", url: "/v3/p1/volumes", payload: { volume: { size: 1 } } });
  id = made.json().volume.id;
  await untilStatus("available");
});
afterEach(() => stand.api.close());

function act(body: object, project = "p1") {
  return stand.ask({ method: "POST", url: `/v3/${project}/volumes/${id}/action`, payload: body });
}

function connect(connector: object) {
  return act({ "os-initialize_connection": { connector } });
}

function untilStatus(status: string): Promise<true> {
  return stand.engine.until("volume", id, () => stand.state.get("volume", id)?.status === status || undefined, 2_000);
}

test("connection info comes with a CHAP secret that stands nowhere else", async () => {
  const jobs: Job[] = [];
  stand.agent = (job) => {
    jobs.push(job);
    return { ...DONE, connectionInfo: CONNECTION };
  };
  const answer = await connect({
    ...HOST,
    platform: "x86_64",
    os_type: "linux2",
    multipath: false,
    wwpns: [],
    nqn: null,
  });
  expect(answer.statusCode).toBe(200);
  expect(answer.headers["cache-control"]).toBe("no-store");
  const { driver_volume_type, data } = answer.json().connection_info;
  expect(driver_volume_type).toBe("iscsi");
  expect(data).toMatchObject({
    ...CONNECTION.data,
    volume_id: id,
    access_mode: "rw",
    encrypted: false,
    qos_specs: null,
  });
  expect(data.auth_password).toMatch(/^[A-Za-z0-9]{16}$/);

  const [job] = jobs;
  if (job?.operation.kind !== "attachment.connect") throw new Error("no connect job was sent");
  expect(job.operation.chap.username).toMatch(/^berth-[0-9a-f]{8}$/);
  expect(stand.sealingKey.open(job.operation.chap.sealedSecret).reveal()).toBe(data.auth_password);
  expect(
    JSON.stringify([jobs, [...stand.state.table("volume").values()], [...stand.state.table("attachment").values()]]),
  ).not.toContain(data.auth_password);
  expect(stand.logLines.join("\n")).not.toContain(data.auth_password);
  expect((await stand.ask(`/v3/p1/volumes/${id}`)).json().volume).toMatchObject({
    status: "in-use",
    attachments: [{ id, volume_id: id, host_name: "node-1", server_id: null }],
  });
});

test("where the system has a secret of its own for the host, that is what is told, and it is kept sealed", async () => {
  const own = new Secret("of-the-array-itself");
  const chap = { username: "host-1", sealedSecret: stand.sealingKey.seal(own) };
  const data = { ...CONNECTION.data, auth_method: "CHAP", auth_username: "host-1" };
  stand.agent = () => ({ ...DONE, connectionInfo: { ...CONNECTION, data, chap } });
  const answer = (await connect(HOST)).json().connection_info;
  expect(answer.data).toMatchObject({ auth_username: "host-1", auth_password: own.reveal() });
  expect(JSON.stringify([...stand.state.table("attachment").values()])).not.toContain(own.reveal());
  expect(answer).not.toHaveProperty("chap");

  const [old] = stand.keyFile.keys;
  if (old === undefined) throw new Error("there is no key");
  const fresh = new SealingKey(SealingKey.generate());
  stand.keyFile.keys = [fresh, old];
  await stand.ask({ method: "POST", url: "/berth/v1/keys/rotate", payload: {} });
  stand.keyFile.keys = [fresh];
  expect((await connect(HOST)).json().connection_info.data.auth_password).toBe(own.reveal());
});

test("asked again by the same host it is the same answer", async () => {
  const first = (await connect(HOST)).json();
  expect((await connect(HOST)).json()).toEqual(first);
  expect(stand.state.table("attachment").size).toBe(1);
});

test("another host is refused with 409", async () => {
  await connect(HOST);
  const answer = await connect({ initiator: "iqn.1993-08.org.debian:01:other" });
  expect(answer.statusCode).toBe(409);
  expect(answer.json().conflictingRequest.berth_code).toBe("E_IN_USE");
});

test.each([
  ["no connector", {}],
  ["null", { connector: null }],
  ["a text", { connector: "iqn.x" }],
  ["nobody", { connector: { multipath: true } }],
  ["an initiator that is none", { connector: { initiator: "; rm -rf /" } }],
  ["a host with a line break", { connector: { host: "a\nb" } }],
  ["a host with a space", { connector: { host: "a b" } }],
  ["multipath is a number", { connector: { ...HOST, multipath: 7 } }],
])("a connector that does not say who connects is 400: %s", async (_what, argument) => {
  const answer = await act({ "os-initialize_connection": argument });
  expect(answer.statusCode).toBe(400);
  expect(answer.json().badRequest.message).toMatch(/^(connector|host|multipath)/);
  expect(stand.state.table("attachment").size).toBe(0);
});

test("a host without iSCSI connects by its name", async () => {
  expect((await connect({ host: "node-1", initiator: null })).statusCode).toBe(200);
});

test("what the agent could not do is the answer, with its own words", async () => {
  stand.agent = (job) =>
    job.operation.kind === "attachment.connect" ? { outcome: "not-done", message: "the target is on fire" } : DONE;
  const answer = await connect(HOST);
  expect(answer.statusCode).toBe(500);
  expect(answer.json().computeFault).toMatchObject({
    berth_code: "E_BACKEND_FAILED",
    message: "the target is on fire",
  });
  await untilStatus("available");
});

test("an agent that says nothing is 504 after the limit, and the work goes on", async () => {
  const held: Job[] = [];
  stand.agent = (job) => {
    held.push(job);
    return null;
  };
  const answer = await connect(HOST);
  expect(answer.statusCode).toBe(504);
  expect(answer.json().computeFault.berth_code).toBe("E_TIMEOUT");
  expect(stand.state.get("volume", id)?.status).toBe("attaching");
  expect(held).toHaveLength(1);
});

test("disconnect: one host, or with no connector all; repeated it is done already", async () => {
  for (const argument of [{ connector: HOST }, { connector: null }, {}, null]) {
    await connect(HOST);
    expect((await act({ "os-terminate_connection": argument })).statusCode).toBe(202);
    await untilStatus("available");
    expect((await act({ "os-terminate_connection": argument })).statusCode).toBe(202);
  }
  expect(stand.state.get("volume", id)?.chap).toBeNull();
});

test("a volume of another project is 404", async () => {
  expect((await act({ "os-initialize_connection": { connector: HOST } }, "p2")).statusCode).toBe(404);
});
