import { findDriver } from "#shared/drivers/index.ts";

/** What of a backend says where it is. */
export interface Placeable {
  readonly driver: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** Where a backend is, within its zone and host, as one comparable text; null: its driver has no places. */
export function backendLocation({ driver, parameters }: Placeable): string | null {
  const names = findDriver(driver)?.location ?? [];
  const values = names.map((name) => parameters[name]).filter((value) => value !== undefined);
  if (values.length === 0) return null;
  return values.map((value) => (typeof value === "string" ? plainPath(value) : JSON.stringify(value))).join("\n");
}

/** `/srv//a/./b/../c/` and `/srv/a/c` are one place. What is not an absolute path stays as it is. */
function plainPath(text: string): string {
  if (!text.startsWith("/")) return text;
  const parts: string[] = [];
  for (const part of text.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
