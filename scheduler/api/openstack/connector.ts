import { type Access, Connector } from "#shared/model/attachment.ts";
import { parser } from "#shared/schema.ts";
import { BodyFields, isJsonObject, refusal } from "./fields.ts";

const connectors = parser(Connector, "connector");

/**
 * What a host says of itself; null: it said nothing. What Berth does not know is let be.
 * Throws E_BAD_REQUEST if it cannot be told from it who connects, or if it is not what it says to be.
 */
export function readConnector(value: unknown): Connector | null {
  if (value === undefined || value === null) return null;
  if (!isJsonObject(value)) throw refusal("connector must be an object with the host's initiator, host or ip");
  const fields = new BodyFields(value);
  const connector = {
    host: name(fields, "host"),
    ip: name(fields, "ip"),
    initiator: name(fields, "initiator"),
    multipath: fields.boolean("multipath"),
    ...given("wwpns", names(value.wwpns)),
    ...given("wwnns", names(value.wwnns)),
    ...given("nqn", name(fields, "nqn")),
    ...given("osType", name(fields, "os_type")),
    ...given("platform", name(fields, "platform")),
    ...given("systemUuid", name(fields, "system uuid") ?? name(fields, "system_uuid")),
  };
  if (connector.host === null && connector.ip === null && connector.initiator === null)
    throw refusal("connector must say who connects: initiator, host or ip");
  const faults = connectors.faults(connector);
  if (faults.length === 0) return connectors.parse(connector);
  throw refusal(
    `connector is not valid (${faults.map(({ path }) => path.slice(1)).join(", ")}): host, ip, nqn, os_type, platform are printable text without spaces, initiator is an iSCSI name (iqn.…, eui.… or naa.…), wwpns and wwnns are at most 64 hexadecimal names`,
  );
}

/** `rw` or `ro`; absent: what the connector says, or to write. */
export function readMode(fields: BodyFields, connector: unknown): Access {
  const own = isJsonObject(connector) ? new BodyFields(connector).text("mode") : undefined;
  const mode = fields.text("mode") ?? own;
  if (mode === undefined || mode === "null" || mode === "rw") return "rw";
  if (mode === "ro") return "ro";
  throw refusal(`mode must be rw or ro, not ${JSON.stringify(mode.slice(0, 20))}`);
}

/** A place in a machine's file tree, or a server's id: bounded text without spaces. */
export function readWord(fields: BodyFields, key: string): string | null {
  const text = name(fields, key);
  if (text === null || /^[\x21-\x7e]+$/.test(text)) return text;
  throw refusal(`${key} is printable text without spaces`);
}

function name(fields: BodyFields, key: string): string | null {
  const text = fields.text(key);
  return text === undefined || text === "" ? null : text;
}

function names(value: unknown): string[] | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return [value];
  if (!Array.isArray(value)) throw refusal("wwpns and wwnns must be lists of names");
  return value.map(String);
}

function given<K extends string, V>(key: K, value: V | null): { readonly [P in K]?: V } {
  const field: { [P in K]?: V } = {};
  if (value !== null) field[key] = value;
  return field;
}
