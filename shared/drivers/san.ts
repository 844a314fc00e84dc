import { type Static, type TObject, Type } from "typebox";
import { SecretReference } from "./declaration.ts";

const Address = Type.String({
  pattern: "^[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?$",
  description: "a host name or an IP address",
});
const Port = Type.Integer({ minimum: 1, maximum: 65_535 });
const Path = Type.String({ pattern: "^/[^\\u0000-\\u001f]*$", maxLength: 1024 });

/**
 * Parameters that all storage systems on a network have, by the field's names. A driver spreads one of the two sets
 * below into its own `Type.Object`, with `additionalProperties: false`.
 */
const sanFields = {
  san_ip: Address,
  san_login: Type.String({ pattern: "^[\\x21-\\x7e]{1,255}$", description: "who the agents are there" }),
  san_password: Type.Optional(SecretReference),
  num_shell_tries: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 100, description: "how often what is safe to repeat is tried (3)" }),
  ),
  max_concurrent_calls: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 64, description: "calls at once, of all agents of the zone (4)" }),
  ),
  iscsi_ip_prefix: Type.Optional(
    Type.String({
      pattern: "^[0-9A-Fa-f.:]{1,45}$",
      description: "hosts are sent to the system's addresses that begin so: 10.0.7. (all)",
    }),
  ),
};

/** Of a system that is ruled by a command line over SSH. */
export const sanSshFields = {
  ...sanFields,
  san_private_key: Type.Optional(SecretKeyReference()),
  san_ssh_port: Type.Optional(Port),
  san_ssh_host_key: Type.Optional(
    Type.String({
      pattern: "^(SHA256:[A-Za-z0-9+/]{43}=?|(ssh|ecdsa)-[a-z0-9-]+ [A-Za-z0-9+/=]+( .*)?)$",
      maxLength: 4096,
      description: "SHA256:… or a whole public key (the first that is seen is kept, and must stay)",
    }),
  ),
  san_ssh_legacy: Type.Optional(Type.Boolean({ description: "speak the ciphers of old appliances as well (false)" })),
};

/** Of a system that is ruled by a web service. */
export const sanHttpsFields = {
  ...sanFields,
  san_api_port: Type.Optional(Port),
  san_ca_file: Type.Optional(Type.String({ ...Path, description: "PEM file of who vouches for its certificate" })),
  san_certificate_fingerprint: Type.Optional(
    Type.String({
      pattern: "^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$",
      description: "SHA-256 of its certificate, as `openssl x509 -fingerprint -sha256` tells it",
    }),
  ),
  san_tls_verify: Type.Optional(Type.Boolean({ description: "false: whoever answers is believed (true)" })),
};

/** What these fields are once they are parsed. */
export type SanSshParameters = Static<TObject<typeof sanSshFields>>;
export type SanHttpsParameters = Static<TObject<typeof sanHttpsFields>>;
export type SanParameters = Static<TObject<typeof sanFields>>;

export const DEFAULT_TRIES = 3;
export const DEFAULT_CALLS_AT_ONCE = 4;

/** A key has many lines, so it can only be a file. */
function SecretKeyReference() {
  return Type.String({ ...SecretReference, description: "file:/path of a private key in OpenSSH's form" });
}
