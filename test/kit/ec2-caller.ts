import { XMLParser } from "fast-xml-parser";
import { Type } from "typebox";
import { ec2Edits } from "#scheduler/catalogue/edits.ts";
import type { Ec2Key, Ec2Role } from "#shared/model/ec2.ts";
import { parser } from "#shared/schema.ts";
import { Secret } from "#shared/secret.ts";
import type { ApiStand } from "./api-stand.ts";
import { type Ec2Credentials, signed } from "./ec2-signing.ts";

export type Ec2Parameters = Readonly<Record<string, string | number | boolean>>;

export interface Ec2Reply {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
  /** The code of an error; null: there is none. */
  readonly code: string | null;
  readonly message: string;
  /** What stands in the root; lists (`…Set`, `availabilityZoneInfo`) are arrays. */
  readonly body: Readonly<Record<string, unknown>>;
}

const xml = new XMLParser({
  parseTagValue: false,
  ignoreAttributes: true,
  trimValues: false,
  isArray: (name) => name === "item",
});
const errors = parser(
  Type.Object({
    Response: Type.Object({
      Errors: Type.Object({ Error: Type.Object({ Code: Type.String(), Message: Type.String() }) }),
      RequestID: Type.String(),
    }),
  }),
);

/** A client of the EC2 API over a stand, with a key of its own. */
export class Ec2TestClient {
  readonly #stand: ApiStand;
  readonly credentials: Ec2Credentials;

  private constructor(stand: ApiStand, credentials: Ec2Credentials) {
    this.#stand = stand;
    this.credentials = credentials;
  }

  static async open(stand: ApiStand, projectId = "acme", role: Ec2Role = "member"): Promise<Ec2TestClient> {
    const number = (stand.state.catalogue.catalogue.ec2Keys ?? []).length;
    const credentials = { accessKeyId: `TESTKEY${number}ABCDEFGHIJ`, secretAccessKey: `secret/of+number=${number}` };
    const key: Ec2Key = {
      accessKeyId: credentials.accessKeyId,
      sealedSecret: stand.sealingKey.seal(new Secret(credentials.secretAccessKey)),
      projectId,
      userId: "tester",
      role,
      createdAtMs: stand.nowMs,
    };
    const { catalogue } = stand.state.catalogue;
    await stand.engine.submit("catalogue.changed", ec2Edits.createEc2Key(catalogue, key));
    return new Ec2TestClient(stand, credentials);
  }

  /** As the clients of today: a form. */
  async call(action: string, parameters: Ec2Parameters = {}): Promise<Ec2Reply> {
    const body = form({ Action: action, Version: "2016-11-15", ...parameters });
    return await this.send("POST", "/", body);
  }

  /** Its answer must be no error. */
  async ok(action: string, parameters: Ec2Parameters = {}): Promise<Readonly<Record<string, unknown>>> {
    const reply = await this.call(action, parameters);
    if (reply.code !== null) throw new Error(`${action}: ${reply.code}: ${reply.message}`);
    return reply.body;
  }

  async send(method: "GET" | "POST", target: string, body = "", atMs = this.#stand.nowMs): Promise<Ec2Reply> {
    const type: Record<string, string> = method === "POST" ? { "content-type": FORM } : {};
    const request = { method, target, headers: { host: HOST, ...type }, body };
    const { headers } = signed(request, { credentials: this.credentials, atMs });
    const answer = await this.#stand.api.inject({ method, url: target, headers, payload: body });
    return readReply(answer.statusCode, answer.body, answer.headers);
  }
}

export const HOST = "berth.test:8776";
export const FORM = "application/x-www-form-urlencoded; charset=utf-8";

export function form(parameters: Ec2Parameters): string {
  return new URLSearchParams(
    Object.entries(parameters).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();
}

export function readReply(status: number, text: string, headers: Readonly<Record<string, unknown>>): Ec2Reply {
  const parsed: Record<string, unknown> = xml.parse(text);
  const { "?xml": _, ...roots } = parsed;
  if (errors.check(roots)) {
    const { Code: code, Message: message } = roots.Response.Errors.Error;
    return { status, text, headers, code, message, body: {} };
  }
  const [root = {}] = Object.values(roots);
  return { status, text, headers, code: null, message: "", body: Object(withLists(root)) };
}

/** `<xSet><item>…` is a list, be it empty. */
function withLists(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withLists);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      if (!/(Set|Info|details)$/.test(name)) return [name, withLists(inner)];
      return [name, withLists(Object(inner).item ?? [])];
    }),
  );
}
