import { randomUUID } from "node:crypto";
import type { Catalogue } from "#shared/model/catalogue.ts";
import { FlavorName } from "#shared/model/names.ts";
import { QosConsumer, QosLimits, type QosSpecs } from "#shared/model/qos.ts";
import { parser } from "#shared/schema.ts";
import { qosEdits } from "../../catalogue/edits.ts";
import { requireQos } from "../../catalogue/find.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { callerOf } from "../request-context.ts";
import { linkBaseOf } from "./rest/addresses.ts";
import { isTrue, one, type Query } from "./rest/listing.ts";
import { isJsonObject, refusal } from "./rest/refusal.ts";
import type { InProject, OnObject } from "./routes.ts";
import { requireType, specText } from "./types.ts";

const names = parser(FlavorName, "name");
const consumers = parser(QosConsumer, "consumer");
const limits = parser(QosLimits, "qos_specs");

/** Limits that flavors name. */
export function qosRoutes(app: Api, base: string, { engine, catalogue, settings }: ApiDependencies): void {
  const { state } = engine;
  const path = `${base}/qos-specs`;
  const find = (id: string): QosSpecs => requireQos(state.catalogue.catalogue, id);

  app.get<InProject>(path, (request, reply) => {
    callerOf(request, request.params.project);
    return reply.send({ qos_specs: state.catalogue.catalogue.qos.map(qosView) });
  });

  app.post<InProject>(path, async (request) => {
    callerOf(request, request.params.project);
    const { name, consumer = "back-end", ...specs } = bodySpecs(request.body);
    const qos: QosSpecs = {
      id: randomUUID(),
      name: names.parse(name),
      consumer: consumers.parse(consumer),
      specs: limits.parse(specs),
    };
    await catalogue.edit((before) => qosEdits.createQos(before, qos));
    return answer(qos.id, request.headers, request.params.project);
  });

  const answer = (id: string, headers: Parameters<typeof linkBaseOf>[0], project: string | undefined): object => {
    const { self, bookmark } = linkBaseOf(headers, settings.publicUrl, project);
    const qos = find(id);
    return {
      qos_specs: qosView(qos),
      links: [
        { rel: "self", href: `${self}/qos-specs/${qos.id}` },
        { rel: "bookmark", href: `${bookmark}/qos-specs/${qos.id}` },
      ],
    };
  };

  app.get<OnObject>(`${path}/:id`, (request, reply) => {
    const { id, project } = request.params;
    callerOf(request, project);
    return reply.send(answer(id, request.headers, project));
  });

  app.put<OnObject>(`${path}/:id`, async (request) => {
    const { id, project } = request.params;
    callerOf(request, project);
    const { consumer, ...specs } = bodySpecs(request.body);
    const change = {
      ...(consumer === undefined ? {} : { consumer: consumers.parse(consumer) }),
      specs: limits.parse(specs),
    };
    await catalogue.edit((before) => qosEdits.changeQos(before, id, change));
    return { qos_specs: { ...(consumer === undefined ? {} : { consumer }), ...change.specs } };
  });

  app.put<OnObject>(`${path}/:id/delete_keys`, async (request, reply) => {
    const { id, project } = request.params;
    callerOf(request, project);
    const keys = isJsonObject(request.body) ? request.body.keys : undefined;
    if (!Array.isArray(keys)) throw refusal("keys is needed: a list of keys to delete");
    const unknown = keys.find((key) => typeof key !== "string" || !Object.hasOwn(find(id).specs, key));
    if (unknown !== undefined) throw refusal(`${find(id).name} has no key ${JSON.stringify(unknown).slice(0, 80)}`);
    const specs = Object.fromEntries(keys.map((key) => [String(key), null]));
    await catalogue.edit((before) => qosEdits.changeQos(before, id, { specs }));
    return reply.code(202).send();
  });

  app.delete<OnObject & { Querystring: Query }>(`${path}/:id`, async (request, reply) => {
    const { id, project } = request.params;
    callerOf(request, project);
    const force = isTrue(one(request.query, "force"));
    await catalogue.edit((before) => qosEdits.deleteQos(before, id, force));
    return reply.code(202).send();
  });

  app.get<OnObject>(`${path}/:id/associations`, (request, reply) => {
    const { id, project } = request.params;
    callerOf(request, project);
    const now = state.catalogue.catalogue;
    const associations = qosEdits.flavorsWithQos(now, find(id)).map((name) => ({
      association_type: "volume_type",
      name,
      id: requireType(now, name).id,
    }));
    return reply.send({ qos_associations: associations });
  });

  const steps = { associate: qosEdits.associate, disassociate: qosEdits.disassociate };
  for (const [word, step] of Object.entries(steps))
    app.get<OnObject & { Querystring: Query }>(`${path}/:id/${word}`, async (request, reply) => {
      const { id, project } = request.params;
      callerOf(request, project);
      const type = one(request.query, "vol_type_id");
      if (type === undefined) throw refusal("Volume Type id must not be None: give vol_type_id");
      await catalogue.edit((before: Catalogue) => step(before, id, requireType(before, type).id));
      return reply.code(202).send();
    });

  app.get<OnObject>(`${path}/:id/disassociate_all`, async (request, reply) => {
    const { id, project } = request.params;
    callerOf(request, project);
    await catalogue.edit((before) => qosEdits.disassociateAll(before, id));
    return reply.code(202).send();
  });
}

function bodySpecs(body: unknown): Record<string, unknown> {
  const specs = isJsonObject(body) ? body.qos_specs : undefined;
  if (!isJsonObject(specs)) throw refusal('the body must be a JSON object with an object "qos_specs" in it');
  return Object.fromEntries(Object.entries(specs).map(([key, value]) => [key, specText(value)]));
}

function qosView({ id, name, consumer, specs }: QosSpecs): object {
  return { id, name, consumer, specs };
}
