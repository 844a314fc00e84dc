import { dataFiles } from "./data-folder.ts";

const MAX_CONTROL_PORT = 32_767;

/** tgtd's control port, one for each iSCSI port so that several can run: its numbers have 15 bits, and 0 is Debian's own. */
export function tgtdControlPort(iscsiPort: number): number {
  return iscsiPort <= MAX_CONTROL_PORT ? iscsiPort : Math.max(1, iscsiPort - MAX_CONTROL_PORT - 1);
}

/**
 * Where tgtd listens for orders. As root that is its usual place, /run/tgtd, where `tgtadm -C N` finds it; anybody else
 * may not write there, and tgtd and tgtadm take another one from this variable.
 */
export function tgtSocketEnvironment(dataPath: string, uid = process.getuid?.()): Record<string, string> {
  return uid === 0 ? {} : { TGT_IPC_SOCKET: dataFiles(dataPath).tgtSocket };
}
