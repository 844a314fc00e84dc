import { BerthError } from "#shared/errors.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Volume } from "#shared/model/volume.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { callerOf } from "../request-context.ts";
import { resetSnapshotTo, resetVolumeTo } from "../resets.ts";
import { ResetAnswer, ResetBody } from "./audit-schemas.ts";

/** `volume reset` and `snapshot reset`: look at the backends first, and record who and why. */
export function resetRoutes(app: Api, base: string, dependencies: ApiDependencies): void {
  const { state } = dependencies.engine;
  const schema = { body: ResetBody, response: { 200: ResetAnswer } };

  app.post<{ Params: { id: string }; Body: ResetBody }>(`${base}/volumes/:id/reset`, { schema }, async (request) => {
    const { userId } = callerOf(request, undefined);
    const { to, reason, by = userId } = request.body;
    const on = { scope: null, id: request.params.id, userId, requestId: request.id };
    return answer(await resetVolumeTo(dependencies, { ...on, to, by, reason }));
  });

  app.post<{ Params: { id: string }; Body: ResetBody }>(`${base}/snapshots/:id/reset`, { schema }, async (request) => {
    const { userId } = callerOf(request, undefined);
    const { to, reason, by = userId } = request.body;
    const on = { scope: null, id: request.params.id, userId, requestId: request.id };
    return answer(await resetSnapshotTo(dependencies, { ...on, to, by, reason }));
  });

  function answer({ id, status, sizeGib, backendId, reset }: Volume | Snapshot): ResetAnswer {
    if (reset === undefined) throw new BerthError("E_INTERNAL", "the reset left no note");
    const backend = backendId === null ? null : (state.backend(backendId)?.name ?? null);
    return { id, status, sizeGib, backend, reset };
  }
}
