import { randomUUID } from "node:crypto";
import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { State } from "../../../core/state.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { requireBackendAt } from "../places.ts";
import { needed, since, under } from "../rest/body.ts";
import { boolean, metadata, reference, text } from "../rest/kinds.ts";
import { one } from "../rest/listing.ts";
import { type Call, type Operation, operation, operationWith } from "../rest/operation.ts";
import { VolumeAnswer, volumeView } from "../volumes/view.ts";
import { ManageableView, manageablePage, manageableQuery, manageables, manageableView } from "./manageable-list.ts";
import { ref } from "./ref.ts";

/** From here on the path is `manageable_volumes`; the older one stays. */
const RENAMED_SINCE = 8;
const CLUSTER_SINCE = 16;
/** In lists. */
export const LIST_CLUSTER_SINCE = 17;

const ManageBody = under("volume", {
  host: reference,
  cluster: since(CLUSTER_SINCE, reference),
  ref: needed(ref, '{"source-name": what it is called on the backend}'),
  name: text,
  description: text,
  metadata,
  bootable: boolean,
  volume_type: reference,
  availability_zone: reference,
});

const ManageableVolumes = Type.Object({ "manageable-volumes": Type.Array(ManageableView) });

/** Taking over what others made on a backend. (`os-unmanage` is an action of volumes.) */
export function manageVolumeOperations(dependencies: ApiDependencies): readonly Operation[] {
  const { engine, storage } = dependencies;
  const { state } = engine;

  const manage = async (
    call: Pick<Call<ReturnType<typeof ManageBody.read>>, "body" | "by" | "caller" | "minor" | "links">,
  ) => {
    const { body, by, caller } = call;
    const catalogue = state.catalogue.catalogue;
    const backend = requireCapable(
      state,
      requireBackendAt(catalogue, body, call.minor >= CLUSTER_SINCE, "E_BAD_REQUEST"),
    );
    const found = await storage.foreignObject(backend.id, body.ref);
    if (found === null)
      throw new BerthError(
        "E_BAD_REQUEST",
        `Manage existing volume failed due to invalid backend reference ${JSON.stringify(body.ref)}: backend ${backend.name} has nothing of that name.`,
      );
    const { userId, requestId } = by;
    const volume = await engine.submit("volume.manage", {
      ...{ id: randomUUID(), projectId: caller.projectId, userId, requestId, backendId: backend.id, found },
      name: body.name?.trim() ?? "",
      description: body.description?.trim() ?? "",
      metadata: body.metadata ?? {},
      bootable: body.bootable ?? false,
      flavor: body.volume_type ?? null,
      zone: body.availability_zone ?? null,
    });
    return { volume: volumeView(state, volume, call) };
  };

  const list = async (
    { query, minor }: Pick<Call, "query" | "minor">,
    detail: boolean,
  ): Promise<Static<typeof ManageableVolumes>> => {
    const place = { host: one(query, "host"), cluster: one(query, "cluster") };
    const backend = requireBackendAt(state.catalogue.catalogue, place, minor >= LIST_CLUSTER_SINCE, "E_NOT_FOUND");
    const all = manageables(state, requireCapable(state, backend), await storage.foreign(backend.id));
    return { "manageable-volumes": manageablePage(all, query).map((entry) => manageableView(entry, detail)) };
  };

  const facts = { access: "admin" } as const;
  return (["/os-volume-manage", "/manageable_volumes"] as const).flatMap((path) => {
    const versioned = path === "/manageable_volumes" ? { since: RENAMED_SINCE } : {};
    const suffix = path === "/manageable_volumes" ? "" : ":old";
    return [
      operationWith(ManageBody, {
        ...facts,
        ...versioned,
        name: `volume_extension:volume_manage${suffix}`,
        summary: "Make a volume of what another made on a backend",
        method: "POST",
        path,
        status: 202,
        answer: VolumeAnswer,
        handle: manage,
      }),
      operation({
        ...facts,
        ...versioned,
        name: `volume_extension:list_manageable${suffix}`,
        summary: "What of a backend could be made volumes of, and what is",
        method: "GET",
        path,
        query: manageableQuery,
        status: 200,
        answer: ManageableVolumes,
        handle: (call) => list(call, false),
      }),
      operation({
        ...facts,
        ...versioned,
        name: `volume_extension:list_manageable${suffix}:detail`,
        summary: "The same, with why not",
        method: "GET",
        path: `${path}/detail`,
        query: manageableQuery,
        status: 200,
        answer: ManageableVolumes,
        handle: (call) => list(call, true),
      }),
    ];
  });
}

function requireCapable(state: State, backend: Backend): Backend {
  const { measurement } = state.space.backend(backend.id);
  if (measurement !== null && !measurement.capabilities.includes("manage"))
    throw new BerthError("E_CONFLICT", `backend ${backend.name} cannot do this (manage)`);
  return backend;
}
