import { asBerthError, BerthError } from "#shared/errors.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import { inParallel } from "#shared/parallel.ts";
import { formatDuration } from "#shared/units.ts";
import type { Orphan } from "../../core/audit.ts";
import type { ListedReply } from "../../core/commands.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { one, type Query } from "../openstack/rest/listing.ts";
import { AdoptBody, AuditAnswer, AuditedAnswer, type BackendAuditView, RepairBody } from "./audit-schemas.ts";
import { auditView, failedAuditView } from "./audit-view.ts";
import { requireBackend } from "./backends.ts";

/** Backends audited at once: one that is slow delays no other. */
const AT_ONCE = 8;

interface OnBackend {
  Params: { id: string };
}

/** What stands on the backends, against what is recorded; and what can be done about it. */
export function auditRoutes(app: Api, base: string, { engine, storage }: ApiDependencies): void {
  const { state } = engine;

  app.get<{ Querystring: Query }>(`${base}/audit`, { schema: { response: { 200: AuditAnswer } } }, async (request) => {
    const wanted = one(request.query, "backend");
    const { catalogue } = state.catalogue;
    const backends = wanted === undefined ? catalogue.backends : [requireBackend(catalogue, wanted)];
    const views = new Map<number, BackendAuditView>();
    await inParallel(backends, AT_ONCE, async (backend) => {
      views.set(backend.id, await auditOne(backend));
    });
    return { backends: backends.flatMap(({ id }) => views.get(id) ?? []) };
  });

  async function auditOne(backend: Backend): Promise<BackendAuditView> {
    try {
      return auditView(state, backend, await storage.audit(backend.id));
    } catch (error) {
      return failedAuditView(state, backend, asBerthError(error));
    }
  }

  app.post<OnBackend & { Body: RepairBody }>(
    `${base}/backends/:id/audit/repair`,
    { schema: { body: RepairBody, response: { 200: AuditedAnswer } } },
    async ({ params, body, id: requestId }) => {
      const { id: backendId } = requireBackend(state.catalogue.catalogue, params.id);
      const { chosen, passed } = choose(await orphansOf(backendId), body.ids, (orphan) =>
        refuseRemoval(orphan, body.olderThanMs),
      );
      const reason = "an audit found it without a record";
      return told(await engine.submit("audit.remove", { backendId, objects: chosen, reason, requestId }), passed);
    },
  );

  app.post<OnBackend & { Body: AdoptBody }>(
    `${base}/backends/:id/audit/adopt`,
    { schema: { body: AdoptBody, response: { 200: AuditedAnswer } } },
    async ({ params, body, id: requestId }) => {
      const { id: backendId } = requireBackend(state.catalogue.catalogue, params.id);
      const { chosen, passed } = choose(await orphansOf(backendId), body.ids, () => null);
      return told(await engine.submit("audit.adopt", { backendId, objects: chosen, requestId }), passed);
    },
  );

  async function orphansOf(backendId: number): Promise<readonly Orphan[]> {
    const { orphans } = await storage.audit(backendId);
    if (state.backend(backendId) === undefined)
      throw new BerthError("E_NOT_FOUND", `backend ${backendId} has left the catalogue`);
    return orphans;
  }
}

type Passed = ListedReply["passed"][number];

/** Of what was named: the orphans that are found now and not refused. */
function choose(
  orphans: readonly Orphan[],
  ids: readonly string[],
  refusal: (orphan: Orphan) => string | null,
): { readonly chosen: ListedObject[]; readonly passed: Passed[] } {
  const found = new Map(orphans.map((orphan) => [orphan.object.id, orphan]));
  const chosen: ListedObject[] = [];
  const passed: Passed[] = [];
  for (const id of new Set(ids)) {
    const orphan = found.get(id);
    const why = orphan === undefined ? "it is no orphan any more" : refusal(orphan);
    if (orphan === undefined || why !== null) passed.push({ id, why: why ?? "" });
    else chosen.push(orphan.object);
  }
  return { chosen, passed };
}

/** What does not bear our mark, or is young, may be somebody's who is not done yet. */
function refuseRemoval({ object: { mark, ageMs } }: Orphan, olderThanMs: number): string | null {
  if (mark === null) return "it does not bear our mark";
  if (ageMs === null) return "its age is not known";
  return ageMs < olderThanMs ? `it is only ${formatDuration(ageMs)} old` : null;
}

function told({ done, passed }: ListedReply, before: readonly Passed[]): AuditedAnswer {
  return { done: [...done], passed: [...before, ...passed] };
}
