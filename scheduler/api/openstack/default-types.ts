import { BerthError } from "#shared/errors.ts";
import { ProjectId } from "#shared/model/names.ts";
import { parser } from "#shared/schema.ts";
import { setDefaultFlavor } from "../../catalogue/edits.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { callerOf } from "../request-context.ts";
import { BodyFields } from "./fields.ts";
import { refusal } from "./rest/refusal.ts";
import type { InProject, OnObject } from "./routes.ts";
import { requireType } from "./types.ts";

const projectIds = parser(ProjectId, "project id");

/** The flavors that single projects mean when they name none. */
export function defaultTypeRoutes(app: Api, base: string, { engine, catalogue }: ApiDependencies): void {
  const { state } = engine;
  const path = `${base}/default-types`;
  const view = (project: string, name: string) => ({
    project_id: project,
    volume_type_id: requireType(state.catalogue.catalogue, name).id,
  });
  const requireOwn = (project: string): string => {
    const { defaultFlavors } = state.catalogue.catalogue;
    const name = Object.hasOwn(defaultFlavors, project) ? defaultFlavors[project] : undefined;
    if (name !== undefined) return name;
    throw new BerthError("E_NOT_FOUND", `Default type for project ${project.slice(0, 80)} not found.`);
  };

  app.get<InProject>(path, (request, reply) => {
    callerOf(request, request.params.project);
    const all = Object.entries(state.catalogue.catalogue.defaultFlavors);
    return reply.send({ default_types: all.map(([project, name]) => view(project, name)) });
  });

  app.get<OnObject>(`${path}/:id`, (request, reply) => {
    const { id, project } = request.params;
    callerOf(request, project);
    return reply.send({ default_type: view(id, requireOwn(id)) });
  });

  app.put<OnObject>(`${path}/:id`, async (request) => {
    const { id, project } = request.params;
    callerOf(request, project);
    const wanted = BodyFields.under("default_type", request.body).reference("volume_type");
    if (wanted === null) throw refusal("volume_type is needed: the id or name of a volume type");
    projectIds.parse(id);
    await catalogue.edit((before) => setDefaultFlavor(before, requireType(before, wanted).id, id));
    return { default_type: view(id, requireOwn(id)) };
  });

  app.delete<OnObject>(`${path}/:id`, async (request, reply) => {
    const { id, project } = request.params;
    callerOf(request, project);
    requireOwn(id);
    await catalogue.edit((before) => setDefaultFlavor(before, null, id));
    return reply.code(204).send();
  });
}
