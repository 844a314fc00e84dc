import type { Backend } from "#shared/model/catalogue.ts";
import { OWN_SIDE, sideName } from "#shared/model/replication.ts";
import type { Volume } from "#shared/model/volume.ts";
import { backendState } from "../../core/sides.ts";
import type { State } from "../../core/state.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { callerOf } from "../request-context.ts";
import { requireBackend } from "./backends.ts";
import {
  FAILOVER_VOLUMES_TOLD,
  FailoverAnswer,
  FailoverBody,
  type FailoverVolume,
  FreezeBody,
} from "./failover-schemas.ts";

interface OnBackend {
  Params: { id: string };
}

/** Failover of a backend to a target and back, and freezing it. The work goes on after the answer: GET tells how far it is. */
export function failoverRoutes(app: Api, base: string, { engine }: ApiDependencies): void {
  const { state } = engine;
  const path = `${base}/backends/:id`;
  const find = (id: string): Backend => requireBackend(state.catalogue.catalogue, id);

  app.get<OnBackend>(`${path}/failover`, { schema: { response: { 200: FailoverAnswer } } }, async ({ params }) =>
    failoverView(state, find(params.id)),
  );

  app.post<OnBackend & { Body: FailoverBody }>(
    `${path}/failover`,
    { schema: { body: FailoverBody, response: { 202: FailoverAnswer } } },
    async (request, reply) => {
      const backend = find(request.params.id);
      const to = request.body.to === OWN_SIDE ? null : request.body.to;
      await engine.submit("backend.failover", { backendId: backend.id, to, ...asker(request) });
      return reply.code(202).send(failoverView(state, backend));
    },
  );

  app.post<OnBackend & { Body: FreezeBody }>(
    `${path}/freeze`,
    { schema: { body: FreezeBody, response: { 200: FailoverAnswer } } },
    async (request) => {
      const backend = find(request.params.id);
      const { reason = "" } = request.body;
      await engine.submit("backend.freeze", { backendId: backend.id, reason, ...asker(request) });
      return failoverView(state, backend);
    },
  );

  app.post<OnBackend>(`${path}/thaw`, { schema: { response: { 200: FailoverAnswer } } }, async (request) => {
    const backend = find(request.params.id);
    await engine.submit("backend.thaw", { backendId: backend.id, ...asker(request) });
    return failoverView(state, backend);
  });
}

function asker(request: Parameters<typeof callerOf>[0]): { readonly userId: string; readonly requestId: string } {
  const { userId, requestId } = callerOf(request, undefined);
  return { userId, requestId };
}

function failoverView(state: State, { id, name, replicationTargets = [] }: Backend): FailoverAnswer {
  const { side, failover, frozen, lastError } = backendState(state, id);
  const volumes = state.users(id).flatMap((key) => {
    const [kind, volumeId = ""] = key.split(" ");
    return (kind === "volume" ? state.get("volume", volumeId) : undefined) ?? [];
  });
  const aside = volumes.filter((volume) => volume.aside !== undefined);
  const usable = volumes.filter((volume) => volume.aside === undefined);
  return {
    backend: { id, name },
    side: sideName(side),
    targets: replicationTargets.map((target) => target.name),
    failover:
      failover === null
        ? null
        : {
            to: sideName(failover.to),
            phase: failover.phase,
            startedAt: new Date(failover.startedAtMs).toISOString(),
            overdue: failover.overdue,
          },
    frozen,
    lastError,
    usable: usable.length,
    aside: aside.length,
    volumes: [...aside, ...usable].slice(0, FAILOVER_VOLUMES_TOLD).map(volumeView),
  };
}

function volumeView({ id, name, status, replicationStatus, aside, lastError }: Volume): FailoverVolume {
  return {
    id,
    name,
    status,
    replicationStatus: replicationStatus ?? null,
    aside: aside === undefined ? null : { side: sideName(aside.side), status: aside.status },
    error: aside === undefined ? null : (lastError?.message ?? null),
  };
}
