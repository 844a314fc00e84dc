import { styleText } from "node:util";
import Table from "cli-table3";
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

/** A table for people. */
export function tableOf(figures: readonly Figure[]): string {
  const table = new Table({
    head: ["figure", "value", "unit", "aim", "ratio", "to"],
    colAligns: ["left", "right", "left", "left", "right", "left"],
    style: { head: [], border: [], compact: true },
  });
  for (const figure of figures) {
    const ratio = ratioOf(figure);
    table.push([
      figure.name,
      readable(figure.value),
      figure.unit,
      figure.aim === undefined ? "" : aimText(figure.aim, figure.value),
      ratio === null ? "" : readable(ratio),
      figure.boundedBy?.name ?? "",
    ]);
  }
  return table.toString();
}

function aimText(aim: Aim, value: number): string {
  const text = "atLeast" in aim ? `≥ ${readable(aim.atLeast)}` : `≤ ${readable(aim.atMost)}`;
  return isMet(aim, value) ? styleText("green", `${text} met`) : styleText("red", `${text} missed`);
}

function readable(value: number): string {
  return rounded(value).toLocaleString("en", { maximumFractionDigits: 3 });
}

/** Three significant digits of what is small, whole numbers of what is large: more would only be noise. */
function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
