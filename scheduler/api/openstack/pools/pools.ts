import { Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { State } from "../../../core/state.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { poolName } from "../places.ts";
import { isTrue, one } from "../rest/listing.ts";
import { type Call, type Operation, operation } from "../rest/operation.ts";
import { refusal } from "../rest/refusal.ts";
import { capabilityOperations } from "./capabilities.ts";
import { allocatedGib, type Pool, PoolView, poolDetail, pools } from "./pool-view.ts";

const FILTERS_SINCE = 28;
/** From here on what is no filter is refused, from administrators as well. */
const STRICT_SINCE = 31;
const TYPE_SINCE = 35;
export const POOL_FILTERS: readonly string[] = ["name", "volume_type"];

/** Where volumes can be, with what was measured there. */
export function poolOperations(dependencies: ApiDependencies): readonly Operation[] {
  const { engine, version } = dependencies;
  const { state } = engine;
  return [
    operation({
      name: "scheduler_extension:scheduler_stats:get_pools",
      summary: "The backends that were measured, with what was found",
      method: "GET",
      path: "/scheduler-stats/get_pools",
      access: "admin",
      query: {
        detail: "true: with what was measured",
        name: "of this name (3.28)",
        volume_type: "that this type can stand on (3.35)",
      },
      status: 200,
      answer: Type.Object({ pools: Type.Array(PoolView) }),
      handle: (call) => {
        const found = pools(state).filter(wantedBy(state, call));
        if (!isTrue(one(call.query, "detail")))
          return { pools: found.map(({ backend }) => ({ name: poolName(backend) })) };
        const allocated = allocatedGib(state);
        return { pools: found.map((pool) => poolDetail(state, pool, allocated, version)) };
      },
    }),
    ...capabilityOperations(dependencies),
  ];
}

function wantedBy(state: State, { query, minor }: Pick<Call, "query" | "minor">): (pool: Pool) => boolean {
  if (minor < FILTERS_SINCE) return () => true;
  const strange = Object.keys(query).filter((name) => name !== "detail" && !POOL_FILTERS.includes(name));
  if (minor >= STRICT_SINCE && strange.length > 0)
    throw refusal(`Invalid filters ${strange.join(", ").slice(0, 200)} are found in query options.`);
  const name = one(query, "name");
  const ofType = minor < TYPE_SINCE ? null : standsOn(state, one(query, "volume_type"));
  return (pool) => (name === undefined || poolName(pool.backend) === name) && (ofType === null || ofType(pool));
}

/** Behind the flavor, and with what it asks for. null: any. Throws E_NOT_FOUND. */
function standsOn(state: State, wanted: string | undefined): ((pool: Pool) => boolean) | null {
  if (wanted === undefined || wanted === "") return null;
  const flavor = state.catalogue.flavor(wanted);
  if (flavor === undefined)
    throw new BerthError("E_NOT_FOUND", `Volume type ${wanted.slice(0, 80)} could not be found.`);
  const behind = new Set(flavor.backends);
  const terms = state.catalogue.terms(flavor);
  return ({ backend, measurement }) => behind.has(backend.id) && terms.mismatch(backend, measurement) === null;
}
