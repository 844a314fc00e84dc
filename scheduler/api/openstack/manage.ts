import { randomUUID } from "node:crypto";
import { BerthError } from "#shared/errors.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { State } from "../../core/state.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { requireBackend } from "../operator/backends.ts";
import { callerOf } from "../request-context.ts";
import { BodyFields, readText } from "./fields.ts";
import { manageablePage, manageables, manageableView } from "./manageable-list.ts";
import { linkBaseOf } from "./rest/addresses.ts";
import { one, type Query } from "./rest/listing.ts";
import { isJsonObject, refusal } from "./rest/refusal.ts";
import type { InProject } from "./routes.ts";
import { volumeView } from "./volumes/view.ts";

/** The paths before microversion 3.8, and since. */
const VOLUME_PATHS = ["os-volume-manage", "manageable_volumes"];
const SNAPSHOT_PATHS = ["os-snapshot-manage", "manageable_snapshots"];

/** Taking over what others made on a backend. (`os-unmanage` is an action of volumes.) */
export function manageRoutes(app: Api, base: string, { engine, storage, settings }: ApiDependencies): void {
  const { state } = engine;

  for (const path of VOLUME_PATHS) {
    app.post<InProject>(`${base}/${path}`, async (request, reply) => {
      const { project } = request.params;
      const caller = callerOf(request, project);
      const { projectId, userId, requestId } = caller;
      const fields = BodyFields.under("volume", request.body);
      const reference = readReference(request.body, "volume");
      const backend = requireCapable(state, backendOfHost(state, fields.text("host")));
      const wanted = {
        name: fields.text("name") ?? "",
        description: fields.text("description") ?? "",
        metadata: fields.metadata("metadata") ?? {},
        bootable: fields.boolean("bootable"),
        flavor: fields.reference("volume_type"),
        zone: fields.reference("availability_zone"),
      };
      const found = await storage.foreignObject(backend.id, reference);
      if (found === null)
        throw new BerthError(
          "E_BAD_REQUEST",
          `Manage existing volume failed due to invalid backend reference ${JSON.stringify(reference)}: backend ${backend.name} has nothing of that name.`,
        );
      const on = { id: randomUUID(), projectId, userId, requestId, backendId: backend.id, found };
      const volume = await engine.submit("volume.manage", { ...on, ...wanted });
      const links = linkBaseOf(request.headers, settings.publicUrl, project);
      return reply.code(202).send({ volume: volumeView(state, volume, { links, caller, minor: request.minor }) });
    });

    for (const detail of [false, true])
      app.get<InProject & { Querystring: Query }>(`${base}/${path}${detail ? "/detail" : ""}`, async (request) => {
        callerOf(request, request.params.project);
        const backend = requireCapable(state, backendOfHost(state, one(request.query, "host")));
        const all = manageables(state, backend, await storage.foreign(backend.id));
        return {
          "manageable-volumes": manageablePage(all, request.query).map((entry) => manageableView(entry, detail)),
        };
      });
  }

  for (const path of SNAPSHOT_PATHS) {
    app.post<InProject>(`${base}/${path}`, async (request) => {
      callerOf(request, request.params.project);
      const volumeId = BodyFields.under("snapshot", request.body).uuid("volume_id");
      throw noSnapshots(state.backend(state.get("volume", volumeId ?? "")?.backendId ?? 0));
    });
    for (const tail of ["", "/detail"])
      app.get<InProject & { Querystring: Query }>(`${base}/${path}${tail}`, async (request) => {
        callerOf(request, request.params.project);
        throw noSnapshots(backendOfHost(state, one(request.query, "host")));
      });
  }
}

/** No driver can tell of what somebody else's snapshot is one. */
export function noSnapshots(backend: Backend | undefined): BerthError {
  const which = backend === undefined ? "this backend" : `backend ${backend.name}`;
  return new BerthError(
    "E_CONFLICT",
    `${which} cannot do this (manage-snapshot): no driver has snapshots that others made`,
  );
}

function requireCapable(state: State, backend: Backend): Backend {
  const measurement = state.space.backend(backend.id).measurement;
  if (measurement !== null && !measurement.capabilities.includes("manage"))
    throw new BerthError("E_CONFLICT", `backend ${backend.name} cannot do this (manage)`);
  return backend;
}

/** `host@backend#pool`, as volumes tell it; a backend's name or id alone will do. */
function backendOfHost(state: State, host: string | undefined): Backend {
  if (host === undefined || host === "") throw refusal("host is needed: the backend, as berth@NAME#NAME or its name");
  return requireBackend(state.catalogue.catalogue, /@([^#]+)/.exec(host)?.[1] ?? host);
}

/** `source-name` or `source-id`: a backend here has one name for what stands on it. */
function readReference(body: unknown, under: string): string {
  const fields = isJsonObject(body) ? body[under] : undefined;
  const ref = isJsonObject(fields) ? fields.ref : undefined;
  const given = isJsonObject(ref) ? (ref["source-name"] ?? ref["source-id"]) : ref;
  if (given === undefined || given === null || given === "")
    throw refusal('ref is needed: {"source-name": what it is called on the backend}');
  return readText("ref", given);
}
