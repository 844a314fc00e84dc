const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

const PLAIN = /^[\u0020-\u007e]*$/;
const EMOJI = /^\p{RGI_Emoji}$|\p{Emoji_Presentation}|\ufe0f/v;
const INVISIBLE = /^[\p{Mark}\p{Default_Ignorable_Code_Point}]+$/u;
/** Scripts and blocks that terminals draw two cells wide (the field's "East Asian Wide" and "Fullwidth"). */
const WIDE =
  /^[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Yi}\p{Script=Bopomofo}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;
const HALF_WIDTH = /^[\uff61-\uffdc]/u;

/** How many cells a terminal needs for the text, which holds no control characters. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let cells = 0;
  for (const { segment } of segmenter.segment(text)) cells += graphemeWidth(segment);
  return cells;
}

function graphemeWidth(grapheme: string): number {
  if (INVISIBLE.test(grapheme)) return 0;
  if (HALF_WIDTH.test(grapheme)) return 1;
  return WIDE.test(grapheme) || EMOJI.test(grapheme) ? 2 : 1;
}

/** The text if it is narrow enough, else as much of it as fits before an ellipsis. */
export function truncate(text: string, cells: number): string {
  if (displayWidth(text) <= cells) return text;
  let kept = "";
  let used = 0;
  for (const { segment } of segmenter.segment(text)) {
    used += graphemeWidth(segment);
    if (used > cells - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** Lines of at most `cells`, broken between words where that is possible. */
export function wrapText(text: string, cells: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap((long) => pieces(long, cells))) {
    if (line === "") line = word;
    else if (displayWidth(line) + 1 + displayWidth(word) <= cells) line += ` ${word}`;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}

function pieces(word: string, cells: number): string[] {
  if (displayWidth(word) <= cells) return [word];
  const found: string[] = [""];
  let used = 0;
  for (const { segment } of segmenter.segment(word)) {
    const width = graphemeWidth(segment);
    if (used + width > cells) {
      found.push("");
      used = 0;
    }
    found[found.length - 1] += segment;
    used += width;
  }
  return found;
}
