import { type Static, Type } from "typebox";
import { FlavorName, ProjectId } from "./names.ts";

/** As the field has it. */
export const UNLIMITED = -1;

/** What is counted, by the names that operators type. GiB are those of volumes and snapshots together. */
export const QUOTA_KINDS = ["volumes", "snapshots", "gib"] as const;
export type QuotaKind = (typeof QUOTA_KINDS)[number];

/**
 * What is limited for a project as a whole and not of single flavors: how many groups, how large one volume may be, and
 * backups, which Berth does not make: their limits are kept for those who set them, and nothing ever reaches them.
 */
export const PROJECT_LIMITS = ["groups", "perVolumeGib", "backups", "backupGib"] as const;
export type ProjectLimit = (typeof PROJECT_LIMITS)[number];

/** How much there is of each kind that quotas count. */
export const Tally = Type.Object({
  volumes: Type.Integer({ minimum: 0 }),
  snapshots: Type.Integer({ minimum: 0 }),
  gib: Type.Integer({ minimum: 0 }),
});
export type Tally = Static<typeof Tally>;

export const QuotaLimit = Type.Integer({
  minimum: UNLIMITED,
  maximum: 2_147_483_647,
  description: "a whole number; -1: no limit",
});

/** One limit for each kind; a kind that is not there is not limited here. */
export const QuotaLimits = Type.Object(
  { volumes: Type.Optional(QuotaLimit), snapshots: Type.Optional(QuotaLimit), gib: Type.Optional(QuotaLimit) },
  { additionalProperties: false },
);
export type QuotaLimits = Static<typeof QuotaLimits>;

/** What a project may have in all, and of single flavors (by name). */
export const Quota = Type.Object(
  {
    ...QuotaLimits.properties,
    groups: Type.Optional(QuotaLimit),
    perVolumeGib: Type.Optional(QuotaLimit),
    backups: Type.Optional(QuotaLimit),
    backupGib: Type.Optional(QuotaLimit),
    flavors: Type.Optional(
      Type.Record(FlavorName, QuotaLimits, { maxProperties: 10_000, additionalProperties: false }),
    ),
  },
  { additionalProperties: false },
);
export type Quota = Static<typeof Quota>;

/** `default` holds for each project and kind that has no limit of its own. */
export const Quotas = Type.Object(
  {
    default: Quota,
    projects: Type.Record(ProjectId, Quota, { maxProperties: 100_000, additionalProperties: false }),
  },
  { additionalProperties: false },
);
export type Quotas = Static<typeof Quotas>;

export const NO_QUOTAS: Quotas = { default: {}, projects: {} };
