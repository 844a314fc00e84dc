import { randomUUID } from "node:crypto";
import { findSnapshot } from "../../core/find.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { callerOf } from "../request-context.ts";
import { withSecondLook } from "../second-look.ts";
import { linkBaseOf } from "./addresses.ts";
import { BodyFields, isJsonObject, refusal } from "./fields.ts";
import { listPage, type Query } from "./listing.ts";
import { noSnapshots } from "./manage.ts";
import { metadataRoutes } from "./metadata.ts";
import { readObjectTexts } from "./object-texts.ts";
import type { InProject, OnObject } from "./routes.ts";
import { listedSnapshots, snapshotSummary, snapshotView } from "./snapshot-view.ts";

export function snapshotRoutes(app: Api, base: string, dependencies: ApiDependencies): void {
  const { engine, settings } = dependencies;
  const { state } = engine;
  const path = `${base}/snapshots`;

  app.post<InProject>(path, async (request, reply) => {
    const { scope, userId, requestId } = callerOf(request, request.params.project);
    const fields = BodyFields.under("snapshot", request.body);
    const volumeId = fields.uuid("volume_id");
    if (volumeId === null) throw refusal("volume_id is needed: the volume to take a snapshot of");
    const wanted = {
      id: randomUUID(),
      scope,
      userId,
      volumeId,
      name: fields.text("name", "display_name") ?? "",
      description: fields.text("description", "display_description") ?? "",
      metadata: fields.metadata("metadata") ?? {},
      force: fields.boolean("force"),
      requestId,
    };
    const snapshot = await withSecondLook(dependencies, () => engine.submit("snapshot.create", wanted));
    return reply.code(202).send({ snapshot: snapshotView(snapshot) });
  });

  for (const detail of [false, true]) {
    const tail = detail ? "/detail" : "";
    app.get<InProject & { Querystring: Query }>(`${path}${tail}`, (request, reply) => {
      const { project } = request.params;
      const { projectId } = callerOf(request, project);
      const links = linkBaseOf(request.headers, settings.publicUrl, project);
      const page = listPage(listedSnapshots, state.table("snapshot"), request.query, projectId);
      return reply.send({
        snapshots: page.items.map(detail ? snapshotView : snapshotSummary),
        ...(page.next === null
          ? {}
          : { snapshots_links: [{ rel: "next", href: `${links.self}/snapshots${tail}?${page.next}` }] }),
      });
    });
  }

  app.get<OnObject>(`${path}/:id`, (request, reply) => {
    const { id, project } = request.params;
    return reply.send({ snapshot: snapshotView(findSnapshot(state, id, callerOf(request, project).scope)) });
  });

  app.put<OnObject>(`${path}/:id`, async (request) => {
    const { id, project } = request.params;
    const { scope, userId, requestId } = callerOf(request, project);
    const texts = readObjectTexts(BodyFields.under("snapshot", request.body));
    return { snapshot: snapshotView(await engine.submit("snapshot.update", { scope, id, userId, requestId, texts })) };
  });

  app.delete<OnObject>(`${path}/:id`, async (request, reply) => {
    const { id, project } = request.params;
    const { scope, userId, requestId } = callerOf(request, project);
    await engine.submit("snapshot.delete", { scope, id, userId, requestId });
    return reply.code(202).send();
  });

  app.post<OnObject>(`${path}/:id/action`, async (request) => {
    const { id, project } = request.params;
    const snapshot = findSnapshot(state, id, callerOf(request, project).scope);
    if (isJsonObject(request.body) && Object.keys(request.body).join() === "os-unmanage")
      throw noSnapshots(state.backend(snapshot.backendId));
    throw refusal("There is no such action on a snapshot");
  });

  metadataRoutes(app, `${path}/:id`, {
    read: (id, { scope }) => findSnapshot(state, id, scope).metadata,
    write: async (id, { scope, userId, requestId }, metadata) =>
      (await engine.submit("snapshot.update", { scope, id, userId, requestId, texts: { metadata } })).metadata,
  });
}
