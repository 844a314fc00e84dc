import { safeText } from "./safe-text.ts";
import type { Paint, Tone } from "./style.ts";
import { displayWidth, truncate, wrapText } from "./width.ts";

export interface Cell {
  readonly text: string;
  readonly tone: Tone | null;
}

export interface Column<Row> {
  readonly title: string;
  readonly align?: "left" | "right";
  /** Never cut: what is copied from it must be right. */
  readonly whole?: boolean;
  /** The last column may take several lines; any other is cut when a terminal is too narrow. */
  readonly wrap?: boolean;
  cell(row: Row): string | Cell;
}

export interface TableOptions {
  readonly paint: Paint;
  /** Cells that a line may have; null: as many as it needs (nobody looks, a program may). */
  readonly columns: number | null;
}

const GAP = "  ";
const NARROWEST = 8;

/** Columns under their titles, no lines between: what is easy to read is also easy to cut and grep. */
export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], options: TableOptions): string {
  const cells = rows.map((row) => columns.map((column) => safeCell(column.cell(row))));
  const widths = narrow(columns, naturalWidths(columns, cells), options.columns);
  const title = columns.map(({ title }): Cell => ({ text: title.toUpperCase(), tone: "quiet" }));
  return [title, ...cells].map((row) => renderRow(columns, row, widths, options.paint)).join("");
}

/** Names and values in two columns, for one object. A value of null is shown as `-`. */
export function renderFields(
  fields: readonly (readonly [string, string | Cell | null])[],
  options: TableOptions,
): string {
  const nameWidth = Math.max(0, ...fields.map(([name]) => displayWidth(name)));
  const room = options.columns === null ? null : Math.max(NARROWEST, options.columns - nameWidth - GAP.length);
  return fields
    .map(([name, value]) => {
      const cell = safeCell(value ?? { text: "-", tone: "quiet" });
      const lines = room === null ? [cell.text] : wrapText(cell.text, room);
      const indent = " ".repeat(nameWidth + GAP.length);
      const label = options.paint("quiet", pad(name, nameWidth, "left"));
      return `${label}${GAP}${lines.map((line) => options.paint(cell.tone, line)).join(`\n${indent}`)}\n`;
    })
    .join("");
}

function safeCell(value: string | Cell): Cell {
  const cell = typeof value === "string" ? { text: value, tone: null } : value;
  return { text: safeText(cell.text), tone: cell.tone };
}

function naturalWidths(columns: readonly Column<never>[], cells: readonly (readonly Cell[])[]): number[] {
  return columns.map(({ title }, index) =>
    Math.max(displayWidth(title), ...cells.map((row) => displayWidth(row[index]?.text ?? ""))),
  );
}

/** Takes from the widest column that may be cut, until the line fits or nothing more can be taken. */
function narrow(columns: readonly Column<never>[], natural: readonly number[], room: number | null): number[] {
  const widths = [...natural];
  if (room === null) return widths;
  let excess = widths.reduce((sum, width) => sum + width, GAP.length * (columns.length - 1)) - room;
  while (excess > 0) {
    const cuttable = widths.map((width, index) => (columns[index]?.whole === true ? 0 : width));
    const width = Math.max(...cuttable);
    if (width <= NARROWEST) break;
    widths[cuttable.indexOf(width)] = width - 1;
    excess -= 1;
  }
  return widths;
}

function renderRow(
  columns: readonly Column<never>[],
  row: readonly Cell[],
  widths: readonly number[],
  paint: Paint,
): string {
  const lines = row.map(({ text }, index) => {
    const width = widths[index] ?? 0;
    return columns[index]?.wrap === true ? wrapText(text, Math.max(1, width)) : [truncate(text, width)];
  });
  const height = Math.max(...lines.map((cell) => cell.length));
  let rendered = "";
  for (let line = 0; line < height; line++) {
    const parts = row.map(({ tone }, index) => {
      const text = lines[index]?.[line] ?? "";
      const isLast = index === row.length - 1;
      const align = columns[index]?.align ?? "left";
      return isLast && align === "left" ? paint(tone, text) : padded(text, widths[index] ?? 0, align, tone, paint);
    });
    rendered += `${parts.join(GAP).trimEnd()}\n`;
  }
  return rendered;
}

/** The colour is put on the text alone, so that spaces stay spaces. */
function padded(text: string, width: number, align: "left" | "right", tone: Tone | null, paint: Paint): string {
  const space = " ".repeat(Math.max(0, width - displayWidth(text)));
  const painted = text === "" ? "" : paint(tone, text);
  return align === "left" ? painted + space : space + painted;
}

function pad(text: string, width: number, align: "left" | "right"): string {
  return padded(text, width, align, null, (_tone, same) => same);
}
