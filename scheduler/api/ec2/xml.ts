/** What an element holds. null and undefined: there is no such element. A list is one of `<item>`s. */
export type XmlValue = string | number | boolean | null | undefined | XmlFields | readonly XmlFields[];
export interface XmlFields {
  readonly [name: string]: XmlValue;
}

/** `attributes`: as they stand in the root's tag. */
export function xmlDocument(root: string, fields: XmlFields, attributes = ""): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${attributes}>${elements(fields)}</${root}>`;
}

function elements(fields: XmlFields): string {
  return Object.entries(fields)
    .map(([name, value]) => element(name, value))
    .join("");
}

function element(name: string, value: XmlValue): string {
  if (value === null || value === undefined) return "";
  const inner = content(value);
  return inner === "" ? `<${name}/>` : `<${name}>${inner}</${name}>`;
}

function content(value: Exclude<XmlValue, null | undefined>): string {
  if (typeof value !== "object") return escaped(String(value));
  if (isList(value)) return value.map((item) => element("item", item)).join("");
  return elements(value);
}

function isList(value: XmlFields | readonly XmlFields[]): value is readonly XmlFields[] {
  return Array.isArray(value);
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\r": "&#13;",
};
/** What XML 1.0 has no way to write. */
const UNWRITABLE = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

function escaped(text: string): string {
  return text.replaceAll(UNWRITABLE, "\ufffd").replaceAll(/[&<>"\r]/g, (character) => ESCAPES[character] ?? character);
}
