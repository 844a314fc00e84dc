import {
  findNodeAtLocation,
  type Node,
  type ParseError,
  type ParseErrorCode,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";
import { upgrade } from "#shared/migration.ts";
import { CATALOGUE_VERSION, Catalogue } from "#shared/model/catalogue.ts";
import { type Fault, parser } from "#shared/schema.ts";
import { checkCatalogue } from "./check.ts";
import { CATALOGUE_MIGRATIONS } from "./migrations.ts";

/** A fault with its place in the text; lines and columns count from 1. */
export interface LocatedFault extends Fault {
  readonly line: number;
  readonly column: number;
}

const catalogueParser = parser(Catalogue, "catalogue");

/** A text with broken syntax gives one fault after another for one slip; the first ones say what it is. */
const SHOWN_SYNTAX_FAULTS = 3;
const MAX_LOCATED_FAULTS = 100;

/** A catalogue's text, read: either what it says, or everything that is wrong with it and where. */
export type ReadCatalogue =
  | {
      readonly catalogue: Catalogue;
      readonly faults: readonly [];
      /** What reading it as of today's version changed; empty: it is of that version. */
      readonly changes: readonly string[];
    }
  | {
      readonly catalogue: null;
      readonly faults: readonly LocatedFault[];
      /** It is of a version that only a newer program knows; no more is said of it then. */
      readonly isNewer: boolean;
    };

export function readCatalogue(text: string): ReadCatalogue {
  const errors: ParseError[] = [];
  const tree = treeOf(text, errors);
  if (errors.length > 0 || tree === undefined) return refused(text, tree, syntaxFaults(text, errors));
  const repeated = repeatedKeys(tree, "");
  if (repeated.length > 0) return refused(text, tree, repeated);
  const raw: unknown = JSON.parse(text);
  const version = versionOf(raw);
  if (version > CATALOGUE_VERSION) return { ...refused(text, tree, [newerFault(version)]), isNewer: true };
  const { value, changes } = isObject(raw) ? upgrade(raw, version, CATALOGUE_MIGRATIONS) : { value: raw, changes: [] };
  const faults = checkCatalogue(value);
  if (faults.length === 0 && catalogueParser.check(value)) return { catalogue: value, faults: [], changes };
  return refused(text, tree, faults);
}

function newerFault(version: number): Fault {
  const message = `is ${version}, of a newer Berth than this one, which knows ${CATALOGUE_VERSION}`;
  return { path: "/version", message };
}

/** What is no version is taken for today's: the check then says so. */
function versionOf(raw: unknown): number {
  const version = isObject(raw) ? raw.version : undefined;
  return typeof version === "number" && Number.isInteger(version) && version >= 1 ? version : CATALOGUE_VERSION;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The faults with their places in the text: where the JSON pointer leads, or as far as it does. */
export function locate(text: string, faults: readonly Fault[]): LocatedFault[] {
  return located(text, treeOf(text, []), faults);
}

function treeOf(text: string, errors: ParseError[]): Node | undefined {
  return parseTree(text, errors, { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false });
}

function refused(text: string, tree: Node | undefined, faults: readonly PlacedFault[]) {
  return { catalogue: null, faults: located(text, tree, faults), isNewer: false } as const;
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
