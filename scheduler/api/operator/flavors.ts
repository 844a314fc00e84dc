import { randomUUID } from "node:crypto";
import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { Catalogue, Flavor } from "#shared/model/catalogue.ts";
import { ProjectId } from "#shared/model/names.ts";
import {
  changeFlavor,
  createFlavor,
  deleteFlavor,
  FlavorChange,
  grantAccess,
  revokeAccess,
  setDefaultFlavor,
  setFlavorBackends,
} from "../../catalogue/edits.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { flavorView } from "./fleet-views.ts";
import {
  CreateFlavorBody,
  DefaultFlavorAnswer,
  DefaultFlavorBody,
  FlavorAnswer,
  FlavorBackendsBody,
  FlavorList,
} from "./schemas.ts";

const AccessPath = Type.Object({ name: Type.String(), project: ProjectId });
interface OnAccess {
  Params: Static<typeof AccessPath>;
}

interface Named {
  Params: { name: string };
}

export function flavorRoutes(app: Api, base: string, { engine, catalogue }: ApiDependencies): void {
  const { state } = engine;
  const shown = (name: string) => ({ flavor: flavorView(state, requireFlavor(state.catalogue.catalogue, name)) });

  app.get(`${base}/flavors`, { schema: { response: { 200: FlavorList } } }, async () => ({
    flavors: state.catalogue.catalogue.flavors.map((flavor) => flavorView(state, flavor)),
  }));

  app.post(
    `${base}/flavors`,
    { schema: { body: CreateFlavorBody, response: { 201: FlavorAnswer } } },
    async ({ body: { name, description = "", extraSpecs = {}, qos = null, projects = null } }, reply) => {
      const flavor = {
        id: randomUUID(),
        name,
        description,
        extraSpecs,
        ...(qos === null ? {} : { qos }),
        ...(projects === null ? {} : { projects }),
      };
      await catalogue.edit((before) => createFlavor(before, flavor));
      return reply.code(201).send(shown(name));
    },
  );

  app.get<Named>(`${base}/flavors/:name`, { schema: { response: { 200: FlavorAnswer } } }, async (request) =>
    shown(request.params.name),
  );

  app.patch<Named & { Body: FlavorChange }>(
    `${base}/flavors/:name`,
    { schema: { body: FlavorChange, response: { 200: FlavorAnswer } } },
    async ({ body, params: { name } }) => {
      const { id } = requireFlavor(catalogue.current(), name);
      await catalogue.edit((before) => changeFlavor(before, id, body));
      return shown(id);
    },
  );

  app.put<OnAccess>(
    `${base}/flavors/:name/projects/:project`,
    { schema: { params: AccessPath, response: { 200: FlavorAnswer } } },
    async ({ params: { name, project } }) => {
      await catalogue.edit((before) => grantAccess(before, name, project));
      return shown(name);
    },
  );

  app.delete<OnAccess>(
    `${base}/flavors/:name/projects/:project`,
    { schema: { params: AccessPath, response: { 200: FlavorAnswer } } },
    async ({ params: { name, project } }) => {
      await catalogue.edit((before) => revokeAccess(before, name, project));
      return shown(name);
    },
  );

  app.delete<Named>(`${base}/flavors/:name`, async (request, reply) => {
    await catalogue.edit((before) => deleteFlavor(before, request.params.name));
    return reply.code(204).send();
  });

  app.put<Named & { Body: FlavorBackendsBody }>(
    `${base}/flavors/:name/backends`,
    { schema: { body: FlavorBackendsBody, response: { 200: FlavorAnswer } } },
    async ({ body, params: { name } }) => {
      await catalogue.edit((before) => setFlavorBackends(before, { flavor: name, backends: body.backends }));
      return shown(name);
    },
  );

  app.put(
    `${base}/default-flavor`,
    { schema: { body: DefaultFlavorBody, response: { 200: DefaultFlavorAnswer } } },
    async ({ body: { name, project = null } }) => {
      const after = await catalogue.edit((before) => setDefaultFlavor(before, name, project));
      return { name: project === null ? after.defaultFlavor : (after.defaultFlavors[project] ?? after.defaultFlavor) };
    },
  );
}

/** By name or id. */
function requireFlavor({ flavors }: Catalogue, nameOrId: string): Flavor {
  const flavor = flavors.find(({ id, name }) => name === nameOrId || id === nameOrId);
  if (flavor !== undefined) return flavor;
  const known = flavors.map(({ name }) => name).slice(0, 20);
  throw new BerthError(
    "E_NOT_FOUND",
    `there is no flavor ${JSON.stringify(nameOrId.slice(0, 80))}; flavors are: ${known.join(", ") || "none yet"}`,
  );
}
