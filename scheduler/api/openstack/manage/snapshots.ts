import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { findVolume } from "../../../core/find.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { requireBackendAt } from "../places.ts";
import { needed, under } from "../rest/body.ts";
import { metadata, text, uuid } from "../rest/kinds.ts";
import { one } from "../rest/listing.ts";
import { type Call, type Operation, operation, operationWith } from "../rest/operation.ts";
import { SnapshotAnswer } from "../snapshots/view.ts";
import {
  ManageableView,
  manageablePage,
  manageableQuery,
  manageableSnapshots,
  manageableView,
} from "./manageable-list.ts";
import { ref } from "./ref.ts";
import { LIST_CLUSTER_SINCE } from "./volumes.ts";

const RENAMED_SINCE = 8;

const ManageBody = under("snapshot", {
  volume_id: needed(uuid, "the volume that it is a snapshot of"),
  ref: needed(ref, '{"source-name": what it is called on the backend}'),
  name: text,
  description: text,
  metadata,
});

const ManageableSnapshots = Type.Object({ "manageable-snapshots": Type.Array(ManageableView) });

/** No driver can tell of what somebody else's snapshot is one, so none is taken over; lists tell those that are managed. */
export function manageSnapshotOperations({ engine }: ApiDependencies): readonly Operation[] {
  const { state } = engine;
  const list = (
    { query, minor }: Pick<Call, "query" | "minor">,
    detail: boolean,
  ): Static<typeof ManageableSnapshots> => {
    const place = { host: one(query, "host"), cluster: one(query, "cluster") };
    const backend = requireBackendAt(state.catalogue.catalogue, place, minor >= LIST_CLUSTER_SINCE, "E_NOT_FOUND");
    const page = manageablePage(manageableSnapshots(state, backend), query);
    return {
      "manageable-snapshots": page.map((entry) => ({
        ...manageableView(entry, detail),
        source_reference: { "source-name": entry.source },
      })),
    };
  };
  const facts = { access: "admin" } as const;
  return (["/os-snapshot-manage", "/manageable_snapshots"] as const).flatMap((path) => {
    const versioned = path === "/manageable_snapshots" ? { since: RENAMED_SINCE } : {};
    const suffix = path === "/manageable_snapshots" ? "" : ":old";
    return [
      operationWith(ManageBody, {
        ...facts,
        ...versioned,
        name: `snapshot_extension:snapshot_manage${suffix}`,
        summary: "Take a snapshot over that another made: no driver can",
        method: "POST",
        path,
        status: 202,
        answer: SnapshotAnswer,
        handle: ({ body, by }) => {
          throw noSnapshots(state.backend(findVolume(state, body.volume_id, by.scope).backendId ?? 0));
        },
      }),
      operation({
        ...facts,
        ...versioned,
        name: `snapshot_extension:list_manageable${suffix}`,
        summary: "The snapshots on a backend, which all are managed",
        method: "GET",
        path,
        query: manageableQuery,
        status: 200,
        answer: ManageableSnapshots,
        handle: (call) => list(call, false),
      }),
      operation({
        ...facts,
        ...versioned,
        name: `snapshot_extension:list_manageable${suffix}:detail`,
        summary: "The same, with what they are",
        method: "GET",
        path: `${path}/detail`,
        query: manageableQuery,
        status: 200,
        answer: ManageableSnapshots,
        handle: (call) => list(call, true),
      }),
    ];
  });
}

export function noSnapshots(backend: Backend | undefined): BerthError {
  const which = backend === undefined ? "this backend" : `backend ${backend.name}`;
  return new BerthError(
    "E_CONFLICT",
    `${which} cannot do this (manage-snapshot): no driver has snapshots that others made`,
  );
}
