import { BerthError } from "#shared/errors.ts";
import type { Volume } from "#shared/model/volume.ts";
import { inParallel } from "#shared/parallel.ts";
import type { ResetEvidence } from "../../core/commands.ts";
import { findVolume } from "../../core/find.ts";
import { resetGround } from "../../core/reset.ts";
import type { State } from "../../core/state.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { callerOf } from "../request-context.ts";
import { ResetAnswer, ResetBody } from "./audit-schemas.ts";

const AT_ONCE = 8;

/** `volume reset`: looks at the backends first, and records who and why. */
export function resetRoutes(app: Api, base: string, { engine, storage, log }: ApiDependencies): void {
  const { state } = engine;

  app.post<{ Params: { id: string }; Body: ResetBody }>(
    `${base}/volumes/:id/reset`,
    { schema: { body: ResetBody, response: { 200: ResetAnswer } } },
    async (request) => {
      const { userId } = callerOf(request, undefined);
      const { to, reason, by = userId } = request.body;
      const before = findVolume(state, request.params.id, null);
      const ground = resetGround(state, before);
      const found = await look(before);
      const on = { scope: null, id: before.id, userId, requestId: request.id };
      const volume = await engine.submit("volume.reset", {
        ...on,
        to,
        by,
        reason,
        evidence: { ...ground, found },
      });
      log.warn({ volumeId: volume.id, from: before.status, to, by, reason, requestId: request.id }, "volume reset");
      if (volume.reset === undefined) throw new BerthError("E_INTERNAL", "the reset left no note");
      const backend = volume.backendId === null ? null : (state.backend(volume.backendId)?.name ?? null);
      return { id: volume.id, status: volume.status, sizeGib: volume.sizeGib, backend, reset: volume.reset };
    },
  );

  /** A backend that cannot be asked leaves the question open: then nothing is reset. */
  async function look(volume: Volume): Promise<ResetEvidence["found"]> {
    const found: ResetEvidence["found"][number][] = [];
    await inParallel(backendsToAsk(state, volume), AT_ONCE, async (backendId) => {
      const { objects } = await storage.list(backendId);
      const object = objects.find(({ kind, id }) => kind === "volume" && id === volume.id);
      if (object !== undefined) found.push({ backendId, object });
    });
    return found;
  }
}

/** Where it is by its record; if that names none, wherever it may have been placed. */
function backendsToAsk(state: State, volume: Volume): number[] {
  if (volume.backendId !== null) return [volume.backendId];
  const behindFlavor = state.flavor(volume)?.backends ?? [];
  return [...new Set([...behindFlavor, ...volume.triedBackendIds])].filter((id) => {
    const backend = state.backend(id);
    return backend !== undefined && (volume.requestedZone === null || backend.zone === volume.requestedZone);
  });
}
