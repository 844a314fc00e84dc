import type { BackendAudit } from "./audit.ts";

/** How many of each kind an audit found, and when it ended. */
export interface AuditSummary {
  readonly atMs: number;
  readonly orphans: number;
  readonly missing: number;
  readonly differing: number;
  readonly exposed: number;
}

/** The last audit of each backend, whoever asked for it. In memory only: after a start nothing was looked at yet. */
export class AuditMemory {
  readonly #last = new Map<number, AuditSummary>();

  note({ backendId, orphans, missing, differing, exposed }: BackendAudit, atMs: number): void {
    this.#last.set(backendId, {
      atMs,
      orphans: orphans.length,
      missing: missing.length,
      differing: differing.length,
      exposed: exposed.length,
    });
  }

  /** `kept`: the backends there are; of others nothing is remembered. */
  lastAudits(kept: readonly { readonly id: number }[]): ReadonlyMap<number, AuditSummary> {
    const ids = new Set(kept.map(({ id }) => id));
    for (const id of this.#last.keys()) if (!ids.has(id)) this.#last.delete(id);
    return this.#last;
  }
}
