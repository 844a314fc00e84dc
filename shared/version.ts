import { createRequire } from "node:module";
import { Type } from "typebox";
import { parser } from "./schema.ts";

const manifest = parser(Type.Object({ version: Type.String() }), "package.json").parse(
  createRequire(import.meta.url)("../package.json"),
);

export const BERTH_VERSION: string = manifest.version;
