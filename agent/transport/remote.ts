import { join } from "node:path";
import { type CallShare, WHOLE_SHARE } from "./call-limit.ts";
import { createHttpsClient, type HttpsClient, type HttpsSetting } from "./https/client.ts";
import { createSshRunner, type SshRunner, type SshSetting } from "./ssh/runner.ts";

/** The transports to other machines, as drivers are handed them. Host keys that are learnt are kept in `stateFolder`. */
export function remoteTransports(
  stateFolder: string,
  share: CallShare = WHOLE_SHARE,
): {
  readonly ssh: (setting: SshSetting) => SshRunner;
  readonly https: (setting: HttpsSetting) => HttpsClient;
} {
  const hostKeyFolder = join(stateFolder, "ssh-host-keys");
  return {
    ssh: (setting) => createSshRunner(setting, hostKeyFolder, share),
    https: (setting) => createHttpsClient(setting, share),
  };
}
