/** `scripted` (`-H`): no heading, one tab between columns. Otherwise padded, two blanks apart, numbers to the right. */
export function printTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  scripted: boolean,
  alignRight: readonly boolean[] = [],
): string {
  if (scripted) return rows.map((row) => `${row.join("\t")}\n`).join("");
  const widths = headings.map((heading, index) =>
    Math.max(heading.length, ...rows.map((row) => (row[index] ?? "").length)),
  );
  const line = (cells: readonly string[]): string =>
    `${cells
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        if (alignRight[index] === true) return cell.padStart(width);
        return index === cells.length - 1 ? cell : cell.padEnd(width);
      })
      .join("  ")}\n`;
  return [line(headings), ...rows.map(line)].join("");
}
