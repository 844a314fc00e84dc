import type { VolumeSource } from "#shared/model/volume.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { one, type Query } from "../openstack/rest/listing.ts";
import { refusal } from "../openstack/rest/refusal.ts";
import { DEFAULT_PROJECT } from "../request-context.ts";
import { findVolumeByIdOrName, placementAnswer, roundView } from "./placement-view.ts";
import { DryRunAnswer, DryRunBody, PlacementAnswer } from "./schemas.ts";

export function placementRoutes(app: Api, base: string, { engine }: ApiDependencies): void {
  const { state } = engine;

  app.get<{ Params: { id: string }; Querystring: Query }>(
    `${base}/volumes/:id/placement`,
    { schema: { response: { 200: PlacementAnswer } } },
    async (request) => {
      const project = one(request.query, "project") ?? null;
      const { id } = findVolumeByIdOrName(state, request.params.id, project);
      const rounds = await engine.details("placement", id);
      // It may have been placed anew, or gone, while its rounds were read.
      return placementAnswer(state, findVolumeByIdOrName(state, id, project), rounds);
    },
  );

  app.post(
    `${base}/placements/dry-run`,
    { schema: { body: DryRunBody, response: { 200: DryRunAnswer } } },
    async ({ body }) => {
      const { flavor = null, sizeGib = null, zone = null, groupId = null, project = DEFAULT_PROJECT } = body;
      const { sameAs = [], differentFrom = [] } = body;
      const hints = { sameAs, differentFrom };
      const source = sourceOf(body);
      const round = engine.dryRun({ projectId: project, flavor, sizeGib, zone, source, groupId, hints });
      return { round: roundView(round) };
    },
  );
}

function sourceOf({ snapshotId = null, volumeId = null }: DryRunBody): VolumeSource {
  if (snapshotId !== null && volumeId !== null)
    throw refusal("a volume has one source: give snapshotId or volumeId, not both");
  if (snapshotId !== null) return { kind: "snapshot", snapshotId };
  return volumeId === null ? { kind: "blank" } : { kind: "volume", volumeId };
}
