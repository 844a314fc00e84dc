import type { Logger } from "pino";
import type { Backend, Zone } from "#shared/model/catalogue.ts";
import type { Side } from "#shared/model/replication.ts";
import type { Secret } from "#shared/secret.ts";
import type { IscsiExport } from "../export/iscsi-export.ts";
import type { CommandRunner } from "../transport/command.ts";
import type { HttpsClient, HttpsSetting } from "../transport/https/client.ts";
import type { SshRunner, SshSetting } from "../transport/ssh/runner.ts";

/** What a driver is handed; it opens no transport of its own. */
export interface DriverTools {
  readonly command: CommandRunner;
  /** The command line of a storage system. The driver closes it when it is closed. */
  readonly ssh: (setting: SshSetting) => SshRunner;
  /** The web service of a storage system. The driver closes it when it is closed. */
  readonly https: (setting: HttpsSetting) => HttpsClient;
  /** The iSCSI target of this host; null: none is configured, volumes here cannot be connected. */
  readonly iscsi: IscsiExport | null;
  /** Resolves `file:/path` and `env:NAME` now, so that a changed secret is read anew. */
  readonly resolveSecret: (reference: string) => Promise<Secret>;
  /** The same of what has many lines, as a private key has. */
  readonly resolveSecretText: (reference: string) => Promise<Secret>;
  /** Absolute folder for what a driver must remember on this host; the agents of a host share it. */
  readonly stateFolder: string;
  readonly log: Logger;
}

export interface DriverSetting {
  readonly backend: Backend;
  /** Which of its systems: one of its targets, or (null, absent) its own. */
  readonly side?: Side;
  /** What the zone says for all its backends; absent: nothing. */
  readonly zoneSettings?: Zone["settings"];
  readonly tools: DriverTools;
}
