import { type Static, Type } from "typebox";
import type { Measurement } from "#shared/model/capacity.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { type Properties, PropertyValue } from "#shared/model/extra-specs.ts";
import { reportedProperties } from "../../../core/reported.ts";
import type { State } from "../../../core/state.ts";
import { poolName } from "../places.ts";
import { fieldTime } from "../rest/times.ts";

/** Keys are the field's, and whatever else a driver reports. */
export const PoolView = Type.Object({
  name: Type.String(),
  /** With `detail`. */
  capabilities: Type.Optional(Type.Record(Type.String(), Type.Union([PropertyValue, Type.Null()]))),
});
export type PoolView = Static<typeof PoolView>;

/** A backend with its last measurement. */
export interface Pool {
  readonly backend: Backend;
  readonly measurement: Measurement;
}

/** Those that were measured; of others there is nothing to tell. */
export function pools(state: State): Pool[] {
  return state.catalogue.catalogue.backends.flatMap((backend) => {
    const { measurement } = state.space.backend(backend.id);
    return measurement === null ? [] : { backend, measurement };
  });
}

/** What the field's clients look for, also where a driver says nothing of it. */
export function systemOf({ backend, measurement }: Pool, version: string): Properties {
  const reported = reportedProperties(backend, measurement);
  return {
    vendor_name: "unknown",
    storage_protocol: "unknown",
    ...reported,
    driver_version: version,
    volume_backend_name: backend.name,
  };
}

/** GiB of volumes that Berth has on each backend. */
export function allocatedGib(state: State): ReadonlyMap<number, number> {
  const sums = new Map<number, number>();
  for (const { backendId, sizeGib } of state.table("volume").values())
    if (backendId !== null) sums.set(backendId, (sums.get(backendId) ?? 0) + sizeGib);
  return sums;
}

export function poolDetail(
  state: State,
  pool: Pool,
  allocated: ReadonlyMap<number, number>,
  version: string,
): PoolView {
  const { backend } = pool;
  const received = state.fleet.reports.get(backend.id);
  return {
    name: poolName(backend),
    capabilities: {
      ...systemOf(pool, version),
      pool_name: backend.name,
      allocated_capacity_gb: allocated.get(backend.id) ?? 0,
      online_extend_support: pool.measurement.capabilities.includes("online-extend"),
      replication_targets: (backend.replicationTargets ?? []).map(({ name }) => name),
      location_info: null,
      filter_function: null,
      goodness_function: null,
      backend_state: received?.report.result.state === "up" ? "up" : "down",
      timestamp: received === undefined ? null : fieldTime(received.receivedMs),
    },
  };
}
