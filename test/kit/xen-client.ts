import { Type } from "typebox";
import { parser } from "#shared/schema.ts";
import type { XenStand } from "./xen-stand.ts";

const Records = parser(Type.Record(Type.String(), Type.Array(Type.Record(Type.String(), Type.Unknown()))), "objects");
const Answer = parser(
  Type.Object({ result: Type.Optional(Type.Unknown()), error: Type.Optional(Type.Unknown()) }),
  "an answer",
);
const Refs = parser(Type.Array(Type.String()), "references");
const Text = parser(Type.String(), "text");

/** What a simulated pool tells of itself. */
export function recordsIn(objects: unknown, className: "SR" | "VDI" | "VBD" | "PBD"): Record<string, unknown>[] {
  return Records.parse(objects)[className] ?? [];
}

/** An administrator at the pool, by another client than ours. */
export class XenClient {
  readonly #stand: Pick<XenStand, "ready">;

  constructor(stand: Pick<XenStand, "ready">) {
    this.#stand = stand;
  }

  async call(method: string, params: readonly unknown[]): Promise<unknown> {
    const { username, password } = this.#stand.ready.credentials;
    const session = await this.#post("session.login_with_password", [username, password, "1.0", "admin"]);
    try {
      return await this.#post(method, [session, ...params]);
    } finally {
      // Where another master leads by now, the session is gone.
      await this.#post("session.logout", [session]).catch(() => undefined);
    }
  }

  /** A disk of somebody else's, in the first SR that is not the tools'. */
  async plant(name: string, sizeBytes: number): Promise<void> {
    const srs = parser(Type.Record(Type.String(), Type.Object({ is_tools_sr: Type.Boolean() }))).parse(
      await this.call("SR.get_all_records", []),
    );
    const [sr] = Object.entries(srs).find(([, { is_tools_sr }]) => !is_tools_sr) ?? [];
    const common = { name_description: "", type: "user", sharable: false, read_only: false, other_config: {} };
    await this.call("VDI.create", [{ ...common, name_label: name, SR: sr, virtual_size: sizeBytes }]);
  }

  /** The bytes of a disk, from the beginning on. */
  async write(vdi: string, bytes: Buffer<ArrayBuffer>): Promise<number> {
    return (await this.#bytes("PUT", "import_raw_vdi", vdi, bytes)).status;
  }

  async read(vdi: string): Promise<Buffer> {
    return Buffer.from(await (await this.#bytes("GET", "export_raw_vdi", vdi)).arrayBuffer());
  }

  async #bytes(method: string, handler: string, vdi: string, body?: Buffer<ArrayBuffer>): Promise<Response> {
    const { username, password } = this.#stand.ready.credentials;
    const session = Text.parse(await this.#post("session.login_with_password", [username, password]));
    const query = new URLSearchParams({ session_id: session, vdi, format: "raw" });
    return await fetch(`${this.#stand.ready.address}/${handler}?${query}`, {
      method,
      ...(body === undefined ? {} : { body }),
    });
  }

  async machine(name: string): Promise<string> {
    const [vm] = Refs.parse(await this.call("VM.get_by_name_label", [name]));
    return Text.parse(await this.call("VM.get_uuid", [vm]));
  }

  async forgetClaims(): Promise<void> {
    const [pool] = Refs.parse(await this.call("pool.get_all", []));
    const config = parser(Type.Record(Type.String(), Type.String())).parse(
      await this.call("pool.get_other_config", [pool]),
    );
    const kept = Object.entries(config).filter(([, value]) => !value.startsWith("making"));
    await this.call("pool.set_other_config", [pool, Object.fromEntries(kept)]);
  }

  async #post(method: string, params: readonly unknown[]): Promise<unknown> {
    const response = await fetch(`${this.#stand.ready.address}/jsonrpc`, {
      method: "POST",
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    });
    const { result, error } = Answer.parse(await response.json());
    if (error !== undefined) throw new Error(`${method}: ${JSON.stringify(error)}`);
    return result;
  }
}
