import { findVolume } from "../../core/find.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { callerOf } from "../request-context.ts";
import { linkBaseOf } from "./addresses.ts";
import { readCreateVolume } from "./create-volume.ts";
import { BodyFields } from "./fields.ts";
import { listPage, type Query } from "./listing.ts";
import { metadataRoutes } from "./metadata.ts";
import { readObjectTexts } from "./object-texts.ts";
import type { InProject, OnObject } from "./routes.ts";
import { listedVolumes, volumeSummary, volumeView } from "./volume-view.ts";

export function volumeRoutes(app: Api, base: string, { engine, settings }: ApiDependencies): void {
  const { state } = engine;
  const path = `${base}/volumes`;

  app.post<InProject>(path, async (request, reply) => {
    const { project } = request.params;
    const input = readCreateVolume(request.body, request.headers["idempotency-key"], callerOf(request, project));
    const { volume } = await engine.submit("volume.create", input);
    const links = linkBaseOf(request.headers, settings.publicUrl, project);
    return reply.code(202).send({ volume: volumeView(state, volume, links) });
  });

  for (const detail of [false, true]) {
    const tail = detail ? "/detail" : "";
    app.get<InProject & { Querystring: Query }>(`${path}${tail}`, (request, reply) => {
      const { project } = request.params;
      const { projectId } = callerOf(request, project);
      const links = linkBaseOf(request.headers, settings.publicUrl, project);
      const page = listPage(listedVolumes, state.table("volume"), request.query, projectId);
      return reply.send({
        volumes: page.items.map((volume) => (detail ? volumeView(state, volume, links) : volumeSummary(volume, links))),
        ...(page.next === null
          ? {}
          : { volumes_links: [{ rel: "next", href: `${links.self}/volumes${tail}?${page.next}` }] }),
      });
    });
  }

  app.get<OnObject>(`${path}/:id`, (request, reply) => {
    const { id, project } = request.params;
    const volume = findVolume(state, id, callerOf(request, project).scope);
    return reply.send({ volume: volumeView(state, volume, linkBaseOf(request.headers, settings.publicUrl, project)) });
  });

  app.put<OnObject>(`${path}/:id`, async (request) => {
    const { id, project } = request.params;
    const { scope, userId, requestId } = callerOf(request, project);
    const texts = readObjectTexts(BodyFields.under("volume", request.body));
    const volume = await engine.submit("volume.update", { scope, id, userId, requestId, texts });
    return { volume: volumeView(state, volume, linkBaseOf(request.headers, settings.publicUrl, project)) };
  });

  app.delete<OnObject>(`${path}/:id`, async (request, reply) => {
    const { id, project } = request.params;
    const { scope, userId, requestId } = callerOf(request, project);
    await engine.submit("volume.delete", { scope, id, userId, requestId });
    return reply.code(202).send();
  });

  metadataRoutes(app, `${path}/:id`, {
    read: (id, { scope }) => findVolume(state, id, scope).metadata,
    write: async (id, { scope, userId, requestId }, metadata) =>
      (await engine.submit("volume.update", { scope, id, userId, requestId, texts: { metadata } })).metadata,
  });
}
