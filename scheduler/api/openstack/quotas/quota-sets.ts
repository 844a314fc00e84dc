import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import { ProjectId } from "#shared/model/names.ts";
import { UNLIMITED } from "#shared/model/quota.ts";
import { parser } from "#shared/schema.ts";
import { changeQuota, dropQuota } from "../../../catalogue/edits.ts";
import { isOpenTo } from "../../../core/volume-request.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { needed, plain } from "../rest/body.ts";
import { boolean, object } from "../rest/kinds.ts";
import { isTrue, one } from "../rest/listing.ts";
import { type Call, type Operation, operation, operationWith } from "../rest/operation.ts";
import { refusal } from "../rest/refusal.ts";
import { type QuotaLine, quotaLines, readLimits } from "./quota-keys.ts";

const Usage = Type.Object({ limit: Type.Integer(), in_use: Type.Integer(), reserved: Type.Integer() });
const Limits = Type.Record(Type.String(), Type.Union([Type.Integer(), Usage, Type.String()]));
const QuotaSetAnswer = Type.Object({ quota_set: Limits });
const UpdateBody = plain({
  quota_set: needed(
    object((_name, value) => value),
    "the limits",
  ),
});

const projectIds = parser(ProjectId, "project id");
const SHOW = "volume_extension:quotas:show";

/** `os-quota-sets`: what projects may have. The limits are the catalogue's, what is used is what the records say. */
export function quotaSetOperations({ engine, catalogue }: ApiDependencies): readonly Operation[] {
  const { state } = engine;
  const linesOf = ({ caller }: Pick<Call, "caller">, project: string | null): QuotaLine[] => {
    const { flavors } = state.catalogue.catalogue;
    const seen = caller.isAdmin ? flavors : flavors.filter((flavor) => isOpenTo(flavor, caller.projectId));
    return quotaLines(state, seen, project);
  };
  const ofProject = ({ caller, param }: Pick<Call<unknown, "id">, "caller" | "param">): string => {
    const project = projectIds.parse(param("id"));
    if (caller.isAdmin || caller.projectId === project) return project;
    throw new BerthError("E_FORBIDDEN", `Policy doesn't allow ${SHOW} to be performed.`);
  };

  return [
    operation({
      name: SHOW,
      summary: "What a project may have, and (usage) what it has",
      method: "GET",
      path: "/os-quota-sets/:id",
      access: "reader",
      query: { usage: "true: with what is used" },
      status: 200,
      answer: QuotaSetAnswer,
      handle: (call) => {
        const project = ofProject(call);
        const lines = linesOf(call, project);
        return {
          quota_set: { ...(isTrue(one(call.query, "usage")) ? usages(lines) : limits(lines)), id: project },
        };
      },
    }),
    operation({
      name: `${SHOW}:defaults`,
      summary: "What a project may have of which nothing is said",
      method: "GET",
      path: "/os-quota-sets/:id/defaults",
      access: "reader",
      status: 200,
      answer: QuotaSetAnswer,
      handle: (call) => {
        const project = ofProject(call);
        return { quota_set: { ...limits(linesOf(call, null)), id: project } };
      },
    }),
    operationWith(UpdateBody, {
      name: "volume_extension:quotas:update",
      summary: "Say what a project may have; -1: no limit",
      method: "PUT",
      path: "/os-quota-sets/:id",
      access: "admin",
      query: { skip_validation: "true: also less than it has" },
      status: 200,
      answer: QuotaSetAnswer,
      handle: async (call) => {
        const { body, query } = call;
        const project = ofProject(call);
        const { flavors } = state.catalogue.catalogue;
        if (Object.keys(body.quota_set).length === 0) throw refusal("quota_set has no limit in it");
        const wanted = readLimits(flavors, body.quota_set, { what: "quota set", noLimit: UNLIMITED });
        const forced =
          ["force", "skip_validation"].some((name) => readFlag(name, body.quota_set[name])) ||
          isTrue(one(query, "skip_validation"));
        if (!forced) refuseLess(linesOf(call, project), wanted.limits);
        await catalogue.edit((before) => changeQuota(before, project, wanted.change));
        return { quota_set: limits(linesOf(call, project)) };
      },
    }),
    operation({
      name: "volume_extension:quotas:delete",
      summary: "Say nothing of a project any more: the defaults hold",
      method: "DELETE",
      path: "/os-quota-sets/:id",
      access: "admin",
      status: 200,
      handle: async (call) => {
        const project = ofProject(call);
        await catalogue.edit((before) =>
          Object.hasOwn(before.quotas.projects, project) ? dropQuota(before, project) : before,
        );
      },
    }),
  ];
}

function readFlag(name: string, value: unknown): boolean {
  return value !== undefined && value !== null && boolean.read(name, value);
}

export function limits(lines: readonly QuotaLine[]): Record<string, number> {
  return Object.fromEntries(lines.map(({ key, limit }) => [key, limit]));
}

/** What is asked for counts as used from its decision on, so that nothing is ever reserved besides. */
function usages(lines: readonly QuotaLine[]): Record<string, Static<typeof Usage>> {
  return Object.fromEntries(lines.map(({ key, limit, used }) => [key, { limit, in_use: used, reserved: 0 }]));
}

function refuseLess(lines: readonly QuotaLine[], wanted: ReadonlyMap<string, number>): void {
  for (const { key, used } of lines) {
    const limit = wanted.get(key);
    if (limit !== undefined && limit !== UNLIMITED && limit < used)
      throw refusal(
        `Quota ${key} limit must be equal or greater than existing resources. Current usage is ${used} and the requested limit is ${limit}.`,
      );
  }
}
