import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, test, vi } from "vitest";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { iscsiMissing } from "#test/kit/tgtd.ts";
import { DataFiles } from "#test/simulators/kit/data-files.ts";
import { Desk } from "#test/simulators/kit/desk.ts";
import type { SimulatorKind, SimulatorOptions } from "#test/simulators/kit/simulator.ts";
import { startSimulator } from "#test/simulators/kit/start.ts";

const run = promisify(execFile);

/** A simulator of nothing: the kit around it is what is looked at. */
function nothing(onStart: (options: SimulatorOptions) => unknown = () => undefined): SimulatorKind {
  return {
    name: "nothing",
    title: "has nothing",
    faults: [{ name: "odd", title: "something of its own" }],
    async start(options) {
      onStart(options);
      return {
        ready: {
          name: "nothing",
          address: "127.0.0.1:1",
          credentials: {},
          backend: { driver: "fake", parameters: {} },
          details: {},
        },
        faults: options.desk.faults,
        objects: () => ({ volumes: [] }),
        close: async () => undefined,
      };
    },
  };
}

describe("a simulator's desk", () => {
  test("counts calls by name, and the most at once", async () => {
    const desk = new Desk();
    const calls = [1, 2, 3].map(() => desk.serve("Create", () => Promise.resolve()));
    await Promise.all(calls);
    await desk.serve("Delete", () => undefined);
    expect(desk.calls.report()).toMatchObject({
      byMethod: { Create: 3, Delete: 1 },
      total: 4,
      inFlight: 0,
      highWater: 3,
    });
    desk.calls.reset();
    expect(desk.calls.report()).toMatchObject({ byMethod: {}, highWater: 0 });
  });

  test("tells how long calls took by name, and how long any was there, however many at once", () => {
    const { calls } = new Desk();
    let nowMs = 1000;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => nowMs);
    const later = (ms: number, act: () => void): void => {
      nowMs += ms;
      act();
    };
    const [first, second] = [calls.enter("Create"), calls.enter("Create")];
    later(10, first);
    later(20, second);
    const third = calls.enter("Delete");
    later(5, first);
    expect(calls.report()).toMatchObject({
      timesByMethod: { Create: { totalMs: 40, worstMs: 30 } },
      busyMs: 35,
    });
    calls.reset();
    later(7, third);
    nowMs += 100;
    expect(calls.report()).toMatchObject({ timesByMethod: { Delete: { totalMs: 12, worstMs: 12 } }, busyMs: 7 });
    clock.mockRestore();
  });

  test("a fault strikes the calls it names, after those it passes over, as often as it is told", async () => {
    const desk = new Desk();
    desk.faults.set("refuse", { methods: ["Create"], skip: 1, times: 2 });
    const kinds = [];
    for (const method of ["Delete", "Create", "Create", "Create", "Create"])
      kinds.push((await desk.serve(method, () => "made")).kind);
    expect(kinds).toEqual(["answer", "answer", "refused", "refused", "answer"]);
    expect(desk.faults.struck("refuse")).toBe(2);
  });

  test("a lost answer is of a call that was done; what is cut, or hangs, is not done", async () => {
    const desk = new Desk();
    const done: string[] = [];
    for (const fault of ["lost-answer", "cut", "hang"]) {
      desk.faults.set(fault, { times: 1 });
      await desk.serve(fault, () => done.push(fault));
    }
    expect(done).toEqual(["lost-answer"]);
  });

  test("more calls at once than its limit are refused", async () => {
    const desk = new Desk();
    desk.faults.set("limit", { value: 2 });
    const calls = [1, 2, 3].map(() => desk.serve("Create", () => Promise.resolve()));
    expect((await Promise.all(calls)).map(({ kind }) => kind)).toEqual(["answer", "answer", "refused"]);
  });
});

test("its control door switches faults, tells calls and objects, and refuses what it does not know", async () => {
  await using simulator = await startSimulator(nothing(), { dataFolder: temporaryFolder(), iscsi: false });
  const { control } = simulator.ready;
  const put = (name: string, body: string) => fetch(`${control}/faults/${name}`, { method: "PUT", body });
  expect(await (await put("odd", '{"times":2}')).json()).toEqual({ times: 2, struck: 0 });
  expect(simulator.desk.faults.take("odd")).toEqual({ times: 2 });
  expect((await put("odder", "")).status).toBe(404);
  expect((await put("odd", '{"tims":2}')).status).toBe(400);
  await fetch(`${control}/faults/odd`, { method: "DELETE" });
  expect(simulator.desk.faults.take("odd")).toBeNull();

  await simulator.desk.serve("List", () => undefined);
  expect(await (await fetch(`${control}/calls`)).json()).toMatchObject({ byMethod: { List: 1 } });
  await fetch(`${control}/calls`, { method: "DELETE" });
  expect(simulator.desk.calls.report().total).toBe(0);
  expect(await (await fetch(`${control}/objects`)).json()).toEqual({ volumes: [] });
});

describe.skipIf(iscsiMissing() !== null)("a simulator's portal", () => {
  const iqn = "iqn.2010-01.example.simulator:v1";
  const initiator = "iqn.2026-01.test.host:h1";
  const chap = { username: "account", secret: "a-long-secret" };

  test("serves a file at LUN 0, with CHAP, to who is let in, and its copy has the same bytes", async () => {
    const given: SimulatorOptions[] = [];
    const dataFolder = temporaryFolder();
    await using _simulator = await startSimulator(
      nothing((options) => given.push(options)),
      { dataFolder },
    );
    const iscsi = given[0]?.iscsi;
    if (!iscsi) throw new Error("there is no portal");
    const files = await DataFiles.open(dataFolder);
    await files.setSize("v1", 16 * 1024 ** 2);
    const units = [{ lun: 0, path: files.path("v1") }];
    await iscsi.ensure({ iqn, units, chap, initiators: [initiator] });
    await iscsi.ensure({ iqn, units, chap, initiators: [initiator] });

    const qemuIo = async (name: string, password: string, who: string, command: string) => {
      const image = `driver=raw,file.driver=iscsi,file.transport=tcp,file.portal=${iscsi.portal},file.target=${name},file.lun=0,file.user=${chap.username},file.password-secret=s,file.initiator-name=${who}`;
      return await run("qemu-io", ["--object", `secret,id=s,data=${password}`, "--image-opts", image, "-c", command]);
    };
    await qemuIo(iqn, chap.secret, initiator, "write -P 0x5a 1M 64k");
    await expect(qemuIo(iqn, "a-wrong-secret", initiator, "read 0 512")).rejects.toThrow();
    await expect(qemuIo(iqn, chap.secret, "iqn.2026-01.test.host:h2", "read 0 512")).rejects.toThrow();

    const copyIqn = `${iqn}-copy`;
    await files.copy("v1", "v2");
    await iscsi.ensure({ iqn: copyIqn, units: [{ lun: 0, path: files.path("v2") }], chap, initiators: null });
    const { stdout } = await qemuIo(copyIqn, chap.secret, initiator, "read -P 0x5a 1M 64k");
    expect(stdout).not.toContain("Pattern verification failed");
    // The account of both is still good for the first.
    await qemuIo(iqn, chap.secret, initiator, "read -P 0x5a 1M 64k");
    await iscsi.remove(copyIqn);
    await expect(qemuIo(copyIqn, chap.secret, initiator, "read 0 512")).rejects.toThrow();
    await qemuIo(iqn, chap.secret, initiator, "read -P 0x5a 1M 64k");
  });
});
