import { isSecretParameter } from "#shared/drivers/declaration.ts";
import type { SrKind } from "#shared/drivers/xenapi/declarations.ts";
import { DEVICE_CONFIG } from "#shared/drivers/xenapi/parameters.ts";
import { ZoneSettings } from "#shared/drivers/zone-settings.ts";
import { parser } from "#shared/schema.ts";
import type { CallContext } from "../driver.ts";
import type { DriverSetting } from "../tools.ts";
import { refused } from "./failure.ts";
import { XenPool } from "./pool.ts";
import { parsed } from "./records.ts";

const DEFAULT_CONCURRENT_CALLS = 4;
const zoneSettings = parser(ZoneSettings, "settings of the zone");

/** @throws DriverError `not-done` when the zone does not say where its pool is */
export function connectPool(
  { backend, tools, zoneSettings: given = {} }: DriverSetting,
  maxConcurrentCalls = DEFAULT_CONCURRENT_CALLS,
): XenPool {
  const zone = zoneSettings.parse(given);
  const { xenapi_url, xenapi_user, xenapi_password } = zone;
  if (xenapi_url === undefined || xenapi_user === undefined || xenapi_password === undefined)
    throw refused(
      `the zone ${backend.zone} does not say where its Xen pool is (berth zone set ${backend.zone} xenapi_url=…)`,
    );
  return new XenPool({
    url: xenapi_url,
    user: xenapi_user,
    password: () => tools.resolveSecret(xenapi_password),
    originator: `berth-${backend.id}`,
    trust: {
      caFile: zone.xenapi_ca_file ?? null,
      certificateFingerprint: zone.xenapi_fingerprint ?? null,
      verify: zone.xenapi_verify_tls ?? true,
    },
    maxConcurrentCalls,
    connect: tools.https,
  });
}

/** As the pool is told it, with its secrets. */
export async function deviceConfig(
  { backend, tools }: DriverSetting,
  { type }: SrKind,
): Promise<Record<string, string>> {
  const config: Record<string, string> = {};
  for (const [name, schema] of Object.entries(DEVICE_CONFIG[type])) {
    const value = backend.parameters[name];
    if (value === undefined) continue;
    config[name] = isSecretParameter(schema) ? (await tools.resolveSecret(String(value))).reveal() : String(value);
  }
  return config;
}

/** What the plugin of the SR type says it can. */
export async function pluginCapabilities(
  context: CallContext,
  pool: XenPool,
  kind: SrKind,
): Promise<ReadonlySet<string>> {
  const plugins = parsed.plugins.parse(await pool.call(context, "SM.get_all_records", [], { changes: false }));
  const plugin = Object.values(plugins).find(({ type }) => type === kind.type);
  if (plugin === undefined) throw refused(`the pool has no plugin for SRs of type ${kind.type}`);
  return new Set(plugin.capabilities.map((capability) => capability.split("/")[0] ?? capability));
}
