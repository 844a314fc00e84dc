import { paintFor } from "#scheduler/cli/output/style.ts";
import { type Cell, type Column, renderTable } from "#scheduler/cli/output/table.ts";
import type { Sink } from "#scheduler/cli/terminal.ts";
import { type Aim, type Figure, isMet, ratioOf } from "./figure.ts";

/** One line of JSON, for programs. */
export function jsonLine(figure: Figure): string {
  const ratio = ratioOf(figure);
  return JSON.stringify({
    name: figure.name,
    value: rounded(figure.value),
    unit: figure.unit,
    ...(ratio === null ? {} : { ratio: rounded(ratio), ratioTo: figure.boundedBy?.name }),
  });
}

const COLUMNS: readonly Column<Figure>[] = [
  { title: "figure", whole: true, cell: ({ name }) => name },
  { title: "value", align: "right", whole: true, cell: ({ value }) => readable(value) },
  { title: "unit", cell: ({ unit }) => unit },
  { title: "aim", cell: ({ aim, value }) => (aim === undefined ? "" : aimCell(aim, value)) },
  { title: "ratio", align: "right", cell: (figure) => ratioText(ratioOf(figure)) },
  { title: "to", cell: ({ boundedBy }) => boundedBy?.name ?? "" },
];

const SINK: Sink = {
  isTerminal: process.stdout.isTTY === true,
  columns: process.stdout.columns ?? 0,
  write: (text) => void process.stdout.write(text),
};

/** A table for people. */
export function tableOf(figures: readonly Figure[]): string {
  return renderTable(COLUMNS, figures, { paint: paintFor(SINK, process.env, false), columns: null });
}

function ratioText(ratio: number | null): string {
  return ratio === null ? "" : readable(ratio);
}

function aimCell(aim: Aim, value: number): Cell {
  const text = "atLeast" in aim ? `≥ ${readable(aim.atLeast)}` : `≤ ${readable(aim.atMost)}`;
  return isMet(aim, value) ? { text: `${text} met`, tone: "good" } : { text: `${text} missed`, tone: "bad" };
}

function readable(value: number): string {
  return rounded(value).toLocaleString("en", { maximumFractionDigits: 3 });
}

/** Three significant digits of what is small, whole numbers of what is large: more would only be noise. */
function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
