import type { Migration } from "#shared/migration.ts";
import { NO_QUOTAS } from "#shared/model/quota.ts";

/** A catalogue as its file holds it, before it is checked: any field may be missing or wrong. */
type RawCatalogue = Readonly<Record<string, unknown>>;

/** The way of an older file to `CATALOGUE_VERSION`. Steps are added and never changed: files of every version are about. */
export const CATALOGUE_MIGRATIONS: readonly Migration<RawCatalogue>[] = [
  {
    from: 1,
    changes: "quotas were added, and none are set",
    step: (old) => ({ ...old, version: 2, quotas: NO_QUOTAS }),
  },
  {
    from: 2,
    changes:
      "QoS and projects' default flavors were added, and none are set; flavors may have extra specs, QoS and projects",
    step: (old) => ({ ...old, version: 3, qos: [], defaultFlavors: {} }),
  },
  {
    from: 3,
    changes: "zones may have settings that their backends share",
    step: (old) => ({ ...old, version: 4 }),
  },
  {
    from: 4,
    changes: "there may be keys for the EC2 API, and what its volume types mean",
    step: (old) => ({ ...old, version: 5 }),
  },
  {
    from: 5,
    changes: "flavors may say how hosts encrypt their volumes",
    step: (old) => ({ ...old, version: 6 }),
  },
];
