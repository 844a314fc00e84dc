import type { ConnectionInfo } from "#shared/model/attachment.ts";
import type { Sealing } from "#shared/sealed.ts";
import type { HostConnection } from "./drivers/driver.ts";

/** What a driver said of a connection, as it may be sent and kept. */
export function sealedConnection(made: HostConnection, sealingKey: Pick<Sealing, "seal">): ConnectionInfo {
  const { ownChap, ...info } = made;
  if (ownChap === undefined) return info;
  const { username, secret } = ownChap;
  return { ...info, chap: { username, sealedSecret: sealingKey.seal(secret) } };
}
