import { Type } from "typebox";
import { type Access, Connector } from "#shared/model/attachment.ts";
import { parser } from "#shared/schema.ts";
import { plain } from "../rest/body.ts";
import { boolean, type Kind, kind, object, text, word } from "../rest/kinds.ts";
import { refusal } from "../rest/refusal.ts";

const connectors = parser(Connector, "connector");

/** `rw` or `ro`; some clients write the text `null`. */
export const mode: Kind<Access | null> = kind(
  Type.Union([Type.Literal("rw"), Type.Literal("ro"), Type.Literal("null")]),
  "rw or ro",
  (value) => (value === "null" ? null : value),
);

/** What is not said is to write. */
export function accessOf(...asked: readonly (Access | null | undefined)[]): Access {
  return asked.find((one) => one != null) ?? "rw";
}

const names: Kind<string[]> = kind(
  Type.Union([Type.String({ maxLength: 64 }), Type.Array(Type.String({ maxLength: 64 }), { maxItems: 64 })]),
  "a list of names",
  (value) => (typeof value === "string" ? [value] : [...value]),
);

const ConnectorBody = plain({
  host: text,
  ip: text,
  initiator: text,
  multipath: boolean,
  wwpns: names,
  wwnns: names,
  nqn: text,
  os_type: text,
  platform: text,
  "system uuid": text,
  system_uuid: text,
  mode,
  mountpoint: word,
});

/** Which host is to be let in, and what besides it says of how. */
export interface ToldConnector {
  readonly whom: Connector;
  readonly mode: Access | null;
  readonly mountpoint: string | null;
}

/**
 * What a host says of itself; what Berth does not know is let be, at every version. Throws E_BAD_REQUEST if it cannot be
 * told from it who connects, or if it is not what it says to be.
 */
export const connector: Kind<ToldConnector> = object((_name, value) => {
  const given = ConnectorBody.read(value, 0);
  const systemUuid = given["system uuid"] || given.system_uuid || null;
  const whom = {
    host: given.host || null,
    ip: given.ip || null,
    initiator: given.initiator || null,
    multipath: given.multipath ?? false,
    ...(given.wwpns === undefined ? {} : { wwpns: given.wwpns }),
    ...(given.wwnns === undefined ? {} : { wwnns: given.wwnns }),
    ...(given.nqn ? { nqn: given.nqn } : {}),
    ...(given.os_type ? { osType: given.os_type } : {}),
    ...(given.platform ? { platform: given.platform } : {}),
    ...(systemUuid === null ? {} : { systemUuid }),
  };
  if (whom.host === null && whom.ip === null && whom.initiator === null)
    throw refusal("connector must say who connects: initiator, host or ip");
  return { whom: checked(whom), mode: given.mode ?? null, mountpoint: given.mountpoint ?? null };
}, ConnectorBody.schema);

function checked(whom: unknown): Connector {
  const faults = connectors.faults(whom);
  if (faults.length === 0) return connectors.parse(whom);
  throw refusal(
    `connector is not valid (${faults.map(({ path }) => path.slice(1)).join(", ")}): host, ip, nqn, os_type, platform are printable text without spaces, initiator is an iSCSI name (iqn.…, eui.… or naa.…), wwpns and wwnns are at most 64 hexadecimal names`,
  );
}
