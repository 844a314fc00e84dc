import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { findProgram } from "#shared/die-with-parent.ts";
import { gibToBytes } from "#shared/units.ts";
import { until } from "#test/kit/until.ts";
import { recordsIn, XenClient } from "#test/kit/xen-client.ts";
import { XenStand } from "#test/kit/xen-stand.ts";

const run = promisify(execFile);

/** What the pool's XML-RPC clients do (Python's standard library has one): each value with the type that it came as. */
const PYTHON = `
import json, ssl, sys, xmlrpc.client
url, user, password = sys.argv[1:4]
server = xmlrpc.client.ServerProxy(url, context=ssl._create_unverified_context() if url.startswith("https") else None)
def call(name, *params):
    answer = getattr(server, name)(*params)
    if answer["Status"] != "Success": return answer["ErrorDescription"]
    return answer["Value"]
session = call("session.login_with_password", user, password, "1.0", "python")
host = call("host.get_all", session)[0]
sr = call("SR.create", session, host, {"server": "s", "serverpath": "/p"}, "0", "toybox", "", "nfs", "user", True, {})
record = dict(name_label="a & <b> \\U0001f6a2", name_description="", SR=sr, virtual_size=str(3 * 1024 ** 3), type="User",
    sharable=False, read_only=False, other_config={"k": "v"}, xenstore_data={}, sm_config={}, tags=[])
vdi = call("VDI.create", session, record)
task = call("Async.VDI.clone", session, vdi, {})
token, status = "", "pending"
while status == "pending":
    batch = call("event.from", session, ["task/" + task], token, 5.0)
    token, status = batch["token"], batch["events"][-1]["snapshot"]["status"]
out = {
    "vdi": call("VDI.get_record", session, vdi),
    "sr": call("SR.get_record", session, sr),
    "task": call("task.get_record", session, task),
    "snapshot_time": type(call("VDI.get_snapshot_time", session, vdi)).__name__,
    "empty": call("VDI.get_by_name_label", session, "nobody"),
    "void": call("SR.scan", session, sr),
    "failure": call("SR.forget", session, sr),
    "duplicate": call("VDI.add_to_other_config", session, vdi, "k", "w"),
    "arity": call("VDI.snapshot", session),
    "unknown": call("VDI.fly", session, vdi),
    "session": call("VDI.get_all", "OpaqueRef:nobody"),
    "where": len(call("VDI.get_all_records_where", session, 'field "SR"="%s" and field "managed"="true"' % sr)),
}
print(json.dumps(out, default=str))
`;

