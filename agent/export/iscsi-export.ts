import type { ConnectionInfo } from "#shared/model/attachment.ts";
import type { CallContext, ChapCredentials } from "../drivers/driver.ts";
import type { ExportName } from "../drivers/names.ts";

/** One volume or snapshot to export: its file or device, and the identity that initiators see. */
export interface Exported extends ExportName {
  /** Absolute path of the image or device, made by the driver. */
  readonly path: string;
}

export interface StandingExport extends ExportName {
  /** What it serves; null: nothing yet, or nothing any more. */
  readonly path: string | null;
  /** null among them: all that know the CHAP secret. */
  readonly letIn: readonly (string | null)[];
}

/**
 * An iSCSI target on this host, shared by the drivers that need one. Ownership goes by IQN, which derives from the
 * object's id; serial and WWN derive from it too, so that no two objects can look like one to multipath.
 * Every method is idempotent.
 */
export interface IscsiExport {
  /** The target stands, with its LUN and CHAP, and nobody let in yet; rebuilt if the target forgot or differs. */
  ensure(context: CallContext, object: Exported, chap: ChapCredentials): Promise<void>;
  /** `path`: only if it serves that image, for another backend of this host may have an object of the same id (a late create). */
  remove(context: CallContext, name: ExportName, path?: string): Promise<void>;
  /** Lets an initiator in (null: any that knows the CHAP secret). */
  allow(context: CallContext, name: ExportName, initiator: string | null): Promise<void>;
  disallow(context: CallContext, name: ExportName, initiator: string | null): Promise<void>;
  /** Initiators see the image's new size. Nothing to do when it is not exported. */
  refreshSize(context: CallContext, object: Exported): Promise<void>;
  /** What has a target here. A target that does not run has none. */
  exported(context: CallContext): Promise<readonly StandingExport[]>;
  /** `multipath`: all the ways there are, for a host that uses several at once. */
  connectionInfo(name: ExportName, chap: ChapCredentials, multipath: boolean): ConnectionInfo;
}
