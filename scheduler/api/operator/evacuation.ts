import type { Backend } from "#shared/model/catalogue.ts";
import { BYTES_PER_MIB } from "#shared/units.ts";
import { volumesOn, whyItStays } from "../../core/evacuation.ts";
import { backendState } from "../../core/sides.ts";
import type { State } from "../../core/state.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { callerOf } from "../request-context.ts";
import { requireBackend } from "./backends.ts";
import {
  EvacuateBody,
  EvacuationAnswer,
  type LeavingVolume,
  STAYING_VOLUMES_TOLD,
  type StayingVolume,
} from "./evacuation-schemas.ts";
import { moveView } from "./moves.ts";

interface OnBackend {
  Params: { id: string };
}

const AT_ONCE = 2;

/** Moving every volume away from a backend that is drained. The work goes on after the answer: GET tells how far it is. */
export function evacuationRoutes(app: Api, base: string, { engine, nowMs = Date.now }: ApiDependencies): void {
  const { state } = engine;
  const path = `${base}/backends/:id/evacuation`;
  const find = (id: string): Backend => requireBackend(state.catalogue.catalogue, id);

  app.get<OnBackend>(path, { schema: { response: { 200: EvacuationAnswer } } }, async ({ params }) =>
    evacuationView(state, find(params.id), nowMs()),
  );

  app.post<OnBackend & { Body: EvacuateBody }>(
    path,
    { schema: { body: EvacuateBody, response: { 202: EvacuationAnswer } } },
    async (request, reply) => {
      const backend = find(request.params.id);
      const { atOnce = AT_ONCE, bandwidthMibPerS = null } = request.body;
      const bandwidthLimitBytesPerS = bandwidthMibPerS === null ? null : bandwidthMibPerS * BYTES_PER_MIB;
      const { userId, requestId } = callerOf(request, undefined);
      const asked = { backendId: backend.id, userId, requestId, atOnce, bandwidthLimitBytesPerS };
      await engine.submit("backend.evacuate", asked);
      return reply.code(202).send(evacuationView(state, backend, nowMs()));
    },
  );
}

function evacuationView(state: State, { id, name }: Backend, nowMs: number): EvacuationAnswer {
  const { evacuation } = backendState(state, id);
  const volumes = volumesOn(state, id);
  const leaving: LeavingVolume[] = [];
  const staying: StayingVolume[] = [];
  for (const volume of volumes) {
    const named = { id: volume.id, name: volume.name, status: volume.status };
    const move = moveView(state, volume);
    if (move !== null) leaving.push({ ...named, move });
    else if (evacuation !== undefined) {
      const why = whyItStays(state, volume, evacuation, nowMs);
      if (why !== null) staying.push({ ...named, code: why.code, why: why.message });
    }
  }
  return {
    backend: { id, name },
    admission: state.backend(id)?.admission.state ?? "enabled",
    evacuation:
      evacuation === undefined
        ? null
        : {
            atOnce: evacuation.atOnce,
            bandwidthLimitBytesPerS: evacuation.bandwidthLimitBytesPerS,
            by: evacuation.userId,
            startedAt: new Date(evacuation.startedAtMs).toISOString(),
            endedAt: evacuation.endedAtMs === null ? null : new Date(evacuation.endedAtMs).toISOString(),
            moved: evacuation.moved,
          },
    left: volumes.length,
    waiting: volumes.length - leaving.length - staying.length,
    staying: staying.length,
    leaving,
    stayingVolumes: staying.slice(0, STAYING_VOLUMES_TOLD),
  };
}
