import { BerthError } from "#shared/errors.ts";
import type { Flavor } from "#shared/model/catalogue.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { callerOf } from "../request-context.ts";
import type { InProject, OnObject } from "./routes.ts";

/** Flavors, as the field's volume types. They are made and changed in the catalogue (`/berth/v1/flavors`), not here. */
export function typeRoutes(app: Api, base: string, { engine }: ApiDependencies): void {
  const { state } = engine;

  app.get<InProject>(`${base}/types`, (request, reply) => {
    callerOf(request, request.params.project);
    return reply.send({ volume_types: state.catalogue.catalogue.flavors.map(typeView) });
  });

  app.get<InProject>(`${base}/types/default`, (request, reply) => {
    callerOf(request, request.params.project);
    const name = state.catalogue.catalogue.defaultFlavor;
    const flavor = name === null ? undefined : state.catalogue.flavor(name);
    if (flavor === undefined) throw new BerthError("E_NOT_FOUND", "Default volume type can not be found.");
    return reply.send({ volume_type: typeView(flavor) });
  });

  app.get<OnObject>(`${base}/types/:id`, (request, reply) => {
    const { id, project } = request.params;
    callerOf(request, project);
    const flavor = state.catalogue.flavor(id);
    if (flavor === undefined) throw new BerthError("E_NOT_FOUND", `Volume type ${id} could not be found.`);
    return reply.send({ volume_type: typeView(flavor) });
  });
}

function typeView(flavor: Flavor): object {
  return {
    id: flavor.id,
    name: flavor.name,
    description: flavor.description,
    is_public: true,
    "os-volume-type-access:is_public": true,
    extra_specs: {},
    qos_specs_id: null,
  };
}
