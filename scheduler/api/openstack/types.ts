import { randomUUID } from "node:crypto";
import { BerthError } from "#shared/errors.ts";
import type { Catalogue, Flavor } from "#shared/model/catalogue.ts";
import { ExtraSpecs } from "#shared/model/extra-specs.ts";
import { FlavorName, ProjectId } from "#shared/model/names.ts";
import { parser } from "#shared/schema.ts";
import {
  changeFlavor,
  createFlavor,
  deleteFlavor,
  type FlavorChange,
  grantAccess,
  revokeAccess,
} from "../../catalogue/edits.ts";
import { isOpenTo } from "../../core/volume-request.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { callerOf } from "../request-context.ts";
import { BodyFields } from "./fields.ts";
import { one, type Query } from "./rest/listing.ts";
import { isJsonObject, refusal } from "./rest/refusal.ts";
import type { InProject, OnObject } from "./routes.ts";

interface OnSpec {
  Params: { project?: string; id: string; key: string };
}

const extraSpecs = parser(ExtraSpecs);
const flavorNames = parser(FlavorName);
const projectIds = parser(ProjectId);
const PUBLIC = "os-volume-type-access:is_public";

/** Flavors, as the field's volume types. Which backends stand behind each is the catalogue's alone (`/berth/v1/flavors`). */
export function typeRoutes(app: Api, base: string, { engine, catalogue }: ApiDependencies): void {
  const { state } = engine;
  const path = `${base}/types`;
  const shown = (id: string) => {
    const now = state.catalogue.catalogue;
    return { volume_type: typeView(now, requireType(now, id)) };
  };
  const change = (id: string, wanted: FlavorChange) =>
    edit((before) => changeFlavor(before, requireType(before, id).id, wanted));
  /** What is in use is a bad request here, as the field has it. */
  const edit = async (step: (before: Catalogue) => Catalogue): Promise<Catalogue> => {
    try {
      return await catalogue.edit(step);
    } catch (error) {
      if (error instanceof BerthError && error.code === "E_IN_USE")
        throw new BerthError("E_HAS_DEPENDENTS", error.message, { cause: error, details: error.details });
      throw error;
    }
  };

  app.get<InProject & { Querystring: Query }>(path, (request, reply) => {
    const { projectId } = callerOf(request, request.params.project);
    const now = state.catalogue.catalogue;
    const listed = now.flavors.filter(wantedBy(request.query, projectId));
    return reply.send({ volume_types: listed.map((flavor) => typeView(now, flavor)) });
  });

  app.post<InProject>(path, async (request) => {
    callerOf(request, request.params.project);
    const fields = BodyFields.under("volume_type", request.body);
    const name = readName(fields.reference("name"));
    const specs = fields.object("extra_specs");
    const isPublic = fields.has(PUBLIC)
      ? fields.boolean(PUBLIC)
      : !fields.has("is_public") || fields.boolean("is_public");
    const flavor = {
      id: randomUUID(),
      name,
      description: fields.text("description") ?? "",
      ...(specs === undefined ? {} : { extraSpecs: readSpecs(specs) }),
      ...(isPublic ? {} : { projects: [] }),
    };
    await edit((before) => createFlavor(before, flavor));
    return shown(flavor.id);
  });

  app.get<InProject>(`${path}/default`, (request, reply) => {
    const { projectId } = callerOf(request, request.params.project);
    const name = state.catalogue.defaultFlavor(projectId);
    if (name === null) throw new BerthError("E_NOT_FOUND", "Default volume type can not be found.");
    return reply.send(shown(name));
  });

  app.get<OnObject>(`${path}/:id`, (request, reply) => {
    const { id, project } = request.params;
    callerOf(request, project);
    return reply.send(shown(id));
  });

  app.put<OnObject>(`${path}/:id`, async (request) => {
    const { id, project } = request.params;
    callerOf(request, project);
    const fields = BodyFields.under("volume_type", request.body);
    const name = fields.reference("name");
    const description = fields.text("description");
    if (name === null && description === undefined && !fields.has("is_public"))
      throw refusal("Specify volume type name, description, is_public or a combination thereof.");
    const flavor = requireType(state.catalogue.catalogue, id);
    await change(id, {
      ...(name === null ? {} : { name: readName(name) }),
      ...(description === undefined ? {} : { description }),
      ...(fields.has("is_public") ? { projects: fields.boolean("is_public") ? null : (flavor.projects ?? []) } : {}),
    });
    return shown(flavor.id);
  });

  app.delete<OnObject>(`${path}/:id`, async (request, reply) => {
    const { id, project } = request.params;
    callerOf(request, project);
    await edit((before) => deleteFlavor(before, requireType(before, id).id));
    return reply.code(202).send();
  });

  app.get<OnObject>(`${path}/:id/extra_specs`, (request, reply) => {
    const { id, project } = request.params;
    callerOf(request, project);
    return reply.send({ extra_specs: requireType(state.catalogue.catalogue, id).extraSpecs ?? {} });
  });

  app.post<OnObject>(`${path}/:id/extra_specs`, async (request) => {
    const { id, project } = request.params;
    callerOf(request, project);
    const specs = readSpecs(isJsonObject(request.body) ? request.body.extra_specs : undefined);
    await change(id, { extraSpecs: specs });
    return { extra_specs: specs };
  });

  app.get<OnSpec>(`${path}/:id/extra_specs/:key`, (request, reply) => {
    const { id, key, project } = request.params;
    callerOf(request, project);
    return reply.send({ [key]: requireSpec(requireType(state.catalogue.catalogue, id), key) });
  });

  app.put<OnSpec>(`${path}/:id/extra_specs/:key`, async (request) => {
    const { id, key, project } = request.params;
    callerOf(request, project);
    const specs = readSpecs(request.body);
    if (Object.keys(specs).length !== 1 || !Object.hasOwn(specs, key))
      throw refusal("Request body and URI mismatch: the body is {KEY: VALUE}, with the path's one key");
    await change(id, { extraSpecs: specs });
    return specs;
  });

  app.delete<OnSpec>(`${path}/:id/extra_specs/:key`, async (request, reply) => {
    const { id, key, project } = request.params;
    callerOf(request, project);
    requireSpec(requireType(state.catalogue.catalogue, id), key);
    await change(id, { extraSpecs: { [key]: null } });
    return reply.code(202).send();
  });

  app.get<OnObject>(`${path}/:id/os-volume-type-access`, (request, reply) => {
    const { id, project } = request.params;
    callerOf(request, project);
    const flavor = requireType(state.catalogue.catalogue, id);
    if (flavor.projects === undefined)
      throw new BerthError("E_NOT_FOUND", "Access list not available for public volume types.");
    const access = flavor.projects.map((granted) => ({ volume_type_id: flavor.id, project_id: granted }));
    return reply.send({ volume_type_access: access });
  });

  app.post<OnObject>(`${path}/:id/action`, async (request, reply) => {
    const { id, project } = request.params;
    callerOf(request, project);
    const { body } = request;
    const [name, ...others] = isJsonObject(body) ? Object.keys(body) : [];
    const step = { addProjectAccess: grantAccess, removeProjectAccess: revokeAccess }[name ?? ""];
    if (step === undefined || name === undefined || others.length > 0)
      throw refusal("the body must be a JSON object with one key: addProjectAccess or removeProjectAccess");
    const granted = BodyFields.under(name, body).reference("project");
    if (!projectIds.check(granted)) throw refusal("project is needed: a project id");
    await edit((before) => step(before, requireType(before, id).id, granted));
    return reply.code(202).send();
  });
}

