import { Connector } from "#shared/model/attachment.ts";
import { parser } from "#shared/schema.ts";
import { BodyFields, isJsonObject, refusal } from "./fields.ts";

const connectors = parser(Connector, "connector");

/**
 * What a host says of itself; null: it said nothing. Clients send much more (wwpns, nqn, platform …), which is let be.
 * Throws E_BAD_REQUEST if it cannot be told from it who connects.
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
  };
  if (connector.host === null && connector.ip === null && connector.initiator === null)
    throw refusal("connector must say who connects: initiator, host or ip");
  if (connectors.check(connector)) return connector;
  throw refusal(
    "connector is not valid: host and ip are printable text without spaces, initiator is an iSCSI name (iqn.…, eui.… or naa.…)",
  );
}

function name(fields: BodyFields, key: string): string | null {
  const text = fields.text(key);
  return text === undefined || text === "" ? null : text;
}
