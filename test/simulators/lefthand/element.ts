/** A part of an answer, before it is written as XML or as text. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
}

const INDENT = " ";

export function xmlOf({ name, attributes, children }: Element): string {
  const open = [name, ...Object.entries(attributes).map(([key, value]) => `${key}="${escaped(value)}"`)].join(" ");
  return children.length === 0 ? `<${open}/>` : `<${open}>${children.map(xmlOf).join("")}</${name}>`;
}

/** For people: the name in capitals, what is in it indented below. */
export function textOf({ name, attributes, children }: Element): string {
  const width = Math.max(0, ...Object.keys(attributes).map((key) => key.length));
  const lines = Object.entries(attributes).map(([key, value]) => `${INDENT}${key.padEnd(width)} ${value}`);
  return [[name.toUpperCase(), ...lines].join("\n"), ...children.map(textOf)].join("\n\n");
}

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text
    .replace(/[&<>"]/g, (char) => entities[char] ?? char)
    .replace(/[\n\r\t]/g, (char) => `&#${char.charCodeAt(0)};`);
}
