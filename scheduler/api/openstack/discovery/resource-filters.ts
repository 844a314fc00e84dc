import { Type } from "typebox";
import { listedAttachments } from "../attachments/view.ts";
import { listedBackups } from "../backups/backups.ts";
import { POOL_FILTERS } from "../pools/pools.ts";
import { one } from "../rest/listing.ts";
import { type Operation, operation } from "../rest/operation.ts";
import { listedSnapshots } from "../snapshots/view.ts";
import { listedVolumes } from "../volumes/view.ts";

/** What each kind of object can be asked for by. */
const FILTERS: ReadonlyMap<string, readonly string[]> = new Map([
  ["volume", [...Object.keys(listedVolumes.fields), "metadata"]],
  ["snapshot", [...Object.keys(listedSnapshots.fields), "metadata"]],
  ["backup", Object.keys(listedBackups.fields)],
  ["attachment", Object.keys(listedAttachments.fields)],
  ["pool", POOL_FILTERS],
]);

export function filterOperations(): readonly Operation[] {
  return [
    operation({
      name: "resource_filters:get_all",
      summary: "By what lists can be filtered",
      method: "GET",
      path: "/resource_filters",
      access: "reader",
      since: 33,
      query: { resource: "of this kind of object: volume, snapshot…" },
      status: 200,
      answer: Type.Object({
        resource_filters: Type.Array(Type.Object({ resource: Type.String(), filters: Type.Array(Type.String()) })),
      }),
      handle: ({ query }) => {
        const wanted = one(query, "resource") ?? "";
        return {
          resource_filters: [...FILTERS]
            .filter(([resource]) => wanted === "" || resource === wanted)
            .map(([resource, filters]) => ({ resource, filters: [...filters] })),
        };
      },
    }),
  ];
}
