import type { Volume } from "#shared/model/volume.ts";
import { BYTES_PER_MIB, gibToBytes } from "#shared/units.ts";
import type { MoveMeans } from "../../core/commands.ts";
import { findVolume } from "../../core/find.ts";
import { stepJobId } from "../../core/moves/steps.ts";
import type { State } from "../../core/state.ts";
import { moveMeans } from "../../move-means.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { refusal } from "../openstack/rest/refusal.ts";
import { callerOf } from "../request-context.ts";
import { MigrateBody, MoveAnswer, type MoveView, RetypeBody } from "./move-schemas.ts";

interface OnVolume {
  readonly Params: { id: string };
}

/** Moving volumes, watching how far they are, and calling them back. */
export function moveRoutes(app: Api, base: string, dependencies: ApiDependencies): void {
  const { engine } = dependencies;
  const { state } = engine;
  const answers = { response: { 200: MoveAnswer, 202: MoveAnswer } };

  app.get<OnVolume>(`${base}/volumes/:id/move`, { schema: answers }, async ({ params }) =>
    moveAnswer(state, findVolume(state, params.id, null)),
  );

  app.post<OnVolume & { Body: MigrateBody }>(
    `${base}/volumes/:id/migrate`,
    { schema: { body: MigrateBody, ...answers } },
    async (request, reply) => {
      const { backend = null, zone = null, bandwidthMibPerS = null, forceCopy = false } = request.body;
      if ((backend === null) === (zone === null)) throw refusal("give a backend or a zone to move to, one of the two");
      const { userId, requestId } = callerOf(request, undefined);
      const on = { scope: null, id: request.params.id, userId, requestId };
      const means = limited(dependencies, bandwidthMibPerS);
      const volume = await engine.submit("volume.migrate", { ...on, ...means, to: { backend, zone }, forceCopy });
      return reply.code(202).send(moveAnswer(state, volume));
    },
  );

  app.post<OnVolume & { Body: RetypeBody }>(
    `${base}/volumes/:id/retype`,
    { schema: { body: RetypeBody, ...answers } },
    async (request, reply) => {
      const { flavor, policy = "never", bandwidthMibPerS = null } = request.body;
      const { userId, requestId } = callerOf(request, undefined);
      const on = { scope: null, id: request.params.id, userId, requestId };
      const means = limited(dependencies, bandwidthMibPerS);
      const volume = await engine.submit("volume.retype", { ...on, ...means, flavor, policy });
      return reply.code(202).send(moveAnswer(state, volume));
    },
  );

  app.post<OnVolume>(`${base}/volumes/:id/cancel`, { schema: answers }, async (request, reply) => {
    const { userId, requestId } = callerOf(request, undefined);
    const on = { scope: null, id: request.params.id, userId, requestId };
    return reply.code(202).send(moveAnswer(state, await engine.submit("volume.cancel-move", on)));
  });
}

function limited({ sealingKey }: ApiDependencies, bandwidthMibPerS: number | null): MoveMeans {
  const bandwidthLimitBytesPerS = bandwidthMibPerS === null ? null : bandwidthMibPerS * BYTES_PER_MIB;
  return { ...moveMeans(sealingKey), bandwidthLimitBytesPerS };
}

function moveAnswer(state: State, volume: Volume): MoveAnswer {
  const { id, status, backendId, migrated = null, lastError } = volume;
  return {
    id,
    status,
    backend: backendName(state, backendId),
    flavor: state.flavor(volume)?.name ?? null,
    move: moveView(state, volume),
    migrated,
    lastError,
  };
}

export function moveView(state: State, volume: Volume): MoveView | null {
  const { move, backendId, sizeGib } = volume;
  if (move === null) return null;
  const job = state.get("job", stepJobId(volume, move));
  const known = job === undefined ? undefined : state.progress.get(job.id);
  const copying = move.phase === "copying";
  return {
    kind: move.kind,
    phase: move.phase,
    fromBackend: backendName(state, backendId),
    toBackend: backendName(state, move.toBackendId) ?? String(move.toBackendId),
    toZone: move.toZone,
    toFlavor: move.toFlavorId === null ? null : (state.catalogue.flavorById(move.toFlavorId)?.name ?? null),
    doneBytes: known?.doneBytes ?? (copying ? (job?.checkpointBytes ?? null) : null),
    totalBytes: known?.totalBytes ?? (copying ? gibToBytes(sizeGib) : null),
    bandwidthLimitBytesPerS: move.bandwidthLimitBytesPerS,
    startedAt: new Date(move.startedAtMs).toISOString(),
  };
}

function backendName(state: State, backendId: number | null): string | null {
  return backendId === null ? null : (state.backend(backendId)?.name ?? String(backendId));
}
