import { Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import { ProjectId } from "#shared/model/names.ts";
import { changeQuota, dropQuota, QuotaChange } from "../../catalogue/edits.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { quotaView } from "./quota-view.ts";
import { DefaultQuotaAnswer, QuotaAnswer, QuotaList } from "./schemas.ts";

const OfProject = Type.Object({ project: ProjectId });

/** What projects may have and what they have. Limits are the catalogue's; what is used is what the records say. */
export function quotaRoutes(app: Api, base: string, { engine, catalogue }: ApiDependencies): void {
  const { state } = engine;
  const defaults = () => ({ default: state.catalogue.catalogue.quotas.default });

  app.get(`${base}/quotas`, { schema: { response: { 200: QuotaList } } }, async () => {
    const projects = new Set([...Object.keys(state.catalogue.catalogue.quotas.projects), ...state.usage.projects()]);
    return { ...defaults(), quotas: [...projects].sort().map((project) => quotaView(state, project)) };
  });

  app.get(
    `${base}/quotas/:project`,
    { schema: { params: OfProject, response: { 200: QuotaAnswer } } },
    async ({ params: { project } }) => ({ quota: quotaView(state, project) }),
  );

  app.patch(
    `${base}/quotas/:project`,
    { schema: { params: OfProject, body: QuotaChange, response: { 200: QuotaAnswer } } },
    async ({ params: { project }, body }) => {
      refuseNothing(body);
      await catalogue.edit((before) => changeQuota(before, project, body));
      return { quota: quotaView(state, project) };
    },
  );

  app.delete(`${base}/quotas/:project`, { schema: { params: OfProject } }, async ({ params: { project } }, reply) => {
    await catalogue.edit((before) => dropQuota(before, project));
    return reply.code(204).send();
  });

  app.get(`${base}/default-quota`, { schema: { response: { 200: DefaultQuotaAnswer } } }, async () => defaults());

  app.patch(
    `${base}/default-quota`,
    { schema: { body: QuotaChange, response: { 200: DefaultQuotaAnswer } } },
    async ({ body }) => {
      refuseNothing(body);
      await catalogue.edit((before) => changeQuota(before, null, body));
      return defaults();
    },
  );

  app.delete(`${base}/default-quota`, async (_request, reply) => {
    await catalogue.edit((before) => dropQuota(before, null));
    return reply.code(204).send();
  });
}

function refuseNothing(change: QuotaChange): void {
  if (Object.keys(change).length === 0)
    throw new BerthError("E_BAD_REQUEST", "nothing is asked for: give volumes, snapshots, gib or flavors");
}
