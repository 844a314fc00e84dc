import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { assertSimulators, introduce, parseReadyLine } from "#deploy/dev/simulators.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

const LINE = {
  name: "shelf",
  address: "https://127.0.0.1:4711",
  control: "http://127.0.0.1:4712",
  backend: { driver: "shelf", parameters: { san_ip: "127.0.0.1", san_password: "file:/password" } },
};

/** An operator's API that knows one backend and one flavor, and notes what it is told to make. */
async function api(parameters: object | null, zoneSettings?: object) {
  const made: unknown[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    if (["POST", "PATCH"].includes(request.method ?? "")) made.push([request.url, JSON.parse(body)]);
    const backends = parameters === null ? [] : [{ name: "north-shelf", parameters }];
    const refused = body.includes('"driver":"refused"');
    response.statusCode = refused ? 400 : 200;
    response.end(
      JSON.stringify(
        refused
          ? { error: { message: "no such driver" } }
          : {
              backends,
              flavors: [{ name: "gold" }],
              zones: [{ name: "north", settings: zoneSettings }],
            },
      ),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return { made, url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}` };
}

test("simulators are those that have a folder; another is refused with their names", () => {
  const root = temporaryFolder();
  for (const name of ["kit", "shelf"]) {
    mkdirSync(join(root, "test/simulators", name), { recursive: true });
    writeFileSync(join(root, "test/simulators", name, "simulator.ts"), "");
  }
  assertSimulators(root, ["shelf"]);
  expect(() => assertSimulators(root, ["shelf", "kit"])).toThrow('there is no simulator "kit"; there are: shelf');
});

test("a line says that a simulator is ready, or it is another", () => {
  expect(parseReadyLine(JSON.stringify({ ...LINE, details: {} }))).toMatchObject(LINE);
  for (const line of ["", "starting", "{", '{"level":30,"msg":"ready"}']) expect(parseReadyLine(line)).toBeNull();
});

describe("the backend on a simulator", () => {
  test("is made with a flavor of the simulator's name", async () => {
    const { url, made } = await api(null);
    await introduce(url, "north", LINE);
    expect(made).toEqual([
      ["/flavors", { name: "shelf", description: "On the simulator shelf" }],
      ["/backends", { ...LINE.backend, flavor: "shelf", zone: "north", name: "north-shelf" }],
    ]);
  });

  test("gets from its zone what it needs there, once, and not in another's place", async () => {
    const line = { ...LINE, zoneSettings: { xenapi_url: "http://127.0.0.1:4711", xenapi_password: "file:/password" } };
    const fresh = await api(null);
    await introduce(fresh.url, "north", line);
    expect(fresh.made[0]).toEqual(["/zones/north", { settings: line.zoneSettings }]);
    const same = await api(line.backend.parameters, { ...line.zoneSettings, xenapi_password: "file:[hidden]" });
    await introduce(same.url, "north", line);
    expect(same.made).toEqual([]);
    const other = await api(null, { xenapi_url: "https://xen1", xenapi_password: "file:[hidden]" });
    await expect(introduce(other.url, "north", line)).rejects.toThrow("says already where its system is");
    expect(other.made).toEqual([]);
  });

  test("stays as it is when it is there, and is not changed behind anybody's back when it is for another place", async () => {
    const same = await api({ san_ip: "127.0.0.1", san_password: "file:[hidden]" });
    await introduce(same.url, "north", LINE);
    expect(same.made).toEqual([]);
    const other = await api({ san_ip: "127.0.0.2", san_password: "file:[hidden]" });
    await expect(introduce(other.url, "north", LINE)).rejects.toThrow("set for another place");
    expect(other.made).toEqual([]);
  });

  test("that the API refuses is told in its words", async () => {
    const { url } = await api(null);
    const line = { ...LINE, backend: { driver: "refused", parameters: {} } };
    await expect(introduce(url, "north", line)).rejects.toThrow("no such driver");
  });
});
