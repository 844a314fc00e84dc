import type { Flavor } from "#shared/model/catalogue.ts";
import { type ProjectLimit, QUOTA_KINDS, type QuotaKind, UNLIMITED } from "#shared/model/quota.ts";
import { groupsOf, limitOf, projectLimitOf } from "../../core/quotas.ts";
import type { State } from "../../core/state.ts";
import type { QuotaLineView, QuotaView } from "./schemas.ts";

/** The three limits over all flavors; of the rest what is limited or used. */
export function quotaView(state: State, project: string): QuotaView {
  const all = QUOTA_KINDS.map((kind) => line(state, project, null, kind));
  const single = state.catalogue.catalogue.flavors.flatMap((flavor) =>
    QUOTA_KINDS.map((kind) => line(state, project, flavor, kind)).filter(
      ({ limit, used }) => limit !== UNLIMITED || used > 0,
    ),
  );
  const whole = [
    wholeLine(state, project, "groups", groupsOf(state, project)),
    wholeLine(state, project, "perVolumeGib", 0),
  ].filter(({ limit, used }) => limit !== UNLIMITED || used > 0);
  return { project, limits: [...all, ...whole, ...single] };
}

function line(state: State, project: string, flavor: Flavor | null, kind: QuotaKind): QuotaLineView {
  const { quotas } = state.catalogue.catalogue;
  const name = flavor?.name ?? null;
  const usage = flavor === null ? state.usage.of(project) : state.usage.ofFlavor(project, flavor.id);
  return { kind, flavor: name, limit: limitOf(quotas, project, name, kind), used: usage[kind] };
}

function wholeLine(
  state: State,
  project: string,
  kind: Extract<ProjectLimit, QuotaLineView["kind"]>,
  used: number,
): QuotaLineView {
  return { kind, flavor: null, limit: projectLimitOf(state.catalogue.catalogue.quotas, project, kind), used };
}
