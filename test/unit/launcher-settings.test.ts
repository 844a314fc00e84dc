import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { assertPortsFree } from "#deploy/dev/ports.ts";
import { LOOPBACK, readSettings } from "#deploy/dev/settings.ts";
import { tgtdControlPort, tgtSocketEnvironment } from "#deploy/dev/tgtd.ts";

const ROOT = "/srv/berth";

describe("settings of npm start", () => {
  it("has the documented defaults, and a data folder in the project's", () => {
    const settings = readSettings({}, ROOT, false);
    expect(settings.ports).toEqual({ BERTH_API_PORT: 8776, BERTH_NATS_PORT: 4222, BERTH_ISCSI_PORT: 3260 });
    expect(settings.dataPath).toBe("/srv/berth/.berth");
  });

  it("keeps fake and real data apart, also in a folder of the user's", () => {
    expect(readSettings({}, ROOT, true).dataPath).toBe("/srv/berth/.berth/fake");
    expect(readSettings({ BERTH_DATA: "/data" }, ROOT, false).dataPath).toBe("/data");
    expect(readSettings({ BERTH_DATA: "/data" }, ROOT, true).dataPath).toBe("/data/fake");
    expect(readSettings({ BERTH_DATA: "elsewhere" }, ROOT, false).dataPath).toBe("/srv/berth/elsewhere");
  });

  it.each(["0", "65536", "-1", "80.5", "http", "4222 ", "0x10"])("refuses %j as a port, naming the setting", (text) => {
    expect(() => readSettings({ BERTH_NATS_PORT: text }, ROOT, false)).toThrow(/^BERTH_NATS_PORT must be a port/);
  });

  it("refuses one port for two servers", () => {
    expect(() => readSettings({ BERTH_API_PORT: "4222" }, ROOT, false)).toThrow(/three different ports/);
  });
});

describe("a port that is taken", () => {
  async function takenPort(): Promise<number> {
    const server = createServer().listen(0, LOOPBACK);
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return address.port;
  }

  it("is told in one sentence with the port and the setting that changes it", async () => {
    const port = await takenPort();
    const settings = readSettings({ BERTH_ISCSI_PORT: String(port) }, ROOT, false);
    const free = { ...settings, ports: { ...settings.ports, BERTH_API_PORT: 0, BERTH_NATS_PORT: 0 } };
    await expect(assertPortsFree(free)).rejects.toMatchObject({
      code: "E_PORT_TAKEN",
      message: `port ${port} is taken, and the iSCSI target needs one: set BERTH_ISCSI_PORT to a free port`,
    });
  });

  it("is no matter when fake backends need no iSCSI", async () => {
    const settings = readSettings({ BERTH_ISCSI_PORT: String(await takenPort()) }, ROOT, true);
    await assertPortsFree({ ...settings, ports: { ...settings.ports, BERTH_API_PORT: 0, BERTH_NATS_PORT: 0 } });
  });
});

describe("tgtd", () => {
  it("gets a control port of its own for each iSCSI port, within its 15 bits, never Debian's 0", () => {
    expect(tgtdControlPort(3260)).toBe(3260);
    for (const port of [1, 32_767, 32_768, 32_769, 65_535]) {
      expect(tgtdControlPort(port)).toBeGreaterThan(0);
      expect(tgtdControlPort(port)).toBeLessThanOrEqual(32_767);
    }
  });

  it("has its socket in the data folder for who is not root, and says when that path is too long", () => {
    expect(tgtSocketEnvironment("/data", 0)).toEqual({});
    expect(tgtSocketEnvironment("/data", 1000)).toEqual({ TGT_IPC_SOCKET: "/data/tgtd.socket" });
    expect(() => tgtSocketEnvironment(`/${"long/".repeat(20)}`, 1000)).toThrow(/BERTH_DATA/);
  });
});
