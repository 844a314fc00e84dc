import { type TObject, type TSchema, Type } from "typebox";

/**
 * What the catalogue must know of a driver without running it: its name, what it is, and its parameters as a schema.
 * The scheduler checks `backend add` by it, the agent's driver gets its parameters typed by it.
 */
export interface DriverDeclaration {
  readonly name: string;
  readonly title: string;
  readonly parameters: TObject;
  /** Parameters of a replication target; absent: the driver cannot mirror. */
  readonly replicationTarget?: TObject;
  /** Settings of the zone (`zone-settings.ts`) that it cannot do without; absent: none. */
  readonly zoneSettings?: readonly string[];
  /** A `backend add` line that works, for the help. */
  readonly example: string;
  /** Which parameter says where it is, so that two backends on one place are refused. */
  readonly location: readonly string[];
}

/** A secret by reference: the agents of the zone resolve it, it never travels and is never shown. */
export const SecretReference = Type.String({
  pattern: "^(file:/.+|env:[A-Za-z_][A-Za-z0-9_]*)$",
  maxLength: 1024,
  secret: true,
  description: "file:/path or env:NAME (never the secret itself)",
});

export function isSecretParameter(schema: TSchema): boolean {
  return "secret" in schema && schema.secret === true;
}
