import { randomUUID } from "node:crypto";
import { BerthError } from "#shared/errors.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import { DEFAULT_GROUP_TYPE, type GroupType } from "#shared/model/group-type.ts";
import { FlavorName } from "#shared/model/names.ts";
import { parser } from "#shared/schema.ts";
import {
  changeGroupType,
  createGroupType,
  deleteGroupType,
  type GroupTypeChange,
  groupTypesOf,
  requireGroupType,
} from "../../catalogue/group-type-edits.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { callerOf } from "../request-context.ts";
import { BodyFields } from "./fields.ts";
import { isJsonObject, refusal } from "./rest/refusal.ts";
import type { InProject, OnObject } from "./routes.ts";
import { readSpecs } from "./types.ts";

interface OnSpec {
  Params: { project?: string; id: string; key: string };
}

const names = parser(FlavorName, "name");

/** The field's kinds of groups; and what clients write down with them, kept for them. */
export function groupTypeRoutes(app: Api, base: string, { engine, catalogue }: ApiDependencies): void {
  const { state } = engine;
  const path = `${base}/group_types`;
  const find = (id: string): GroupType => requireGroupType(state.catalogue.catalogue, id);
  const shown = (id: string) => ({ group_type: typeView(find(id)) });
  const change = (id: string, wanted: GroupTypeChange) =>
    catalogue.edit((before) => changeGroupType(before, find(id).id, wanted));

  app.get<InProject>(path, (request, reply) => {
    callerOf(request, request.params.project);
    return reply.send({ group_types: groupTypesOf(state.catalogue.catalogue).map(typeView) });
  });

  app.post<InProject>(path, async (request, reply) => {
    callerOf(request, request.params.project);
    const fields = BodyFields.under("group_type", request.body);
    const specs = fields.object("group_specs");
    const type: GroupType = {
      id: randomUUID(),
      name: names.parse(fields.reference("name")),
      description: fields.text("description") ?? "",
      isPublic: !fields.has("is_public") || fields.boolean("is_public"),
      specs: specs === undefined ? {} : readSpecs(specs),
    };
    await catalogue.edit((before) => createGroupType(before, type));
    return reply.code(202).send(shown(type.id));
  });

  app.get<InProject>(`${path}/default`, (request, reply) => {
    callerOf(request, request.params.project);
    return reply.send({ group_type: typeView(DEFAULT_GROUP_TYPE) });
  });

  app.get<OnObject>(`${path}/:id`, (request, reply) => {
    callerOf(request, request.params.project);
    return reply.send(shown(request.params.id));
  });

  app.put<OnObject>(`${path}/:id`, async (request) => {
    const { id, project } = request.params;
    callerOf(request, project);
    const fields = BodyFields.under("group_type", request.body);
    const [name, description] = [fields.reference("name"), fields.text("description")];
    if (name === null && description === undefined && !fields.has("is_public"))
      throw refusal("Specify group type name, description, is_public or a combination thereof.");
    const type = find(id);
    await change(id, {
      ...(name === null ? {} : { name: names.parse(name) }),
      ...(description === undefined ? {} : { description }),
      ...(fields.has("is_public") ? { isPublic: fields.boolean("is_public") } : {}),
    });
    return shown(type.id);
  });

  app.delete<OnObject>(`${path}/:id`, async (request, reply) => {
    const { id, project } = request.params;
    callerOf(request, project);
    await unlessUsed(() => catalogue.edit((before) => deleteGroupType(before, id)));
    return reply.code(202).send();
  });

  app.get<OnObject>(`${path}/:id/group_specs`, (request, reply) => {
    callerOf(request, request.params.project);
    return reply.send({ group_specs: find(request.params.id).specs });
  });

  app.post<OnObject>(`${path}/:id/group_specs`, async (request, reply) => {
    const { id, project } = request.params;
    callerOf(request, project);
    const specs = readSpecs(isJsonObject(request.body) ? request.body.group_specs : undefined);
    await change(id, { specs });
    return reply.code(202).send({ group_specs: specs });
  });

  app.get<OnSpec>(`${path}/:id/group_specs/:key`, (request, reply) => {
    const { id, key, project } = request.params;
    callerOf(request, project);
    return reply.send(requireSpec(find(id), key));
  });

  app.put<OnSpec>(`${path}/:id/group_specs/:key`, async (request) => {
    const { id, key, project } = request.params;
    callerOf(request, project);
    const specs = readSpecs(request.body);
    if (Object.keys(specs).join() !== key) throw refusal(`the body must be an object with the one key ${key}`);
    await change(id, { specs });
    return specs;
  });

  app.delete<OnSpec>(`${path}/:id/group_specs/:key`, async (request, reply) => {
    const { id, key, project } = request.params;
    callerOf(request, project);
    requireSpec(find(id), key);
    await change(id, { specs: { [key]: null } });
    return reply.code(202).send();
  });
}

/** What is in use is a bad request here, as the field has it. */
async function unlessUsed(step: () => Promise<Catalogue>): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (error instanceof BerthError && error.code === "E_IN_USE")
      throw new BerthError("E_HAS_DEPENDENTS", error.message, { cause: error, details: error.details });
    throw error;
  }
}

function requireSpec({ id, specs }: GroupType, key: string): object {
  if (Object.hasOwn(specs, key)) return { [key]: specs[key] };
  throw new BerthError("E_NOT_FOUND", `Group Type ${id} has no specs with key ${key.slice(0, 80)}.`);
}

function typeView({ id, name, description, isPublic, specs }: GroupType): object {
  return { id, name, description, is_public: isPublic, group_specs: specs };
}
