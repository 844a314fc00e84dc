import type { Capacity, Costs, Measurement } from "#shared/model/capacity.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { Properties, Provisioning } from "#shared/model/extra-specs.ts";
import { bytesToGib } from "#shared/units.ts";

/**
 * What extra specs are compared with, by the field's names: what the driver reports, what the operator says over it, and
 * over both what is measured or set, which no word can change.
 */
export function reportedProperties(backend: Backend, measurement: Measurement): Properties {
  const { settings } = backend;
  const capabilities: ReadonlySet<string> = new Set(measurement.capabilities);
  return {
    compression: false,
    ...measurement.properties,
    ...settings.properties,
    ...Object.fromEntries(measurement.capabilities.map((capability) => [capability, true])),
    multiattach: capabilities.has("multiattach"),
    replication_enabled: capabilities.has("replication"),
    QoS_support: capabilities.has("qos"),
    thin_provisioning_support: costsFor(measurement, "thin") !== null,
    thick_provisioning_support: costsFor(measurement, "thick") !== null,
    total_capacity_gb: inGib(measurement.totalBytes),
    free_capacity_gb: inGib(measurement.freeBytes),
    provisioned_capacity_gb: bytesToGib(measurement.provisioned.bytes),
    reserved_percentage: settings.reservedPercentage,
    max_over_subscription_ratio: settings.maxOverSubscriptionRatio,
    volume_backend_name: backend.name,
    driver: backend.driver,
    availability_zone: backend.zone,
  };
}

/** What objects take at once when provisioned so; `null` as the way is the backend's own. null: it cannot. */
export function costsFor(measurement: Measurement, provisioning: Provisioning | null): Costs | null {
  if (provisioning === null || provisioning === (measurement.thin ? "thin" : "thick")) return measurement.costs;
  return measurement.provisioning?.[provisioning] ?? null;
}

function inGib(capacity: Capacity): number | string {
  return typeof capacity === "number" ? bytesToGib(capacity) : capacity;
}
