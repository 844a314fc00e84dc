import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { Nullable } from "#shared/model/nullable.ts";
import type { State } from "../../../core/state.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { serviceHost } from "../places.ts";
import { needed, plain } from "../rest/body.ts";
import { kind } from "../rest/kinds.ts";
import { one } from "../rest/listing.ts";
import { type Operation, operation, operationWith } from "../rest/operation.ts";
import { fieldTime } from "../rest/times.ts";
import { disableBackend, enableBackend } from "./admission.ts";
import { services } from "./listed.ts";

const text = Type.String();
const HostList = Type.Object({
  hosts: Type.Array(
    Type.Object({
      host_name: text,
      service: text,
      zone: text,
      "service-status": Type.Union([Type.Literal("available"), Type.Literal("unavailable")]),
      "service-state": Type.Union([Type.Literal("enabled"), Type.Literal("disabled")]),
      "last-update": Nullable(text),
    }),
  ),
});
/** Numbers are texts here. */
const Resource = Type.Object({
  host: text,
  project: text,
  volume_count: text,
  total_volume_gb: text,
  snapshot_count: text,
  total_snapshot_gb: text,
});
const HostAnswer = Type.Object({ host: Type.Array(Type.Object({ resource: Resource })) });

const status = kind(
  Type.String({ pattern: "^\\s*(?:[Ee][Nn][Aa][Bb][Ll][Ee]|[Dd][Ii][Ss][Aa][Bb][Ll][Ee])\\s*$" }),
  "enable or disable",
  (word) => word.trim().toLowerCase(),
);
const UpdateBody = plain({ status: needed(status, "enable or disable") });

/** `os-hosts`: an older way to see services, and what stands on each. */
export function hostOperations({ engine, catalogue, nowMs = Date.now }: ApiDependencies): readonly Operation[] {
  const { state } = engine;
  const policy = "volume_extension:hosts";
  const find = (name: string): Backend => {
    const found = state.catalogue.catalogue.backends.find((backend) => serviceHost(backend) === name);
    if (found !== undefined) return found;
    throw new BerthError("E_NOT_FOUND", `Host ${name.slice(0, 80)} could not be found.`);
  };
  return [
    operation({
      name: `${policy}:index`,
      summary: "The services that are not disabled, and how they are",
      method: "GET",
      path: "/os-hosts",
      access: "admin",
      query: { zone: "of this zone" },
      status: 200,
      answer: HostList,
      handle: ({ query }) => {
        const zone = one(query, "zone") ?? "";
        const known = services(state, nowMs()).filter((service) => !service.disabled);
        return {
          hosts: known
            .filter((service) => zone === "" || service.zone === zone)
            .map((service) => ({
              host_name: service.host,
              service: service.binary,
              zone: service.zone,
              "service-status": service.up ? ("available" as const) : ("unavailable" as const),
              "service-state": "enabled" as const,
              "last-update": service.heardMs === null ? null : fieldTime(service.heardMs),
            })),
        };
      },
    }),
    operation({
      name: `${policy}:show`,
      summary: "What stands on a backend, in all and of each project",
      method: "GET",
      path: "/os-hosts/:id",
      access: "admin",
      status: 200,
      answer: HostAnswer,
      handle: ({ param }) => ({ host: resources(state, find(param("id"))) }),
    }),
    operationWith(UpdateBody, {
      name: `${policy}:update`,
      summary: "Let a backend take new volumes, or none",
      method: "PUT",
      path: "/os-hosts/:id",
      access: "admin",
      status: 200,
      answer: Type.Object({ host: text, status: text }),
      handle: async ({ body, param }) => {
        const { id: backendId } = find(param("id"));
        const enabled = body.status === "enable";
        await (enabled ? enableBackend(catalogue, backendId) : disableBackend(catalogue, backendId));
        return { host: param("id"), status: enabled ? "enabled" : "disabled" };
      },
    }),
  ];
}

interface Sums {
  volumes: number;
  volumeGib: number;
  snapshots: number;
  snapshotGib: number;
}

function resources(state: State, backend: Backend): Static<typeof HostAnswer>["host"] {
  const total: Sums = { volumes: 0, volumeGib: 0, snapshots: 0, snapshotGib: 0 };
  const projects = new Map<string, Sums>();
  const sumsOf = (project: string): Sums[] => {
    const own = projects.get(project) ?? { volumes: 0, volumeGib: 0, snapshots: 0, snapshotGib: 0 };
    projects.set(project, own);
    return [total, own];
  };
  for (const { backendId, projectId, sizeGib } of state.table("volume").values()) {
    if (backendId !== backend.id) continue;
    for (const sums of sumsOf(projectId)) {
      sums.volumes += 1;
      sums.volumeGib += sizeGib;
    }
  }
  for (const { backendId, projectId, sizeGib } of state.table("snapshot").values()) {
    if (backendId !== backend.id) continue;
    for (const sums of sumsOf(projectId)) {
      sums.snapshots += 1;
      sums.snapshotGib += sizeGib;
    }
  }
  const rows: [string, Sums][] = [["(total)", total], ...[...projects].sort(([a], [b]) => (a < b ? -1 : 1))];
  return rows.map(([project, sums]) => ({
    resource: {
      host: serviceHost(backend),
      project,
      volume_count: String(sums.volumes),
      total_volume_gb: String(sums.volumeGib),
      snapshot_count: String(sums.snapshots),
      total_snapshot_gb: String(sums.snapshotGib),
    },
  }));
}
