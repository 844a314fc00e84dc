import { randomUUID } from "node:crypto";
import { type GroupSource, MAX_GROUP_MEMBERS } from "#shared/model/group.ts";
import { DEFAULT_GROUP_TYPE } from "#shared/model/group-type.ts";
import { requireGroupType } from "../../catalogue/group-type-edits.ts";
import { findGroup } from "../../core/find.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { callerOf } from "../request-context.ts";
import { BodyFields } from "./fields.ts";
import { groupSummary, groupView, listedGroups } from "./group-view.ts";
import { linkBaseOf } from "./rest/addresses.ts";
import { isTrue, listPage, one, type Query } from "./rest/listing.ts";
import { isJsonObject, refusal, shown } from "./rest/refusal.ts";
import type { InProject, OnObject } from "./routes.ts";

/** As many as a group can have, for what a copy or a snapshot of it makes. */
export function newMemberIds(): string[] {
  return Array.from({ length: MAX_GROUP_MEMBERS }, () => randomUUID());
}

export function groupRoutes(app: Api, base: string, { engine, settings }: ApiDependencies): void {
  const { state } = engine;
  const path = `${base}/groups`;

  app.post<InProject>(path, async (request, reply) => {
    const { projectId, userId, requestId } = callerOf(request, request.params.project);
    const fields = BodyFields.under("group", request.body);
    const flavors = fields.texts("volume_types") ?? [];
    const type = fields.reference("group_type") ?? DEFAULT_GROUP_TYPE.id;
    if (flavors.length === 0) throw refusal("volume_types is needed: the types that the group's volumes may have");
    const group = await engine.submit("group.create", {
      id: randomUUID(),
      projectId,
      userId,
      name: fields.text("name") ?? "",
      description: fields.text("description") ?? "",
      groupType: requireGroupType(state.catalogue.catalogue, type).id,
      flavors,
      zone: fields.reference("availability_zone"),
      source: { kind: "blank" },
      memberIds: [],
      requestId,
    });
    return reply.code(202).send({ group: groupSummary(group) });
  });

  app.post<InProject>(`${path}/action`, async (request, reply) => {
    const { projectId, userId, requestId } = callerOf(request, request.params.project);
    const fields = BodyFields.under("create-from-src", request.body);
    const group = await engine.submit("group.create", {
      id: randomUUID(),
      projectId,
      userId,
      name: fields.text("name") ?? "",
      description: fields.text("description") ?? "",
      groupType: null,
      flavors: [],
      zone: null,
      source: readSource(fields),
      memberIds: newMemberIds(),
      requestId,
    });
    return reply.code(202).send({ group: groupSummary(group) });
  });

  for (const detail of [false, true]) {
    const tail = detail ? "/detail" : "";
    app.get<InProject & { Querystring: Query }>(`${path}${tail}`, (request, reply) => {
      const { project } = request.params;
      const caller = callerOf(request, project);
      const links = linkBaseOf(request.headers, settings.publicUrl, project);
      const page = listPage(listedGroups, state.table("group"), { query: request.query, caller, minor: request.minor });
      const withVolumes = isTrue(one(request.query, "list_volume"));
      return reply.send({
        groups: page.items.map((group) => (detail ? groupView(state, group, withVolumes) : groupSummary(group))),
        ...(page.next === null
          ? {}
          : { group_links: [{ rel: "next", href: `${links.self}/groups${tail}?${page.next}` }] }),
      });
    });
  }

  app.get<OnObject & { Querystring: Query }>(`${path}/:id`, (request, reply) => {
    const { id, project } = request.params;
    const group = findGroup(state, id, callerOf(request, project).scope);
    return reply.send({ group: groupView(state, group, isTrue(one(request.query, "list_volume"))) });
  });

  app.put<OnObject>(`${path}/:id`, async (request, reply) => {
    const { id, project } = request.params;
    const { scope, userId, requestId } = callerOf(request, project);
    const fields = BodyFields.under("group", request.body);
    const [name, description] = [fields.text("name"), fields.text("description")];
    const texts = {
      ...(name === undefined ? {} : { name }),
      ...(description === undefined ? {} : { description }),
    };
    const addVolumes = fields.uuids("add_volumes");
    const removeVolumes = fields.uuids("remove_volumes");
    if (Object.keys(texts).length + addVolumes.length + removeVolumes.length === 0)
      throw refusal("name, description, add_volumes or remove_volumes is needed");
    await engine.submit("group.update", { scope, id, userId, requestId, texts, addVolumes, removeVolumes });
    return reply.code(202).send();
  });

  app.post<OnObject>(`${path}/:id/action`, async (request, reply) => {
    const { id, project } = request.params;
    const { scope, userId, requestId } = callerOf(request, project);
    const action = isJsonObject(request.body) ? Object.keys(request.body).join() : "";
    if (action === "reset_status") {
      const to = readStatus(BodyFields.under(action, request.body));
      await engine.submit("group.reset", { scope, id, userId, requestId, to });
      return reply.code(202).send();
    }
    if (action !== "delete")
      throw refusal("the body must be a JSON object with one key, the action; actions are: delete, reset_status");
    const deleteVolumes = BodyFields.under("delete", request.body).boolean("delete-volumes");
    await engine.submit("group.delete", { scope, id, userId, requestId, deleteVolumes });
    return reply.code(202).send();
  });
}

/** What a group, or a group snapshot, is said to be. */
export function readStatus(fields: BodyFields): "available" | "error" {
  const status = fields.reference("status");
  if (status === "available" || status === "error") return status;
  throw refusal(`status must be available or error, not ${shown(status)}: any other follows from what is under way`);
}

function readSource(fields: BodyFields): GroupSource {
  const groupSnapshotId = fields.uuid("group_snapshot_id");
  const groupId = fields.uuid("source_group_id");
  if ((groupSnapshotId === null) === (groupId === null))
    throw refusal("a group has one source: give group_snapshot_id or source_group_id");
  if (groupSnapshotId !== null) return { kind: "group-snapshot", groupSnapshotId };
  return { kind: "group", groupId: groupId ?? "" };
}
