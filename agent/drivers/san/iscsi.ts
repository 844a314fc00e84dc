import type { Access, ConnectionInfo } from "#shared/model/attachment.ts";
import { DriverError } from "../driver.ts";

/** One way to a volume. */
export interface IscsiWay {
  /** `host:port`, an IPv6 address in brackets. */
  readonly portal: string;
  readonly iqn: string;
  readonly lun: number;
}

export interface IscsiConnection {
  /** The first first; more than one are told to hosts that use several at once. */
  readonly ways: readonly IscsiWay[];
  /** Who the host says it is; the API puts the secret in. null: it is let in by its name alone. */
  readonly chapUser: string | null;
  readonly access: Access;
  readonly multipath: boolean;
}

/** Connection info as hosts of the field take it. @throws DriverError `not-done` when there is no way */
export function iscsiConnection({ ways, chapUser, access, multipath }: IscsiConnection): ConnectionInfo {
  const [first] = ways;
  if (first === undefined) throw new DriverError("not-done", "the system has no address for hosts");
  return {
    driverVolumeType: "iscsi",
    data: {
      target_discovered: false,
      target_portal: first.portal,
      target_iqn: first.iqn,
      target_lun: first.lun,
      ...(multipath && ways.length > 1
        ? {
            target_portals: ways.map(({ portal }) => portal),
            target_iqns: ways.map(({ iqn }) => iqn),
            target_luns: ways.map(({ lun }) => lun),
          }
        : {}),
      ...(chapUser === null ? {} : { auth_method: "CHAP", auth_username: chapUser }),
      access_mode: access,
    },
  };
}

const ISCSI_PORT = 3260;

/**
 * The portals that hosts are sent to: of the system's addresses (with or without a port) those that begin with `prefix`
 * (`iscsi_ip_prefix`); absent: all, in the system's order.
 * @throws DriverError `not-done` when none begins so
 */
export function chosenPortals(addresses: readonly string[], prefix: string | undefined): string[] {
  const chosen = addresses.filter((address) => address.replace(/^\[/, "").startsWith(prefix ?? ""));
  if (chosen.length === 0)
    throw new DriverError("not-done", `none of the system's addresses (${addresses.join(", ")}) begins with ${prefix}`);
  return chosen.map(withPort);
}

function withPort(address: string): string {
  if (/^\[.*\]:\d+$/.test(address) || /^[^:]+:\d+$/.test(address)) return address;
  const bare = address.replace(/^\[(.*)\]$/, "$1");
  return `${bare.includes(":") ? `[${bare}]` : bare}:${ISCSI_PORT}`;
}
