import { XMLParser } from "fast-xml-parser";
import { DateTime, Float, Int, type Typed } from "./typed.ts";

export interface WireCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** Blanks in text count; what is between elements does not. */
const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: true,
  trimValues: false,
  parseTagValue: false,
  htmlEntities: true,
  ignoreDeclaration: true,
});

interface Element {
  readonly name: string;
  readonly text: string;
  readonly children: readonly Element[];
}

/** @throws Error on what is no call */
export function parseXmlCall(body: string): WireCall {
  const call = elements(parser.parse(body)).find(({ name }) => name === "methodCall");
  const method = call === undefined ? undefined : child(call, "methodName")?.text.trim();
  if (call === undefined || method === undefined || method === "") throw new Error("no methodCall");
  const params = child(call, "params")?.children ?? [];
  return {
    method,
    params: params
      .filter(({ name }) => name === "param")
      .map((param) => {
        const value = child(param, "value");
        if (value === undefined) throw new Error("a param without a value");
        return decoded(value);
      }),
  };
}

function elements(nodes: unknown): Element[] {
  if (!Array.isArray(nodes)) return [];
  return nodes.flatMap((node: unknown) => {
    if (typeof node !== "object" || node === null) return [];
    const [entry] = Object.entries(node).filter(([name]) => name !== ":@");
    if (entry === undefined || entry[0] === "#text") return [];
    const [name, inner]: [string, unknown] = entry;
    return [{ name, text: textOf(inner), children: elements(inner) }];
  });
}

function textOf(nodes: unknown): string {
  if (!Array.isArray(nodes)) return "";
  return nodes
    .map((node: unknown) => (typeof node === "object" && node !== null && "#text" in node ? String(node["#text"]) : ""))
    .join("");
}

function child({ children }: Element, name: string): Element | undefined {
  return children.find((one) => one.name === name);
}

function decoded(value: Element): unknown {
  const [kind] = value.children;
  if (kind === undefined) return value.text;
  switch (kind.name) {
    case "int":
    case "i4":
    case "i8":
    case "double":
      return Number(kind.text.trim());
    case "boolean":
      return kind.text.trim() === "1" || kind.text.trim() === "true";
    case "array":
      return (child(kind, "data")?.children ?? []).filter(({ name }) => name === "value").map(decoded);
    case "struct":
      return Object.fromEntries(kind.children.filter(({ name }) => name === "member").map(memberOf));
    case "nil":
      return null;
    default:
      return kind.text;
  }
}

function memberOf(member: Element): [string, unknown] {
  const value = child(member, "value");
  return [child(member, "name")?.text ?? "", value === undefined ? "" : decoded(value)];
}

export function printXmlValue(value: Typed): string {
  if (typeof value === "string") return `<value>${escaped(value)}</value>`;
  if (typeof value === "boolean") return `<value><boolean>${value ? 1 : 0}</boolean></value>`;
  if (value instanceof Int) return `<value>${value.value}</value>`;
  if (value instanceof Float) return `<value><double>${value.value}</double></value>`;
  if (value instanceof DateTime) return `<value><dateTime.iso8601>${value.value}</dateTime.iso8601></value>`;
  if (isList(value)) return `<value><array><data>${value.map(printXmlValue).join("")}</data></array></value>`;
  const members = Object.entries(value).map(
    ([name, one]) => `<member><name>${escaped(name)}</name>${printXmlValue(one)}</member>`,
  );
  return `<value><struct>${members.join("")}</struct></value>`;
}

/** Errors of the API are answers as well: a struct with `Status`. */
export function printXmlAnswer(answer: { readonly value: Typed } | { readonly error: readonly string[] }): string {
  const struct: Typed =
    "value" in answer
      ? { Status: "Success", Value: answer.value }
      : { Status: "Failure", ErrorDescription: answer.error };
  return `<?xml version="1.0"?><methodResponse><params><param>${printXmlValue(struct)}</param></params></methodResponse>`;
}

function isList(value: Typed): value is readonly Typed[] {
  return Array.isArray(value);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\r", "&#13;");
}
