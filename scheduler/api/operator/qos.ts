import { randomUUID } from "node:crypto";
import type { Catalogue } from "#shared/model/catalogue.ts";
import type { QosSpecs } from "#shared/model/qos.ts";
import { qosEdits } from "../../catalogue/edits.ts";
import { requireQos } from "../../catalogue/find.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { isTrue, one, type Query } from "../openstack/rest/listing.ts";
import { ChangeQosBody, CreateQosBody, QosAnswer, QosList, type QosView } from "./schemas.ts";

interface Named {
  Params: { name: string };
}

/** Limits that flavors name. Which flavor has which is said at the flavor. */
export function qosRoutes(app: Api, base: string, { engine, catalogue }: ApiDependencies): void {
  const { state } = engine;
  const shown = (name: string): QosAnswer => {
    const now = state.catalogue.catalogue;
    return { qos: qosView(now, requireQos(now, name)) };
  };

  app.get(`${base}/qos`, { schema: { response: { 200: QosList } } }, async () => {
    const now = state.catalogue.catalogue;
    return { qos: now.qos.map((qos) => qosView(now, qos)) };
  });

  app.post(
    `${base}/qos`,
    { schema: { body: CreateQosBody, response: { 201: QosAnswer } } },
    async ({ body: { name, consumer = "back-end", specs = {} } }, reply) => {
      await catalogue.edit((before) => qosEdits.createQos(before, { id: randomUUID(), name, consumer, specs }));
      return reply.code(201).send(shown(name));
    },
  );

  app.get<Named>(`${base}/qos/:name`, { schema: { response: { 200: QosAnswer } } }, async ({ params }) =>
    shown(params.name),
  );

  app.patch<Named & { Body: ChangeQosBody }>(
    `${base}/qos/:name`,
    { schema: { body: ChangeQosBody, response: { 200: QosAnswer } } },
    async ({ body, params: { name } }) => {
      await catalogue.edit((before) => qosEdits.changeQos(before, name, body));
      return shown(name);
    },
  );

  app.delete<Named & { Querystring: Query }>(`${base}/qos/:name`, async ({ params: { name }, query }, reply) => {
    const force = isTrue(one(query, "force"));
    await catalogue.edit((before) => qosEdits.deleteQos(before, name, force));
    return reply.code(204).send();
  });
}

function qosView(catalogue: Catalogue, qos: QosSpecs): QosView {
  return { ...qos, flavors: qosEdits.flavorsWithQos(catalogue, qos) };
}
