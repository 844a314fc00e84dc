import { type Static, Type } from "typebox";
import type { DriverDeclaration } from "./declaration.ts";

/** Image files in a folder of a host ("Local VHD"), exported over iSCSI. */
export const FileParameters = Type.Object(
  {
    path: Type.String({
      pattern: "^/[^\\u0000-\\u001f]*$",
      maxLength: 1024,
      description: "absolute folder for the images",
    }),
    capacity_gib: Type.Number({ exclusiveMinimum: 0, maximum: 1024 ** 2, description: "what it may promise, in GiB" }),
    format: Type.Optional(
      Type.Union([Type.Literal("raw"), Type.Literal("qcow2"), Type.Literal("vhd")], {
        description: "image format (raw)",
      }),
    ),
    allocation: Type.Optional(
      Type.Union([Type.Literal("thin"), Type.Literal("thick")], {
        description: "sparse files, or space taken at creation (thin)",
      }),
    ),
  },
  { additionalProperties: false },
);
export type FileParameters = Static<typeof FileParameters>;

export const fileDeclaration: DriverDeclaration = {
  name: "file",
  title: "Image files (raw, qcow2, VHD) in a local folder, exported over iSCSI by tgt",
  parameters: FileParameters,
  example: "berth backend add gold file path=/srv/berth/gold capacity_gib=500 --zone north",
  location: ["path"],
};