/** By id or name, in the field's words. */
export function requireType({ flavors }: Catalogue, idOrName: string): Flavor {
  const flavor = flavors.find(({ id, name }) => id === idOrName || name === idOrName);
  if (flavor !== undefined) return flavor;
  throw new BerthError("E_NOT_FOUND", `Volume type ${idOrName.slice(0, 80)} could not be found.`);
}

/** Everybody is an administrator, who sees what is open to the path's project unless `is_public` says otherwise: `None` is all. */
function wantedBy(query: Query, projectId: string): (flavor: Flavor) => boolean {
  const text = one(query, "is_public")?.toLowerCase();
  if (text === "none") return () => true;
  if (text === undefined || ["true", "1"].includes(text)) return (flavor) => isOpenTo(flavor, projectId);
  if (["false", "0"].includes(text)) return ({ projects }) => projects !== undefined;
  throw refusal("is_public must be true, false or None");
}

function requireSpec({ id, extraSpecs: specs = {} }: Flavor, key: string): string {
  const value = Object.hasOwn(specs, key) ? specs[key] : undefined;
  if (value !== undefined) return value;
  throw new BerthError("E_NOT_FOUND", `Volume Type ${id} has no extra specs with key ${key.slice(0, 80)}.`);
}

function readName(name: string | null): string {
  if (name === null) throw refusal("name is needed");
  return flavorNames.parse(name.trim(), "name");
}

/** Some clients send True as a boolean. */
export function readSpecs(value: unknown): ExtraSpecs {
  if (!isJsonObject(value)) throw refusal("extra_specs is needed: an object of texts");
  const texts = Object.entries(value).map(([key, item]) => [key, specText(item)]);
  return extraSpecs.parse(Object.fromEntries(texts), "extra_specs");
}

export function specText(value: unknown): unknown {
  if (typeof value === "boolean") return value ? "True" : "False";
  return typeof value === "number" ? String(value) : value;
}

function typeView({ qos }: Catalogue, flavor: Flavor): object {
  const isPublic = flavor.projects === undefined;
  return {
    id: flavor.id,
    name: flavor.name,
    description: flavor.description,
    is_public: isPublic,
    [PUBLIC]: isPublic,
    extra_specs: flavor.extraSpecs ?? {},
    qos_specs_id: qos.find(({ name }) => name === flavor.qos)?.id ?? null,
  };
}
