import { randomUUID } from "node:crypto";
import { findGroupSnapshot } from "../../core/find.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { callerOf } from "../request-context.ts";
import { withSecondLook } from "../second-look.ts";
import { BodyFields } from "./fields.ts";
import { groupSnapshotView, groupSummary, listedGroupSnapshots } from "./group-view.ts";
import { newMemberIds, readStatus } from "./groups.ts";
import { linkBaseOf } from "./rest/addresses.ts";
import { listPage, type Query } from "./rest/listing.ts";
import { isJsonObject, refusal } from "./rest/refusal.ts";
import type { InProject, OnObject } from "./routes.ts";

export function groupSnapshotRoutes(app: Api, base: string, dependencies: ApiDependencies): void {
  const { engine, settings } = dependencies;
  const { state } = engine;
  const path = `${base}/group_snapshots`;

  app.post<InProject>(path, async (request, reply) => {
    const { scope, userId, requestId } = callerOf(request, request.params.project);
    const fields = BodyFields.under("group_snapshot", request.body);
    const groupId = fields.uuid("group_id");
    if (groupId === null) throw refusal("group_id is needed: the group to take a snapshot of");
    const wanted = {
      id: randomUUID(),
      scope,
      userId,
      groupId,
      name: fields.text("name") ?? "",
      description: fields.text("description") ?? "",
      memberIds: newMemberIds(),
      requestId,
    };
    const taken = await withSecondLook(dependencies, () => engine.submit("group-snapshot.create", wanted));
    return reply.code(202).send({ group_snapshot: groupSnapshotView(state, taken) });
  });

  for (const detail of [false, true]) {
    const tail = detail ? "/detail" : "";
    app.get<InProject & { Querystring: Query }>(`${path}${tail}`, (request, reply) => {
      const { project } = request.params;
      const caller = callerOf(request, project);
      const links = linkBaseOf(request.headers, settings.publicUrl, project);
      const page = listPage(listedGroupSnapshots, state.table("group-snapshot"), {
        query: request.query,
        caller,
        minor: request.minor,
      });
      return reply.send({
        group_snapshots: page.items.map((taken) => (detail ? groupSnapshotView(state, taken) : groupSummary(taken))),
        ...(page.next === null
          ? {}
          : { group_snapshot_links: [{ rel: "next", href: `${links.self}/group_snapshots${tail}?${page.next}` }] }),
      });
    });
  }

  app.get<OnObject>(`${path}/:id`, (request, reply) => {
    const { id, project } = request.params;
    const taken = findGroupSnapshot(state, id, callerOf(request, project).scope);
    return reply.send({ group_snapshot: groupSnapshotView(state, taken) });
  });

  app.post<OnObject>(`${path}/:id/action`, async (request, reply) => {
    const { id, project } = request.params;
    const { scope, userId, requestId } = callerOf(request, project);
    if (!isJsonObject(request.body) || Object.keys(request.body).join() !== "reset_status")
      throw refusal("the body must be a JSON object with one key, the action; actions are: reset_status");
    const to = readStatus(BodyFields.under("reset_status", request.body));
    await engine.submit("group-snapshot.reset", { scope, id, userId, requestId, to });
    return reply.code(202).send();
  });

  app.delete<OnObject>(`${path}/:id`, async (request, reply) => {
    const { id, project } = request.params;
    const { scope, userId, requestId } = callerOf(request, project);
    await engine.submit("group-snapshot.delete", { scope, id, userId, requestId });
    return reply.code(202).send();
  });
}
