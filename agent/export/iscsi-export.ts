import type { ConnectionInfo } from "#shared/model/attachment.ts";
import type { CallContext, ChapCredentials } from "../drivers/driver.ts";

/** One volume to export: its file or device, and the identity that initiators see. */
export interface ExportedVolume {
  readonly volumeId: string;
  /** Absolute path of the image or device, made by the driver. */
  readonly path: string;
}

export interface StandingExport {
  readonly volumeId: string;
  /** What it serves; null: nothing yet, or nothing any more. */
  readonly path: string | null;
  /** null among them: all that know the CHAP secret. */
  readonly letIn: readonly (string | null)[];
}

/**
 * An iSCSI target on this host, shared by the drivers that need one. Ownership goes by IQN, which derives from the
 * volume's id; serial and WWN derive from it too, so that no two volumes can look like one to multipath.
 * Every method is idempotent.
 */
export interface IscsiExport {
  /** The target stands, with its LUN and CHAP, and nobody let in yet; rebuilt if the target forgot or differs. */
  ensure(context: CallContext, volume: ExportedVolume, chap: ChapCredentials): Promise<void>;
  /** `path`: only if it serves that image, for another backend of this host may have a volume of the same id (a late create). */
  remove(context: CallContext, volumeId: string, path?: string): Promise<void>;
  /** Lets an initiator in (null: any that knows the CHAP secret). */
  allow(context: CallContext, volumeId: string, initiator: string | null): Promise<void>;
  disallow(context: CallContext, volumeId: string, initiator: string | null): Promise<void>;
  /** Initiators see the image's new size. Nothing to do when it is not exported. */
  refreshSize(context: CallContext, volume: ExportedVolume): Promise<void>;
  /** Volumes that have a target here. A target that does not run has none. */
  exported(context: CallContext): Promise<readonly StandingExport[]>;
  connectionInfo(volumeId: string, chap: ChapCredentials): ConnectionInfo;
}
