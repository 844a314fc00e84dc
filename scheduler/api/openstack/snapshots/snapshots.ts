import { randomUUID } from "node:crypto";
import { findSnapshot } from "../../../core/find.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { withSecondLook } from "../../second-look.ts";
import { metadataOperations } from "../metadata.ts";
import { ObjectTextsFields, objectTexts } from "../object-texts.ts";
import { alias, needed, under } from "../rest/body.ts";
import { boolean, metadata, text, uuid } from "../rest/kinds.ts";
import { type Operation, operation, operationWith } from "../rest/operation.ts";
import { listOperations } from "../rest/page.ts";
import { refusal } from "../rest/refusal.ts";
import { snapshotActions } from "./actions.ts";
import {
  listedSnapshots,
  SnapshotAnswer,
  SnapshotSummary,
  SnapshotView,
  snapshotSummary,
  snapshotView,
} from "./view.ts";

/** From here on a volume in use needs no force: to refuse it with `force: false` would be a lie, and is a bad request. */
const NO_FORCE_SINCE = 66;

const CreateBody = under("snapshot", {
  volume_id: needed(uuid, "the volume to take a snapshot of"),
  name: alias(text, "display_name"),
  description: alias(text, "display_description"),
  metadata,
  force: boolean,
});
const UpdateBody = under("snapshot", ObjectTextsFields);

export function snapshotOperations(dependencies: ApiDependencies): readonly Operation[] {
  const { engine } = dependencies;
  const { state } = engine;
  return [
    operationWith(CreateBody, {
      name: "volume:create_snapshot",
      summary: "Take a snapshot of a volume",
      method: "POST",
      path: "/snapshots",
      access: "member",
      status: 202,
      answer: SnapshotAnswer,
      handle: async (call) => {
        const { by, body } = call;
        const wanted = {
          ...by,
          id: randomUUID(),
          volumeId: body.volume_id,
          name: body.name ?? "",
          description: body.description ?? "",
          metadata: body.metadata ?? {},
          force: forceOf(body.force, call.minor),
        };
        const snapshot = await withSecondLook(dependencies, () => engine.submit("snapshot.create", wanted));
        return { snapshot: snapshotView(snapshot, call) };
      },
    }),
    ...listOperations({
      object: "volume:snapshot",
      path: "/snapshots",
      key: "snapshots",
      linksKey: "snapshots_links",
      listed: listedSnapshots,
      table: () => state.table("snapshot"),
      summary: { schema: SnapshotSummary, view: snapshotSummary },
      detail: { schema: SnapshotView, view: snapshotView },
    }),
    operation({
      name: "volume:get_snapshot",
      summary: "One snapshot",
      method: "GET",
      path: "/snapshots/:id",
      access: "reader",
      status: 200,
      answer: SnapshotAnswer,
      handle: (call) => ({ snapshot: snapshotView(findSnapshot(state, call.param("id"), call.by.scope), call) }),
    }),
    operationWith(UpdateBody, {
      name: "volume:update_snapshot",
      summary: "Change name, description or metadata",
      method: "PUT",
      path: "/snapshots/:id",
      access: "member",
      status: 200,
      answer: SnapshotAnswer,
      handle: async (call) => {
        const wanted = { ...call.by, id: call.param("id"), texts: objectTexts(call.body, call.minor) };
        return { snapshot: snapshotView(await engine.submit("snapshot.update", wanted), call) };
      },
    }),
    operation({
      name: "volume:delete_snapshot",
      summary: "Delete a snapshot",
      method: "DELETE",
      path: "/snapshots/:id",
      access: "member",
      status: 202,
      handle: ({ by, param }) => engine.submit("snapshot.delete", { ...by, id: param("id") }),
    }),
    snapshotActions(dependencies),
    ...metadataOperations("snapshot", "/snapshots/:id", {
      read: (id, scope) => findSnapshot(state, id, scope).metadata,
      write: async (id, by, metadata) =>
        (await engine.submit("snapshot.update", { ...by, id, texts: { metadata } })).metadata,
    }),
  ];
}

function forceOf(given: boolean | undefined, minor: number): boolean {
  if (minor < NO_FORCE_SINCE) return given ?? false;
  if (given === false)
    throw refusal(
      "Invalid value specified for volume_snapshot: 'force': False is not allowed from 3.66 on, where a volume in use needs no force",
    );
  return true;
}
