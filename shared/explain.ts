import type { Arithmetic, Reason, Verdict } from "./model/placement.ts";
import { formatDuration, formatGib } from "./units.ts";

/** Why a backend was taken or passed over, as one sentence for people (without the backend's name). */
export function verdictText(verdict: Verdict): string {
  if (verdict.reason !== null) return REASON_TEXTS[verdict.reason](verdict) + reportText(verdict);
  const fits = verdict.arithmetic === null ? "fits" : `fits: ${formulaText(verdict.arithmetic)}`;
  return fits + reportText(verdict);
}

/** The sum that decided, written out so that it can be checked by hand. Rounded to hundredths of a GiB. */
export function formulaText(sum: Arithmetic): string {
  const { needed, available } = sum;
  switch (sum.constraint) {
    case "unlimited":
      return "its capacity is infinite";
    case "objects":
      return `${needed === 1 ? "1 object is" : `${needed} objects are`} needed, its object limit leaves ${Math.max(0, available ?? 0)}`;
    case "no-space-answer":
      return `${formatGib(needed)} needed, but since its last report it answered that there is no room for ${formatGib((available ?? 0) + 1)}`;
    case "backend-limit":
      return `${needs(sum)} (limit ${term(sum.total)}${times(sum.ratio)} − provisioned ${term(sum.provisioned)} − not yet measured ${term(sum.unmeasured)})`;
    case "provisioned":
      return `${needs(sum)} ((total ${term(sum.total)} − reserved ${term(sum.reserved)})${times(sum.ratio)} − provisioned ${term(sum.provisioned)} − not yet measured ${term(sum.unmeasured)})`;
    case "physical":
      return `${needs(sum)} physically (free ${term(sum.free)} − kept free ${term(sum.reserved)} − not yet measured ${term(sum.unmeasured)})`;
  }
}

type ReasonTexts = { readonly [R in Reason]: (verdict: Verdict) => string };

const REASON_TEXTS: ReasonTexts = {
  "wrong-zone": ({ detail }) => `is in zone ${detail ?? "unknown"}, which is not the zone asked for`,
  disabled: ({ detail }) => `is disabled${because(detail)}`,
  draining: ({ detail }) => `is being drained${because(detail)}`,
  frozen: ({ detail }) => `is frozen${because(detail)}`,
  "failed-over": ({ detail }) => `takes no new volumes until it is on its own side again${because(detail)}`,
  "source-elsewhere": () => "is not where the source of the copy is",
  "group-elsewhere": () => "is not where the other volumes of the group are",
  "already-tried": () => "was tried for this volume before and could not make it",
  "hint-pending": ({ detail }) =>
    `waits for ${detail ?? "a volume"}, which is still being made, to know where that stands`,
  "same-backend": ({ detail }) => `is not where ${detail ?? "the volume it is to be beside"}`,
  "different-backend": ({ detail }) => `holds ${detail ?? "a volume"}, from which it is to be apart`,
  "agent-down": ({ detail }) => `no agent is up that could reach it${detail === null ? "" : ` (${detail})`}`,
  "backend-down": ({ detail }) => `cannot be used, says its agent${because(detail)}`,
  "no-report": () => "no agent has reported its capacity yet",
  "report-old": () => "its last capacity report is too old to be believed",
  "capability-missing": ({ detail }) => `cannot do ${detail ?? "what is asked"}`,
  "spec-mismatch": ({ detail }) => `is not what the flavor asks for${because(detail)}`,
  "capacity-unknown": () =>
    "cannot say how much space is free, and its settings do not allow placing there all the same (allow_unknown_capacity)",
  "object-limit": ({ arithmetic }) => `has reached its object limit${sumOf(arithmetic)}`,
  "not-enough-free": ({ arithmetic }) => `has not enough free${sumOf(arithmetic)}`,
};

function sumOf(arithmetic: Arithmetic | null): string {
  return arithmetic === null ? "" : `: ${formulaText(arithmetic)}`;
}

function because(detail: string | null): string {
  return detail === null || detail === "" ? "" : `: ${detail}`;
}

function reportText({ reportAgeMs }: Verdict): string {
  return reportAgeMs === null ? "" : `; report ${formatDuration(reportAgeMs)} old`;
}

function needs({ needed, available }: Arithmetic): string {
  return `${formatGib(needed)} needed, ${term(available)} available`;
}

function term(bytes: number | null): string {
  return bytes === null ? "none" : formatGib(bytes);
}

function times(ratio: number | null): string {
  return ratio === null || ratio === 1 ? "" : ` × ${ratio}`;
}
