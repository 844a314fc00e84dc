import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { type Backend, Catalogue } from "#shared/model/catalogue.ts";
import { parser } from "#shared/schema.ts";
import { dataFiles } from "./data-folder.ts";

const catalogueParser = parser(Catalogue, "the catalogue that comes with Berth");

/** Puts the catalogue to start with into the data folder, unless there is one: that is the operator's. */
export function provideCatalogue(dataPath: string, fake: boolean): void {
  const { catalogue } = dataFiles(dataPath);
  if (existsSync(catalogue)) return;
  writeFileAtomic.sync(catalogue, `${JSON.stringify(firstCatalogue(dataPath, fake), null, 2)}\n`, { mode: 0o600 });
}

/** The template with the folders of its backends, relative in the file, put under the data folder. */
export function firstCatalogue(dataPath: string, fake: boolean): Catalogue {
  const template = join(import.meta.dirname, fake ? "catalogue-fake.json" : "catalogue.json");
  const catalogue = catalogueParser.parse(JSON.parse(readFileSync(template, "utf8")));
  return { ...catalogue, backends: catalogue.backends.map((backend) => withAbsolutePath(backend, dataPath)) };
}

function withAbsolutePath(backend: Backend, dataPath: string): Backend {
  const { path } = backend.parameters;
  if (typeof path !== "string") return backend;
  return { ...backend, parameters: { ...backend.parameters, path: join(dataPath, path) } };
}
