import { join } from "node:path";
import { Type } from "typebox";
import { parser } from "#shared/schema.ts";
import { startHttpServer } from "#test/simulators/kit/http-server.ts";
import type { SimulatorKind } from "#test/simulators/kit/simulator.ts";
import { StateFile } from "#test/simulators/kit/state-file.ts";

const Thing = Type.Object({
  name: Type.String(),
  sizeBytes: Type.Number(),
  comment: Type.String(),
  kind: Type.String(),
});
const things = parser(Type.Array(Thing));
const call = parser(
  Type.Object({
    call: Type.String(),
    name: Type.Optional(Type.String()),
    from: Type.Optional(Type.String()),
    kind: Type.Optional(Type.String()),
    sizeBytes: Type.Optional(Type.Number()),
    comment: Type.Optional(Type.String()),
  }),
);

class Refused extends Error {}

/** The smallest storage system that there can be, to hold the SAN base and the suite itself to what they say. */
export const simulator: SimulatorKind = {
  name: "example",
  title: "keeps names, sizes and comments",
  faults: [],
  async start({ desk, port, dataFolder, capacityGib }) {
    const state = await StateFile.open(join(dataFolder, "state.json"), things, []);
    const password = "example-password";
    const capacityBytes = capacityGib * 1024 ** 3;
    const used = (): number => state.value.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const named = (name: string) => state.value.find((thing) => thing.name === name);
    const existing = (name = "") => {
      const found = named(name);
      if (found === undefined) throw new Refused("missing");
      return found;
    };
    const take = (name: string, bytes: number): void => {
      if (used() + bytes > capacityBytes || desk.faults.take("full", name) !== null) throw new Refused("full");
    };

    const perform = async (order: ReturnType<typeof call.parse>): Promise<unknown> => {
      const { name = "", kind = "volume", comment = "" } = order;
      switch (order.call) {
        case "Create": {
          if (named(name) !== undefined) throw new Refused("exists");
          const sizeBytes = order.from === undefined ? (order.sizeBytes ?? 0) : existing(order.from).sizeBytes;
          take("Create", sizeBytes);
          state.value.push({ name, sizeBytes, comment, kind });
          break;
        }
        case "Resize": {
          const thing = existing(name);
          take("Resize", (order.sizeBytes ?? 0) - thing.sizeBytes);
          thing.sizeBytes = order.sizeBytes ?? 0;
          break;
        }
        case "Comment":
          existing(name).comment = comment;
          break;
        case "Remove":
          state.value.splice(state.value.indexOf(existing(name)), 1);
          break;
        case "Get":
          return named(name) ?? null;
        case "List":
          return { things: state.value, capacityBytes, freeBytes: capacityBytes - used() };
        default:
          throw new Refused(`no call ${order.call}`);
      }
      await state.saved();
      return null;
    };

    const server = await startHttpServer({
      desk,
      dataFolder,
      port,
      tls: true,
      async handle({ body, headers }) {
        const login = `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`;
        if (headers.authorization !== login || desk.faults.take("auth") !== null)
          return { kind: "answer", value: { status: 401, body: "" } };
        const order = call.parse(JSON.parse(String(body)));
        const served = await desk.serve(order.call, async () => {
          try {
            return { status: 200, body: JSON.stringify(await perform(order)) };
          } catch (error) {
            if (error instanceof Refused) return { status: 409, body: error.message };
            throw error;
          }
        });
        return served.kind === "refused" ? { kind: "answer", value: { status: 503, body: "busy" } } : served;
      },
    });
    return {
      ready: {
        name: "example",
        address: server.url,
        credentials: { login: "admin", password },
        backend: {
          driver: "example",
          parameters: { san_ip: "127.0.0.1", san_login: "admin", san_api_port: server.port },
        },
        details: { certificateFile: server.certificate?.certificateFile ?? "" },
      },
      faults: desk.faults,
      objects: () => state.value,
      close: () => server[Symbol.asyncDispose](),
    };
  },
};
