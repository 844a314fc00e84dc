import { type Static, Type } from "typebox";
import { LedgerSeq } from "#shared/model/names.ts";
import { parser } from "#shared/schema.ts";

/**
 * A backup is one file: the manifest as one line of JSON, the parts in its order, and as the last line the SHA-256 of
 * all that is before it. `head -n 1` shows the manifest, `head -c -65 FILE | sha256sum` checks the file.
 */
export const BACKUP_VERSION = 1;
export const LONGEST_MANIFEST_BYTES = 65_536;
/** 64 digits and the end of the line. */
export const CHECKSUM_BYTES = 65;

export const CATALOGUE_PART = "catalogue.json";
export const LEDGER_PART = "ledger.sqlite";

/** What every version of the form has: enough to say that a newer program wrote it. */
export const ManifestVersion = Type.Object({ berthBackup: Type.Integer({ minimum: 1 }) });

export const Manifest = Type.Object({
  berthBackup: Type.Literal(BACKUP_VERSION),
  /** The version of Berth that made it. */
  program: Type.String(),
  /** ISO 8601, UTC. */
  madeAt: Type.String(),
  /** The last commit that is in it. */
  ledgerSeq: LedgerSeq,
  recordsVersion: Type.Integer({ minimum: 1 }),
  catalogueVersion: Type.Integer({ minimum: 1 }),
  parts: Type.Array(
    Type.Object({
      name: Type.Union([Type.Literal(CATALOGUE_PART), Type.Literal(LEDGER_PART)]),
      bytes: Type.Integer({ minimum: 0 }),
    }),
    { minItems: 2, maxItems: 2 },
  ),
});
export type Manifest = Static<typeof Manifest>;

export const manifestParser = parser(Manifest, "the backup's manifest");
export const manifestVersionParser = parser(ManifestVersion);
