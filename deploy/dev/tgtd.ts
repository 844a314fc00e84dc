import { BerthError } from "#shared/errors.ts";
import { dataFiles } from "./data-folder.ts";

const MAX_CONTROL_PORT = 32_767;
/** A socket's path has 108 bytes, and tgtd adds the control port and ".lock". */
const MAX_SOCKET_BYTES = 95;

/** tgtd's control port, one for each iSCSI port so that several can run: its numbers have 15 bits, and 0 is Debian's own. */
export function tgtdControlPort(iscsiPort: number): number {
  return iscsiPort <= MAX_CONTROL_PORT ? iscsiPort : Math.max(1, iscsiPort - MAX_CONTROL_PORT - 1);
}

/**
 * Where tgtd listens for orders. As root that is its usual place, /run/tgtd, where `tgtadm -C N` finds it; anybody else
 * may not write there, and tgtd and tgtadm take another one from this variable.
 */
export function tgtSocketEnvironment(dataPath: string, uid = process.getuid?.()): Record<string, string> {
  if (uid === 0) return {};
  const socket = dataFiles(dataPath).tgtSocket;
  if (Buffer.byteLength(socket) > MAX_SOCKET_BYTES)
    throw new BerthError(
      "E_CONFIG",
      `the data folder's path is too long for tgtd's socket (${socket}): set BERTH_DATA to a shorter one`,
    );
  return { TGT_IPC_SOCKET: socket };
}
