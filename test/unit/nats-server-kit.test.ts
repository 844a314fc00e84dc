import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { natsServerMissing, startNatsServer } from "#test/kit/nats-server.ts";

describe.skipIf(natsServerMissing() !== null)("the tests' nats-server", () => {
  it("is there when it says so, comes back on its port after a crash, and leaves nothing", async () => {
    let storeDir = "";
    let pid = 0;
    {
      await using server = await startNatsServer();
      const { port } = server;
      const first = server.pid;
      await server.restart("SIGKILL");
      expect(server.port).toBe(port);
      expect(server.pid).not.toBe(first);
      ({ storeDir, pid } = server);
      expect(existsSync(storeDir)).toBe(true);
      process.kill(pid, 0);
    }
    expect(existsSync(storeDir)).toBe(false);
    expect(() => process.kill(pid, 0)).toThrow();
  });

  it("tells why it did not come up", async () => {
    await using server = await startNatsServer();
    await expect(startNatsServer({ port: server.port })).rejects.toThrow(/address already in use|did not come up/);
  });
});
