import { BerthError } from "#shared/errors.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Volume } from "#shared/model/volume.ts";
import { inParallel } from "#shared/parallel.ts";
import type { ResetEvidence } from "../../core/commands.ts";
import { findSnapshot, findVolume } from "../../core/find.ts";
import { objectIdOf } from "../../core/refs.ts";
import { buriedUnder, resetGround } from "../../core/reset.ts";
import type { State } from "../../core/state.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { callerOf } from "../request-context.ts";
import { ResetAnswer, ResetBody } from "./audit-schemas.ts";

const AT_ONCE = 8;

/** `volume reset` and `snapshot reset`: look at the backends first, and record who and why. */
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
      return answer(volume);
    },
  );

  app.post<{ Params: { id: string }; Body: ResetBody }>(
    `${base}/snapshots/:id/reset`,
    { schema: { body: ResetBody, response: { 200: ResetAnswer } } },
    async (request) => {
      const { userId } = callerOf(request, undefined);
      const { to, reason, by = userId } = request.body;
      const before = findSnapshot(state, request.params.id, null);
      const ground = { snapshot: before, buried: buriedUnder(state, before.id) };
      const { objects } = await storage.list(before.backendId);
      const found = objects.find(({ kind, id }) => kind === "snapshot" && id === before.id) ?? null;
      const snapshot = await engine.submit("snapshot.reset", {
        scope: null,
        id: before.id,
        userId,
        requestId: request.id,
        to,
        by,
        reason,
        evidence: { ...ground, found },
      });
      log.warn(
        { snapshotId: snapshot.id, from: before.status, to, by, reason, requestId: request.id },
        "snapshot reset",
      );
      return answer(snapshot);
    },
  );

  function answer({ id, status, sizeGib, backendId, reset }: Volume | Snapshot): ResetAnswer {
    if (reset === undefined) throw new BerthError("E_INTERNAL", "the reset left no note");
    const backend = backendId === null ? null : (state.backend(backendId)?.name ?? null);
    return { id, status, sizeGib, backend, reset };
  }

  /** A backend that cannot be asked leaves the question open: then nothing is reset. */
  async function look(volume: Volume): Promise<ResetEvidence["found"]> {
    const found: ResetEvidence["found"][number][] = [];
    await inParallel(backendsToAsk(state, volume), AT_ONCE, async (backendId) => {
      const { objects } = await storage.list(backendId);
      const object = objects.find(({ kind, id }) => kind === "volume" && id === objectIdOf(volume));
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
