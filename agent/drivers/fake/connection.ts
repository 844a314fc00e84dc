import type { ConnectionInfo, Connector } from "#shared/model/attachment.ts";
import type { ChapCredentials } from "../driver.ts";
import { type ExportName, targetIqn } from "../names.ts";

/** Addresses that are kept for examples and reach nobody (RFC 5737). */
const NOWHERE = ["192.0.2.1:3260", "192.0.2.2:3260"] as const;

/** As a real one would say it, marked as one that is none. */
export function fakeConnection(
  name: ExportName,
  { multipath }: Connector,
  { username }: ChapCredentials,
): ConnectionInfo {
  const iqn = targetIqn(name);
  const ways = { target_portals: [...NOWHERE], target_iqns: NOWHERE.map(() => iqn), target_luns: NOWHERE.map(() => 1) };
  return {
    driverVolumeType: "iscsi",
    data: {
      fake: true,
      target_discovered: false,
      target_portal: NOWHERE[0],
      target_iqn: iqn,
      target_lun: 1,
      ...(multipath ? ways : {}),
      auth_method: "CHAP",
      auth_username: username,
      access_mode: name.access,
    },
  };
}
