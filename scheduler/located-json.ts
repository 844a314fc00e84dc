import {
  findNodeAtLocation,
  type Node,
  type ParseError,
  type ParseErrorCode,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";
import type { Fault } from "#shared/schema.ts";

/** A fault with its place in the text; lines and columns count from 1. */
export interface LocatedFault extends Fault {
  readonly line: number;
  readonly column: number;
}

/** A text with broken syntax gives one fault after another for one slip; the first ones say what it is. */
const SHOWN_SYNTAX_FAULTS = 3;
const MAX_LOCATED_FAULTS = 100;

/** The text of a file that people edit, read as JSON: either what it says, or what is wrong with the text itself. */
export type ReadJson =
  | { readonly value: unknown; readonly faults: readonly [] }
  | { readonly faults: readonly LocatedFault[] };

/** Broken syntax is told, and keys that are given twice. */
export function readJson(text: string): ReadJson {
  const errors: ParseError[] = [];
  const tree = treeOf(text, errors);
  if (errors.length > 0 || tree === undefined) return { faults: located(text, tree, syntaxFaults(text, errors)) };
  const repeated = repeatedKeys(tree, "");
  if (repeated.length > 0) return { faults: located(text, tree, repeated) };
  return { value: JSON.parse(text), faults: [] };
}

/** The faults with their places in the text: where the JSON pointer leads, or as far as it does. */
export function locate(text: string, faults: readonly Fault[]): LocatedFault[] {
  return located(text, treeOf(text, []), faults);
}

function treeOf(text: string, errors: ParseError[]): Node | undefined {
  return parseTree(text, errors, { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false });
}

/** A fault that knows its place already, for it is about the text and not about a value. */
interface PlacedFault extends Fault {
  readonly offset?: number;
}

function located(text: string, tree: Node | undefined, faults: readonly PlacedFault[]): LocatedFault[] {
  return faults.slice(0, MAX_LOCATED_FAULTS).map(({ path, message, offset }) => ({
    path,
    message,
    ...lineAndColumn(text, offset ?? offsetOf(tree, path)),
  }));
}

function syntaxFaults(text: string, errors: readonly ParseError[]): PlacedFault[] {
  if (text.trim() === "") return [{ path: "", message: "the file is empty", offset: 0 }];
  return errors
    .slice(0, SHOWN_SYNTAX_FAULTS)
    .map(({ error, offset }) => ({ path: "", message: syntaxText(error), offset }));
}

/** `CommaExpected`: "this is not JSON: comma expected". */
function syntaxText(error: ParseErrorCode): string {
  const words = printParseErrorCode(error).replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return `this is not JSON: ${words.charAt(0).toLowerCase()}${words.slice(1)}`;
}

/** JSON takes the last of two equal keys; a person who wrote both meant something else. */
function repeatedKeys(node: Node, path: string): PlacedFault[] {
  const faults: PlacedFault[] = [];
  const seen = new Set<string>();
  for (const [n, child] of (node.children ?? []).entries()) {
    const [key, value] = child.children ?? [];
    if (node.type !== "object") faults.push(...repeatedKeys(child, `${path}/${n}`));
    else if (key !== undefined && value !== undefined) {
      const name = String(key.value);
      const place = `${path}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      if (seen.has(name)) faults.push({ path: place, message: "is given twice", offset: key.offset });
      seen.add(name);
      faults.push(...repeatedKeys(value, place));
    }
  }
  return faults;
}

function offsetOf(tree: Node | undefined, path: string): number {
  if (tree === undefined) return 0;
  const names = path
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  let node = tree;
  for (const name of names) {
    const next = findNodeAtLocation(node, [node.type === "array" ? Number(name) : name]);
    if (next === undefined) break;
    node = next;
  }
  return node.parent?.type === "property" ? node.parent.offset : node.offset;
}

function lineAndColumn(text: string, offset: number): { readonly line: number; readonly column: number } {
  const lines = text.slice(0, offset).split("\n");
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}
