import type { RoundView, VerdictView } from "#scheduler/api/operator/schemas.ts";
import { formulaText } from "#shared/explain.ts";
import { bytesToGib, formatDuration } from "#shared/units.ts";
import type { Output } from "./output.ts";
import { ageText, capacityText } from "./quantities.ts";
import type { Column } from "./table.ts";

type Judged = readonly [order: number, verdict: VerdictView];

const COLUMNS: readonly Column<Judged>[] = [
  { title: "order", align: "right", cell: ([order]) => String(order) },
  { title: "backend", cell: ([, { backendName }]) => ({ text: backendName, tone: "strong" }) },
  {
    title: "verdict",
    cell: ([, { fits, reason }]) =>
      fits ? { text: "✔ fits", tone: "good" } : { text: `✘ ${reason ?? "no"}`, tone: "bad" },
  },
  { title: "needed", align: "right", cell: ([, { arithmetic }]) => amount(arithmetic, arithmetic?.needed) },
  { title: "available", align: "right", cell: ([, { arithmetic }]) => amount(arithmetic, arithmetic?.available) },
  { title: "report", align: "right", cell: ([, { reportAgeMs }]) => ageText(reportAgeMs) },
  { title: "why", wrap: true, cell: ([, verdict]) => why(verdict) },
];

/** One round of placing: what was asked for, a line for each backend that was looked at, and what came of it. */
export function roundText(output: Output, round: RoundView): string {
  const zone = round.requestedZone === null ? "any zone" : `zone ${round.requestedZone}`;
  const asked = `${round.sizeGib} GiB of ${round.flavorName} in ${zone}`;
  const table =
    round.verdicts.length === 0
      ? `No backend stands behind flavor ${round.flavorName}.\n`
      : output.table(
          COLUMNS,
          round.verdicts.map((verdict, index) => [index + 1, verdict] as const),
        );
  return `${output.heading(`Round ${round.round}: ${asked}`)}${table}${outcome(round)}\n`;
}

function outcome({ chosenBackendId, verdicts }: RoundView): string {
  if (chosenBackendId === null) return "No backend fits.";
  const chosen = verdicts.find(({ backendId }) => backendId === chosenBackendId);
  return `Placed on ${chosen?.backendName ?? `backend ${chosenBackendId}`}, the first that fits; those behind it were not looked at.`;
}

const MOST_IN_A_SENTENCE = 8;

/** Why nothing fitted, in one sentence for an error; the table has the numbers. */
export function refusalText({ verdicts, flavorName }: RoundView): string {
  if (verdicts.length === 0) return `no backend stands behind flavor ${flavorName}`;
  const told = verdicts.slice(0, MOST_IN_A_SENTENCE).map(({ backendName, reason }) => `${backendName}: ${reason}`);
  const more = verdicts.length > told.length ? [`and ${verdicts.length - told.length} more`] : [];
  return `no backend of flavor ${flavorName} fits (${[...told, ...more].join(", ")})`;
}

function amount(arithmetic: VerdictView["arithmetic"], value: number | null | undefined): string {
  if (arithmetic?.constraint === "objects") return value === null || value === undefined ? "-" : `${value} objects`;
  if (typeof value === "number" && value < 0) return `${Math.round(bytesToGib(value) * 100) / 100} GiB`;
  return capacityText(value);
}

/** The sum behind the number available, or the sentence; what has a column of its own is left out. */
function why({ text, reportAgeMs, arithmetic }: VerdictView): string {
  if (arithmetic !== null) {
    const formula = formulaText(arithmetic);
    const sum = / (?:physically )?\((.*)\)$/.exec(formula)?.[1];
    return sum === undefined ? formula : `available = ${sum}`;
  }
  const age = reportAgeMs === null ? "" : `; report ${formatDuration(reportAgeMs)} old`;
  return age !== "" && text.endsWith(age) ? text.slice(0, -age.length) : text;
}
