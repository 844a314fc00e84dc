import { type Static, Type } from "typebox";
import { type CallContext, DriverError } from "#agent/drivers/driver.ts";
import { objectOfName } from "#agent/drivers/names.ts";
import type { ObjectMark, SanArray, SanExports, SanObject, SanRef, WantedObject } from "#agent/drivers/san/array.ts";
import { sanService } from "#agent/drivers/san/connect.ts";
import { oursIn, SanDriver } from "#agent/drivers/san/driver.ts";
import { iscsiConnection } from "#agent/drivers/san/iscsi.ts";
import { KeptLook, sumOf } from "#agent/drivers/san/listing.ts";
import { NameTaken } from "#agent/drivers/san/made-once.ts";
import { markText, markUnder } from "#agent/drivers/san/mark.ts";
import type { DriverTools } from "#agent/drivers/tools.ts";
import type { HttpsClient } from "#agent/transport/https/client.ts";
import { sanHttpsFields } from "#shared/drivers/san.ts";
import type { Measurement } from "#shared/model/capacity.ts";
import type { ListPage } from "#shared/model/listing.ts";
import { parser } from "#shared/schema.ts";

const Parameters = Type.Object(sanHttpsFields, { additionalProperties: false });
type Parameters = Static<typeof Parameters>;
const parameters = parser(Parameters, "the parameters");

const Thing = Type.Object({
  name: Type.String(),
  sizeBytes: Type.Number(),
  comment: Type.String(),
  kind: Type.String(),
});
const found = parser(Type.Union([Thing, Type.Null()]));
const listed = parser(
  Type.Object({ things: Type.Array(Thing), capacityBytes: Type.Number(), freeBytes: Type.Number() }),
);

/** The driver of the example's system: this is all that a driver on the SAN base is. */
export function exampleDriver(given: unknown, tools: DriverTools): SanDriver {
  return new SanDriver(new ExampleArray(parameters.parse(given), tools));
}

/** So many characters fit into a comment. */
const COMMENT_LENGTH = 1000;

class ExampleArray implements SanArray {
  readonly namesAreUnique = true;
  readonly #service: HttpsClient;
  readonly #portal: string;
  readonly #look = new KeptLook();

  constructor(given: Parameters, tools: DriverTools) {
    this.#service = sanService(given, tools, { defaultPort: 443, login: "basic" });
    this.#portal = `${given.san_ip}:3260`;
  }

  async open(context: CallContext): Promise<void> {
    await this.#read(context, { call: "List" });
  }

  async close(): Promise<void> {
    await this.#service.close();
  }

  async list(context: CallContext, after: string | null): Promise<ListPage> {
    return await this.#look.page(after, async () =>
      listed.parse(await this.#read(context, { call: "List" })).things.map(objectOf),
    );
  }

  async find(context: CallContext, { name }: SanRef): Promise<SanObject | null> {
    const thing = found.parse(await this.#read(context, { call: "Get", name }));
    return thing === null ? null : objectOf(thing);
  }

  async measure(context: CallContext): Promise<Measurement> {
    const { things, capacityBytes, freeBytes } = listed.parse(await this.#read(context, { call: "List" }));
    return {
      poolId: "example",
      totalBytes: capacityBytes,
      freeBytes,
      ...sumOf(things.map(objectOf)),
      backendLimitBytes: null,
      thin: false,
      costs: { volume: "full", snapshot: "full", clone: "full" },
      maxObjects: null,
      capabilities: ["snapshot", "create-from-snapshot", "clone", "extend", "marks", "connect"],
    };
  }

  createVolume(context: CallContext, wanted: WantedObject) {
    return this.#create(context, wanted, { sizeBytes: wanted.sizeBytes });
  }

  createSnapshot(context: CallContext, wanted: WantedObject, { name }: SanRef) {
    return this.#create(context, wanted, { from: name });
  }

  copyVolume(context: CallContext, wanted: WantedObject, { name }: SanRef) {
    return this.#create(context, wanted, { from: name });
  }

  copySnapshot(context: CallContext, wanted: WantedObject, { name }: SanRef) {
    return this.#create(context, wanted, { from: name });
  }

  async extend(context: CallContext, { name }: SanObject, sizeBytes: number): Promise<void> {
    await this.#change(context, { call: "Resize", name, sizeBytes });
  }

  async remove(context: CallContext, { name }: SanRef, standing: SanObject | null): Promise<void> {
    if (standing !== null) await this.#change(context, { call: "Remove", name });
  }

  async writeMark(context: CallContext, object: SanObject, mark: ObjectMark): Promise<void> {
    const comment = markText(object, mark, COMMENT_LENGTH);
    await this.#change(context, { call: "Comment", name: object.name, comment });
  }

  readonly exports: SanExports = {
    ensure: async (context, volume) => void oursIn(await this.find(context, volume), volume),
    remove: async () => undefined,
    letIn: async (_context, { name }, { multipath }, chap, access) =>
      iscsiConnection({
        ways: [{ portal: this.#portal, iqn: `iqn.2026-01.test.example:${name}`, lun: 0 }],
        chapUser: chap.username,
        access,
        multipath,
      }),
    shutOut: async () => undefined,
  };

  async #create(context: CallContext, wanted: WantedObject, from: object): Promise<null> {
    const { name, kind, mark } = wanted;
    const comment = markText(wanted, mark, COMMENT_LENGTH);
    await this.#change(context, { call: "Create", name, kind, comment, ...from });
    return null;
  }

  async #read(context: CallContext, order: object): Promise<unknown> {
    return await this.#call(context, order, false);
  }

  async #change(context: CallContext, order: object): Promise<void> {
    await this.#call(context, order, true);
  }

  async #call(context: CallContext, order: object, changes: boolean): Promise<unknown> {
    const body = JSON.stringify(order);
    const answer = await this.#service.request(context, { method: "POST", path: "/", name: "call", body, changes });
    if (answer.status === 200) return JSON.parse(answer.body);
    const said = `the system said: ${answer.body}`;
    if (answer.body === "exists") throw new NameTaken(body);
    throw new DriverError(answer.body === "full" ? "no-space" : "not-done", said);
  }
}

function objectOf({ name, sizeBytes, comment }: Static<typeof Thing>): SanObject {
  const mark = markUnder(name, comment);
  return {
    kind: objectOfName(name)?.kind ?? "volume",
    name,
    sizeBytes,
    providerId: null,
    mark,
    unfinished: mark !== null && sizeBytes < mark.sizeBytes,
  };
}
