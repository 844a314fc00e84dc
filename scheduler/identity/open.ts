import type { SchedulerConfig } from "#shared/config.ts";
import type { Logger } from "#shared/log.ts";
import type { IdentitySource } from "./identity.ts";
import { KeystoneTokens } from "./keystone.ts";
import { NOAUTH } from "./noauth.ts";
import { StaticTokens } from "./static-tokens.ts";
import { TokenIdentities } from "./tokens.ts";

const TOKENS = "tokens:";
const LOOPBACK = /^(127\.|::1$|localhost$)/;

/** Who may ask, as the settings say. Throws E_CONFIG. */
export function openIdentities(config: SchedulerConfig, log: Logger): IdentitySource {
  if (config.auth === "keystone") return new TokenIdentities(keystone(config));
  if (config.auth.startsWith(TOKENS))
    return new TokenIdentities(new StaticTokens(config.auth.slice(TOKENS.length), log));
  if (!LOOPBACK.test(config.apiHost))
    log.warn(
      { apiHost: config.apiHost },
      "BERTH_AUTH is noauth: whoever reaches this address may do everything; see deploy/README.md for tokens and Keystone",
    );
  return NOAUTH;
}

function keystone(config: SchedulerConfig): KeystoneTokens {
  return new KeystoneTokens({
    url: config.keystoneUrl,
    caFile: orNull(config.keystoneCaFile),
    timeoutMs: config.keystoneTimeoutMs,
    cacheMs: config.tokenCacheMs,
    account: {
      user: config.keystoneUser,
      project: config.keystoneProject,
      domain: config.keystoneDomain,
      applicationCredential: orNull(config.keystoneApplicationCredential),
      passwordFile: config.keystonePasswordFile,
    },
  });
}

function orNull(text: string): string | null {
  return text === "" ? null : text;
}
