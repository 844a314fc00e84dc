import { BerthError } from "#shared/errors.ts";
import type { Backend, Catalogue } from "#shared/model/catalogue.ts";
import {
  addBackend,
  addToFlavor,
  changeSettings,
  removeBackend,
  removeFromFlavor,
  setAdmission,
  setReplicationTargets,
} from "../../catalogue/edits.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { isTrue, one, type Query } from "../openstack/rest/listing.ts";
import { backendView, countObjects, fullBackendView } from "./backend-view.ts";
import {
  AddBackendBody,
  AdmissionBody,
  BackendAnswer,
  BackendList,
  ChangeBackendBody,
  FlavorMemberBody,
} from "./schemas.ts";

interface OnBackend {
  Params: { id: string };
}

interface OnMember {
  Params: { id: string; flavor: string };
}

export function backendRoutes(app: Api, base: string, dependencies: ApiDependencies): void {
  const { engine, catalogue, measureNow, nowMs = Date.now } = dependencies;
  const { state } = engine;
  const path = `${base}/backends`;
  const shown = (backend: Backend): BackendAnswer => ({
    backend: fullBackendView(state, backend, countObjects(state), nowMs()),
  });
  /** Edits what the path names, and shows it as it then is. */
  const change = async (idOrName: string, edit: (catalogue: Catalogue, id: number) => Catalogue) => {
    const { id } = requireBackend(catalogue.current(), idOrName);
    const after = await catalogue.edit((before) => edit(before, id));
    return shown(requireBackend(after, String(id)));
  };

  app.get(path, { schema: { response: { 200: BackendList } } }, async () => {
    const counts = countObjects(state);
    const { backends } = state.catalogue.catalogue;
    return { backends: backends.map((backend) => backendView(state, backend, counts, nowMs())) };
  });

  app.post(path, { schema: { body: AddBackendBody, response: { 201: BackendAnswer } } }, async ({ body }, reply) => {
    const { driver, parameters, flavor = null, zone = null, name = null, host = null, replicationTargets = [] } = body;
    let id = 0;
    const after = await catalogue.edit((before) => {
      id = before.nextBackendId;
      return addBackend(before, { driver, parameters, flavor, zone, name, host, replicationTargets });
    });
    return reply.code(201).send(shown(requireBackend(after, String(id))));
  });

  app.get<OnBackend & { Querystring: Query }>(
    `${path}/:id`,
    { schema: { response: { 200: BackendAnswer } } },
    async (request) => {
      const backend = requireBackend(state.catalogue.catalogue, request.params.id);
      if (isTrue(one(request.query, "refresh"))) await measureNow(backend.id);
      return shown(backend);
    },
  );

  app.delete<OnBackend>(`${path}/:id`, async (request, reply) => {
    const { id } = requireBackend(catalogue.current(), request.params.id);
    await catalogue.edit((before) => removeBackend(before, id));
    return reply.code(204).send();
  });

  app.patch<OnBackend & { Body: ChangeBackendBody }>(
    `${path}/:id`,
    { schema: { body: ChangeBackendBody, response: { 200: BackendAnswer } } },
    ({ params, body }) =>
      change(params.id, (before, backendId) => {
        const after = changeSettings(before, { backendId, settings: body.settings });
        const { replicationTargets } = body;
        return replicationTargets === undefined
          ? after
          : setReplicationTargets(after, { backendId, replicationTargets });
      }),
  );

  app.put<OnBackend & { Body: AdmissionBody }>(
    `${path}/:id/admission`,
    { schema: { body: AdmissionBody, response: { 200: BackendAnswer } } },
    ({ params, body }) =>
      change(params.id, (before, backendId) => setAdmission(before, { backendId, admission: body })),
  );

  app.put<OnMember & { Body: FlavorMemberBody }>(
    `${path}/:id/flavors/:flavor`,
    {
      schema: { body: FlavorMemberBody, response: { 200: BackendAnswer } },
      // Nothing in it is needed, so it may be left out.
      preValidation: (request, _reply, done) => {
        request.body ??= {};
        done();
      },
    },
    ({ params, body }) =>
      change(params.id, (before, backendId) =>
        addToFlavor(before, { backendId, flavor: params.flavor, position: body.position ?? null }),
      ),
  );

  app.delete<OnMember>(`${path}/:id/flavors/:flavor`, { schema: { response: { 200: BackendAnswer } } }, ({ params }) =>
    change(params.id, (before, backendId) => removeFromFlavor(before, { backendId, flavor: params.flavor })),
  );
}

/** By id or name. A name cannot be taken for an id: it would be one. */
export function requireBackend({ backends }: Catalogue, idOrName: string): Backend {
  const backend = backends.find(({ id }) => String(id) === idOrName) ?? backends.find(({ name }) => name === idOrName);
  if (backend !== undefined) return backend;
  throw new BerthError("E_NOT_FOUND", `there is no backend ${JSON.stringify(idOrName.slice(0, 80))}`);
}
