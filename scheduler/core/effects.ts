import type { Catalogue } from "#shared/model/catalogue.ts";
import type { Job } from "#shared/model/job.ts";
import type { Verdict } from "#shared/model/placement.ts";

/** What leaves the core, after the commit that decided it is durable and never before. */
export type Effect =
  | { readonly kind: "send-job"; readonly job: Job }
  /** Ask an agent for a fresh report of the backend: its last one was proved wrong. */
  | { readonly kind: "measure"; readonly backendId: number }
  /** Ask an agent what stands on the side that has taken over; `token` is the commit that wants it. */
  | { readonly kind: "list-backend"; readonly backendId: number; readonly token: number }
  /** So many volumes may begin to leave the backend: each needs what the core cannot make. */
  | { readonly kind: "evacuate"; readonly backendId: number; readonly count: number }
  /** Agents of the zone are to ask anew at once. */
  | { readonly kind: "nudge"; readonly zone: string }
  | { readonly kind: "agent-up"; readonly agentId: string; readonly zone: string }
  | { readonly kind: "agent-down"; readonly agentId: string; readonly zone: string; readonly silentMs: number }
  /** A report turned it: from what was reported before, or, down, as the first that was heard of it. */
  | {
      readonly kind: "backend-turned";
      readonly backendId: number;
      readonly up: boolean;
      /** Why it is down; null: it is up. */
      readonly reason: string | null;
    }
  | { readonly kind: "catalogue-changed"; readonly before: Catalogue; readonly after: Catalogue }
  /** For metrics: a round of placing and its verdicts. */
  | { readonly kind: "placement-decided"; readonly backendId: number | null; readonly verdicts: readonly Verdict[] }
  /** For metrics: something that an audit found was put right (removal or disconnect begun). */
  | {
      readonly kind: "audit-mended";
      readonly backendId: number;
      readonly what: "orphan" | "exposed";
      readonly count: number;
    }
  /** For the log and metrics: an operation ended. */
  | {
      readonly kind: "operation-ended";
      readonly operation: string;
      readonly objectId: string;
      readonly outcome: string;
      readonly durationMs: number;
      readonly requestId: string;
      readonly error: string | null;
    };