describe("the simulated pool", () => {
  test.skipIf(findProgram("python3") === null).each(["http", "https"])(
    "answers XML-RPC over %s as XenAPI types its values",
    async (scheme) => {
      const stand = await XenStand.start();
      const script = join(stand.folder, "client.py");
      writeFileSync(script, PYTHON);
      const { username = "", password = "" } = stand.ready.credentials;
      const url = scheme === "http" ? stand.ready.address : stand.detail("https");
      const { stdout } = await run("python3", [script, url, username, password], { timeout: 30_000 });
      const told: unknown = JSON.parse(stdout);
      expect(told).toMatchObject({
        vdi: {
          name_label: "a & <b> \u{1f6a2}",
          virtual_size: String(gibToBytes(3)),
          type: "user",
          managed: true,
          other_config: { k: "v" },
          snapshot_of: "OpaqueRef:NULL",
        },
        sr: { physical_size: String(gibToBytes(100)), virtual_allocation: String(gibToBytes(6)), shared: true },
        task: { status: "success", progress: 1, result: expect.stringMatching(/^<value>OpaqueRef:.*<\/value>$/) },
        snapshot_time: "DateTime",
        empty: [],
        void: "",
        failure: ["SR_HAS_PBD", expect.any(String)],
        duplicate: ["MAP_DUPLICATE_KEY", "VDI", "other_config", expect.any(String), "k"],
        arity: ["MESSAGE_PARAMETER_COUNT_MISMATCH", "VDI.snapshot", "3", "1"],
        unknown: ["MESSAGE_METHOD_UNKNOWN", "VDI.fly"],
        session: ["SESSION_INVALID", "OpaqueRef:nobody"],
        where: 2,
      });
    },
  );

  test("answers JSON-RPC 1.0 and 2.0, and what is no call with HTTP 500", async () => {
    const stand = await XenStand.start();
    const post = (body: unknown, path = "/jsonrpc") =>
      fetch(`${stand.ready.address}${path}`, { method: "POST", body: JSON.stringify(body) });
    const login = { method: "session.login_with_password", params: ["root", "wrong"], id: 7 };
    const second = await post({ ...login, jsonrpc: "2.0" });
    expect(second.headers.get("content-type")).toBe("application/json");
    const failed = ["SESSION_AUTHENTICATION_FAILED", "root", "Authentication failure"];
    const [message, ...data] = failed;
    expect(await second.json()).toEqual({ jsonrpc: "2.0", error: { code: 1, message, data }, id: 7 });
    expect(await (await post(login)).json()).toEqual({ result: null, error: failed, id: 7 });
    for (const broken of [{ ...login, id: null }, { ...login, params: {} }, "no call"]) {
      const answer = await post(broken);
      expect([answer.status, answer.headers.get("content-type")]).toEqual([500, "text/html"]);
    }
    expect((await post(login, "/elsewhere")).status).toBe(404);
  });

  test("says at every other host who the master is", async () => {
    const stand = await XenStand.start();
    const { port } = new URL(stand.ready.address);
    for (const address of ["127.0.0.2", "127.0.0.3"]) {
      const answer = await fetch(`http://${address}:${port}/jsonrpc`, {
        method: "POST",
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "session.login_with_password", params: ["root", "x"] }),
      });
      expect(await answer.json()).toMatchObject({ error: { message: "HOST_IS_SLAVE", data: ["127.0.0.1"] } });
    }
  });

  test("keeps what stands through a restart, and what its storage holds through SR.forget", async () => {
    const stand = await XenStand.start();
    const admin = new XenClient(stand);
    const [host] = Object.keys(Object(await admin.call("host.get_all_records", [])));
    const config = { server: "s", serverpath: "/p" };
    const sr = await admin.call("SR.create", [host, config, 0, "toybox", "", "nfs", "user", true, {}]);
    await admin.plant("disk", gibToBytes(1));
    const uuid = await admin.call("SR.get_uuid", [sr]);
    const [vdi] = recordsIn(stand.objects, "VDI");
    await stand.restart();
    expect(recordsIn(stand.objects, "VDI")).toEqual([vdi]);
    for (const pbd of Object(await admin.call("SR.get_PBDs", [sr]))) await admin.call("PBD.unplug", [pbd]);
    await admin.call("SR.forget", [sr]);
    expect(recordsIn(stand.objects, "VDI")).toEqual([]);
    expect(await admin.call("SR.probe", [host, config, "nfs", {}])).toContain(`<UUID>${uuid}</UUID>`);
    const again = await admin.call("SR.introduce", [uuid, "toybox", "", "nfs", "user", true, {}]);
    const pbd = await admin.call("PBD.create", [{ host, SR: again, device_config: config, other_config: {} }]);
    await admin.call("PBD.plug", [pbd]);
    // Files have no names: only the uuid is still known.
    expect(recordsIn(stand.objects, "VDI")).toMatchObject([{ uuid: vdi?.uuid, name_label: "", other_config: {} }]);
  });

  test("rounds VHDs up, refuses to shrink them, and shows base copies until they are coalesced", async () => {
    const stand = await XenStand.start({ capacityGib: 1 });
    const admin = new XenClient(stand);
    const [host] = Object.keys(Object(await admin.call("host.get_all_records", [])));
    const sr = await admin.call("SR.create", [host, { device: "/dev/sdb" }, 0, "local", "", "lvm", "user", false, {}]);
    const create = (bytes: number) =>
      admin.call("VDI.create", [
        {
          name_label: "v",
          name_description: "",
          SR: sr,
          virtual_size: bytes,
          type: "user",
          sharable: false,
          read_only: false,
          other_config: {},
        },
      ]);
    const vdi = await create(3 * 1024 ** 2 + 1);
    expect(await admin.call("VDI.get_virtual_size", [vdi])).toBe(4 * 1024 ** 2);
    await expect(admin.call("VDI.resize", [vdi, 1024])).rejects.toThrow(/SR_BACKEND_FAILURE_79.*shrinking not allowed/);
    await expect(create(gibToBytes(2041))).rejects.toThrow("SR_BACKEND_FAILURE_79");
    await expect(create(gibToBytes(1))).rejects.toThrow("SR_BACKEND_FAILURE_44");
    stand.desk.faults.set("coalesce-stalled");
    const snapshot = await admin.call("VDI.snapshot", [vdi, {}]);
    const hidden = () => recordsIn(stand.objects, "VDI").filter(({ managed }) => managed === false);
    expect(hidden()).toMatchObject([{ name_label: "base copy" }]);
    const [base] = Object(await admin.call("VDI.get_by_name_label", ["base copy"]));
    await expect(admin.call("VDI.destroy", [base])).rejects.toThrow("VDI_NOT_MANAGED");
    await admin.call("VDI.destroy", [snapshot]);
    expect(hidden()).toHaveLength(1);
    stand.desk.faults.clear("coalesce-stalled");
    await admin.call("SR.scan", [sr]);
    await until("it is coalesced", () => hidden().length === 0);
  });
});
