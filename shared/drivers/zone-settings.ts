import { type Static, Type } from "typebox";
import { SecretReference } from "./declaration.ts";

/** What is declared once for a zone, for all of its backends that need it: how its Xen pool is reached. */
export const ZoneSettings = Type.Object(
  {
    xenapi_url: Type.Optional(
      Type.String({
        pattern: "^https?://[^/@?#\\s]+/?$",
        maxLength: 255,
        description: "https://host of the Xen pool, any of its hosts",
      }),
    ),
    xenapi_user: Type.Optional(Type.String({ minLength: 1, maxLength: 255, description: "who logs in there" })),
    xenapi_password: Type.Optional(SecretReference),
    xenapi_ca_file: Type.Optional(
      Type.String({ pattern: "^/[^\\u0000-\\u001f]*$", maxLength: 1024, description: "absolute path of a PEM file" }),
    ),
    xenapi_fingerprint: Type.Optional(
      Type.String({
        pattern: "^([0-9A-Fa-f]{2}:?){32}$",
        description: "SHA-256 of the master's certificate, in hexadecimal",
      }),
    ),
    xenapi_verify_tls: Type.Optional(Type.Boolean({ description: "false: whoever answers is believed (true)" })),
  },
  { additionalProperties: false },
);
export type ZoneSettings = Static<typeof ZoneSettings>;
export type ZoneSettingName = keyof ZoneSettings;
