import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { safeJson, safeText } from "#scheduler/cli/output/safe-text.ts";
import { paintFor, plain } from "#scheduler/cli/output/style.ts";
import { type Column, renderFields, renderTable } from "#scheduler/cli/output/table.ts";
import { displayWidth, truncate, wrapText } from "#scheduler/cli/output/width.ts";

interface Row {
  readonly name: string;
  readonly size: number;
  readonly note: string;
}
const COLUMNS: readonly Column<Row>[] = [
  { title: "name", cell: ({ name }) => name },
  { title: "size", align: "right", cell: ({ size }) => `${size} GiB` },
  { title: "note", wrap: true, cell: ({ note }) => note },
];
const ROWS: readonly Row[] = [
  { name: "漢字", size: 5, note: "wide" },
  { name: "a😀b", size: 1000, note: "" },
  { name: "plain", size: 10, note: "x" },
];
const free = { paint: plain, columns: null };

/** Where the note starts, in cells. */
function noteColumn(line: string, note: string): number {
  return displayWidth(line.slice(0, line.lastIndexOf(note)));
}

describe("width", () => {
  test.each([
    ["plain", 5],
    ["", 0],
    ["漢字", 4],
    ["ﾊﾝ", 2],
    ["한글", 4],
    ["😀", 2],
    ["👩‍👩‍👧", 2],
    ["🇩🇪", 2],
    ["❤️", 2],
    ["é", 1],
    ["e\u0301", 1],
    ["a\u200bb", 2],
    ["−×…", 3],
  ])("%j takes %i cells", (text, cells) => {
    expect(displayWidth(text)).toBe(cells);
  });

  test("a cut text is never wider than its room, and uses all but at most one cell of it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), fc.integer({ min: 2, max: 30 }), (raw, cells) => {
        const text = safeText(raw);
        const cut = truncate(text, cells);
        if (displayWidth(text) <= cells) expect(cut).toBe(text);
        else {
          expect(displayWidth(cut)).toBeLessThanOrEqual(cells);
          expect(displayWidth(cut)).toBeGreaterThanOrEqual(cells - 1);
        }
      }),
    );
  });

  test("a wrapped text loses no word and no line is too wide", () => {
    expect(wrapText("the quick brown fox", 10)).toEqual(["the quick", "brown fox"]);
    expect(wrapText("abcdefghij", 4)).toEqual(["abcd", "efgh", "ij"]);
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: "grapheme-ascii", maxLength: 15 })),
        fc.integer({ min: 3, max: 20 }),
        (words, cells) => {
          const text = safeText(words.join(" "));
          const lines = wrapText(text, cells);
          for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(cells);
          expect(lines.join("").replaceAll(" ", "")).toBe(text.replaceAll(" ", ""));
        },
      ),
    );
  });
});

describe("tables", () => {
  test("columns align whatever the letters are, and no line ends in spaces", () => {
    const lines = renderTable(COLUMNS, ROWS, free).trimEnd().split("\n");
    expect(lines).toEqual(["NAME       SIZE  NOTE", "漢字      5 GiB  wide", "a😀b   1000 GiB", "plain    10 GiB  x"]);
    expect(noteColumn(lines[1] ?? "", "wide")).toBe(noteColumn(lines[3] ?? "", "x"));
  });

  test("colour changes no cell", () => {
    const columns: Column<Row>[] = [
      { title: "name", cell: ({ name }) => ({ text: name, tone: "good" }) },
      ...COLUMNS.slice(1),
    ];
    const paint = paintFor({ isTerminal: true, columns: 80, write: () => {} }, {}, false);
    const coloured = renderTable(columns, ROWS, { paint, columns: null });
    expect(coloured).toContain("\u001b[32m漢字\u001b[39m");
    expect(stripVTControlCharacters(coloured)).toBe(renderTable(COLUMNS, ROWS, free));
  });

  test("a narrow terminal cuts or wraps, but never what is to be copied", () => {
    const columns: Column<Row>[] = [
      { title: "id", whole: true, cell: () => "99858d73-1a0c-4293-a5d6-1dfacb7512ff" },
      ...COLUMNS,
    ];
    const long = { name: "a-rather-long-name-of-a-volume", size: 1, note: "and a sentence that goes on for a while" };
    const table = renderTable(columns, [long], { paint: plain, columns: 80 });
    expect(table).toContain("99858d73-1a0c-4293-a5d6-1dfacb7512ff");
    expect(table).toContain("…");
    for (const line of table.trimEnd().split("\n")) expect(displayWidth(line)).toBeLessThanOrEqual(80);
    expect(table).toContain("while");
  });

  test("what users wrote cannot act on the terminal", () => {
    const evil = { name: "a\u001b[2Jb\r\nc", size: 1, note: "x\u0007\u202ey\u009bz" };
    expect(renderTable(COLUMNS, [evil], free)).toBe("NAME      SIZE  NOTE\na[2Jb c  1 GiB  xyz\n");
    expect(renderFields([["name", evil.name]], free)).toBe("name  a[2Jb c\n");
  });

  test("fields: nothing is a dash, long values wrap under themselves", () => {
    const text = renderFields(
      [
        ["name", null],
        ["description", "one two three four"],
      ],
      { paint: plain, columns: 24 },
    );
    expect(text).toBe("name         -\ndescription  one two\n             three four\n");
  });
});

test("JSON is safe for terminals and is the same value when parsed", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 2 }), fc.string({ unit: "binary" }), (value, text) => {
      const document = safeJson({ value, text });
      expect(JSON.parse(document)).toEqual(JSON.parse(JSON.stringify({ value, text })));
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
      expect(document).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    }),
  );
});

describe("colours", () => {
  const terminal = { isTerminal: true, columns: 80, write: () => {} };
  const pipe = { ...terminal, isTerminal: false };
  test.each([
    ["a terminal", terminal, {}, false, true],
    ["a pipe", pipe, {}, false, false],
    ["NO_COLOR", terminal, { NO_COLOR: "1" }, false, false],
    ["an empty NO_COLOR", terminal, { NO_COLOR: "" }, false, true],
    ["TERM=dumb", terminal, { TERM: "dumb" }, false, false],
    ["FORCE_COLOR on a pipe", pipe, { FORCE_COLOR: "1" }, false, true],
    ["FORCE_COLOR over NO_COLOR", pipe, { FORCE_COLOR: "1", NO_COLOR: "1" }, false, true],
    ["FORCE_COLOR=0", terminal, { FORCE_COLOR: "0" }, false, false],
    ["--no-color over FORCE_COLOR", terminal, { FORCE_COLOR: "1" }, true, false],
  ])("%s", (_what, sink, env, noColor, coloured) => {
    expect(paintFor(sink, env, noColor)("good", "x") !== "x").toBe(coloured);
  });
});
