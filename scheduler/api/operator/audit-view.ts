import type { ErrorRecord } from "#shared/errors.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { gibToBytes } from "#shared/units.ts";
import type { BackendAudit, Orphan, Recorded } from "../../core/audit.ts";
import type { State } from "../../core/state.ts";
import { type BackendAuditView, FINDINGS_TOLD, type OrphanView } from "./audit-schemas.ts";

export function auditView(state: State, backend: Backend, audit: BackendAudit): BackendAuditView {
  const { recorded, inWork, orphans, missing, differing, foreign, exposed } = audit;
  return {
    ...about(state, backend),
    error: null,
    counts: {
      recorded,
      inWork,
      orphans: orphans.length,
      missing: missing.length,
      differing: differing.length,
      foreign: foreign.length,
      exposed: exposed.length,
    },
    orphans: orphans.slice(0, FINDINGS_TOLD).map(orphanView),
    missing: missing.slice(0, FINDINGS_TOLD).map(recordedView),
    differing: differing.slice(0, FINDINGS_TOLD).map(({ recorded: record, object }) => ({
      ...recordedView(record),
      foundBytes: object.sizeBytes,
      whole: object.whole,
    })),
    foreign: foreign.slice(0, FINDINGS_TOLD),
    exposed: exposed.slice(0, FINDINGS_TOLD).map(({ recorded: record, letIn }) => ({
      ...recordedView(record),
      letIn: [...letIn],
    })),
  };
}

export function failedAuditView(state: State, backend: Backend, error: ErrorRecord): BackendAuditView {
  return {
    ...about(state, backend),
    error: { code: error.code, message: error.message },
    counts: { recorded: 0, inWork: 0, orphans: 0, missing: 0, differing: 0, foreign: 0, exposed: 0 },
    orphans: [],
    missing: [],
    differing: [],
    foreign: [],
    exposed: [],
  };
}

function about(state: State, { id, name, zone }: Backend): Pick<BackendAuditView, "backend" | "marks"> {
  const measurement = state.space.backend(id).measurement;
  return { backend: { id, name, zone }, marks: measurement?.capabilities.includes("marks") ?? null };
}

function orphanView({ object, origin }: Orphan): OrphanView {
  const { kind, id, volumeId, mark, sizeBytes, ageMs, whole } = object;
  return {
    kind,
    id,
    volumeId,
    name: mark?.name ?? null,
    project: mark?.projectId ?? null,
    flavor: mark?.flavorName ?? null,
    sizeBytes,
    ageMs,
    whole,
    origin,
  };
}

function recordedView({ kind, record }: Recorded): BackendAuditView["missing"][number] {
  const { id, name, projectId: project, status, sizeGib } = record;
  return { kind, id, name, project, status, sizeBytes: gibToBytes(sizeGib) };
}
